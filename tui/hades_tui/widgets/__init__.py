"""Textual widgets: the panels of the main screen and the parts of dialogs.

Imports pages and the packages below; screens, the main screen and the application may import it.
"""
