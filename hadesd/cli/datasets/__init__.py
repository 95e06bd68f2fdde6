"""Verbs about state-action pairs: export, import, evaluation, reports."""
