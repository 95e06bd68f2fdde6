"""Numbers, durations and lines of text that fit a width.

Imports state and theme; canvas and all packages above may import it.
"""
