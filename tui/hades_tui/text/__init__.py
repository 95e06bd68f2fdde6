"""Numbers, durations and lines of text that fit a width.

Imports state and theme; canvas and all rooms above may import it.
"""
