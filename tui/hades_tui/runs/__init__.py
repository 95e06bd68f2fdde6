"""The table of runs: columns, order, groups, filter."""
