"""The state-action pairs: table, heat map, drawings, timeline of kept generations, export.

Imports state, theme, text and canvas; pages and all packages above may import it, curve and runs not.
"""
