"""Verbs that compute need packages that a laptop which only attaches does not have."""

import importlib.util

from hades_protocol.errors import UsageError

NEEDED = ("jax", "brax", "gymnax", "evosax", "orbax.checkpoint")


def missing_packages() -> list[str]:
    """Names of the packages of the daemon extra that are not installed; nothing of them is imported."""
    return [name for name in NEEDED if importlib.util.find_spec(name.partition(".")[0]) is None]


def require_daemon_extra(verb: str) -> None:
    """Stop where the packages that compute are not installed.

    Raises:
        UsageError: says which command installs them.
    """
    if missing := missing_packages():
        raise UsageError(
            f"'hadesd {verb}' needs {', '.join(missing)}: pip install 'hades-distil[daemon]' "
            "(with an NVIDIA GPU: 'hades-distil[cuda]')"
        )
