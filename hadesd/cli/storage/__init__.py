"""Verbs about what runs have on disk: removing, archiving, pruning, cleaning up, and looking into checkpoints.
`backend` makes the changes, with a daemon or without one; `selection` chooses runs and asks first.
Entered by hadesd.cli.main.
"""
