"""The terminal screen of a hades daemon. It imports hades_protocol and nothing of the daemon.

Modules here open and drive the screen: cli and attach start the application (app) with its main screen; actions and
run_actions change runs. The packages below are layered by a contract in pyproject.toml.
"""
