"""A run on disk: file names, records, line files, checkpoints, datasets, locks, archives.
No jax and no numpy. Imports `spec`, `logs` and the protocol; whoever finds, reads or moves a run enters."""
