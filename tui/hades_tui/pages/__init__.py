"""Whole pages as lines: watch, health, log, help, forms, details, plain text.

Imports curve, pairs, runs and the packages below; widgets and screens may import it.
"""
