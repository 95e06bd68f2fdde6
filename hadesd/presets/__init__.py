"""Presets: settings by environment family, in TOML files beside this one."""

from hadesd.presets.layers import available, resolve

__all__ = ["available", "resolve"]
