"""Presets: settings by environment family, in TOML files beside this one."""

from hadesd.spec.presets.layers import available, preset_values, resolve

__all__ = ["available", "preset_values", "resolve"]
