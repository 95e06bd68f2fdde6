"""Runs and their workers: which starts, what state it is in, what clients are told of it.
No jax, no ZeroMQ; asyncio for child processes alone. `hadesd.daemon` drives it; cli and integrations know its types."""
