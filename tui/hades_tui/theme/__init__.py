"""Colours, glyphs, and what the terminal can show.

Imports only hades_protocol and the terminal libraries; every package but state may import it.
"""
