"""Real processes for tests: daemons and workers, ssh, Slurm, systemd, users and GPUs around them."""
