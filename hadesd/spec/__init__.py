"""What can be asked for: environments, strategies, presets, sweeps, changes, and what a run costs.
No jax and no numpy. Imports `config`, `logs` and the protocol; whoever checks, makes or changes a spec enters."""
