"""Which part of a population a process evaluates. No jax: it is known before that is started."""

from typing import NamedTuple


class Share(NamedTuple):
    """Which of `size` processes this is, of those that share a population."""

    rank: int = 0
    size: int = 1
