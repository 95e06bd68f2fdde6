"""The fitness curve: its data, viewport, axes, legend and picture."""
