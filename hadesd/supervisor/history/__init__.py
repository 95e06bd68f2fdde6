"""Metrics of a run in memory, as columns, and the cached curve of long runs.
Clients are answered from here; the files below belong to `hadesd.storage`."""
