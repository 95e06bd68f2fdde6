"""The evolution strategies of evosax, behind one interface: init, ask, tell, mean."""

from hadesd.distill.strategies.base import Strategy, exponential
from hadesd.distill.strategies.evosax import adam, descent, named, open_es, snes

__all__ = ["Strategy", "adam", "descent", "exponential", "named", "open_es", "snes"]
