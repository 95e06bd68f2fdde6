"""Numbers, durations and lines as text that fits a width."""
