"""Textual screens over the main screen: dialogs about a run, log, health, watch, help.

Imports widgets, pages and the packages below; actions, the main screen and the application may import it.
"""
