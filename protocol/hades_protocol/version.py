"""The protocol's version and the rule of compatibility.

Two sides understand each other when their major numbers are equal; every message carries the sender's.
"""

MAJOR = 1


def is_compatible(major: int) -> bool:
    """Whether a peer of that major version can be talked to."""
    return major == MAJOR


def mismatch(major: int) -> str:
    """What a client says, on one line, about a daemon of another major version."""
    return f"the daemon speaks protocol {major}, this program {MAJOR}: upgrade the older of them"
