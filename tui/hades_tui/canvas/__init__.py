"""Drawing into character cells: braille dots, rasters."""
