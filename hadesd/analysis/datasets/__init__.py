"""Dataset files: reading, writing, importing, merging, and the card that describes one."""
