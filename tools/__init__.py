"""What makes files of the repository from its source: reference pages of docs/, and the screen's skeletons.

Each module is a program, `python -m tools.settings_docs`; tests compare the files with what it would write. No part of
the wheel.
"""
