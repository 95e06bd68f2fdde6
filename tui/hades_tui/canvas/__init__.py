"""Drawing into character cells: braille dots, half blocks, layers of cells.

Imports text and theme; curve, pairs and all packages above may import it.
"""
