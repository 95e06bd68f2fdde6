"""The algorithm in pure JAX: datasets, policies, cloning, rollouts, fitness, evolution strategies.
No files, sockets or logs. `hadesd.compute`, the worker and the analysis enter."""
