"""Between a run's spec and the algorithm: building a problem, JAX's set-up, results, migration after a resize.
Imports distill, spec and storage; the worker, the analysis and the command line enter."""
