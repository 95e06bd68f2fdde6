"""The protocol's version and the rule of compatibility.

Two sides understand each other when their *major* numbers are equal. A minor number grows when fields,
verbs or event types are added: both sides ignore what they do not know, so either may be the older one.
"""

MAJOR = 1
MINOR = 3


def is_compatible(major: int) -> bool:
    """Whether a peer of that major version can be talked to."""
    return major == MAJOR
