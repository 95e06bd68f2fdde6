"""The list of runs: filter, order, groups, columns. Pure.

Imports state, theme and text; pages and all packages above may import it, curve and pairs not.
"""
