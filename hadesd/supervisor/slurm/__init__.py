"""Workers that are Slurm jobs: submitted, found again, listened to over files, and never started twice.
The engine asks `executor.SlurmExecutor`; `relay` is what runs on the node. No jax."""
