"""The JSON documents that verbs print with --json, by the sections of --help: types only, without jax and numpy.
Verbs enter, and the tests that make docs/json.md of them. What a lower layer returns as a type is not repeated here.
"""
