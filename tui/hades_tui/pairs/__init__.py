"""The state-action pairs: table, heat map, units, time line, export."""
