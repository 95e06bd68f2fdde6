"""The protocol between the hades daemon and its clients: messages, codec, version, and two clients (docs/protocol.md).

It also holds what both sides must agree on: run settings, run states, names, paths, keys and exit codes.
Every package may import it; it imports none of them, and of others only msgpack, msgspec and pyzmq.
"""
