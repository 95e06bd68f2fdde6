"""The daemon process: asyncio loop, ZeroMQ sockets, requests, keys, signals, systemd.
It drives the supervisor and the integrations; only the command line starts it."""
