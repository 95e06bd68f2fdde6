"""Verbs that remove, archive and prune what runs have on disk."""
