"""Verbs about the daemon and its machine: serve, stop, its systemd unit, settings, paths, GPUs, keys, hooks, mirrors.
Most work without a daemon. Entered by hadesd.cli.main.
"""
