"""Drawings of a pair, one module per kind of environment; `choice` finds the one for a run. Pure.

Imports pairs.table, canvas, text and theme; pairs.view_state and pairs.export import it.
"""
