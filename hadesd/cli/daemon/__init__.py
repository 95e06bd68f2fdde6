"""Verbs about the daemon, its keys, its GPUs and its settings."""
