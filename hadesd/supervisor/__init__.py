"""Runs and their workers: which starts, what state it is in, what clients are told of it.
No jax, no sockets, no asyncio: `hadesd.daemon` drives it; the command line and the integrations know its types."""
