"""The fitness curve: its data, viewport, axes, legend and picture. Pure.

Imports state, theme, text and canvas; pages and all packages above may import it, pairs and runs not.
"""
