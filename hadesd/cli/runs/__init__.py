"""Verbs that start, show and change runs."""
