"""Evolution strategies from evosax, one file each, and the rest of evosax by name."""

from hadesd.distill.strategies.base import Strategy, exponential
from hadesd.distill.strategies.evosax import named
from hadesd.distill.strategies.open_es import open_es
from hadesd.distill.strategies.snes import snes

__all__ = ["Strategy", "exponential", "named", "open_es", "snes"]
