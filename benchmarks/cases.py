"""What is measured: seven environments in three sizes, as the settings of a run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hades_protocol.run_spec import spec_to_dict
from hades_protocol.settings import merge
from hadesd.spec.presets import resolve

BRAX = ("hopper", "walker2d", "halfcheetah", "ant", "humanoid")
GAMES = ("SpaceInvaders-MinAtar", "CartPole-v1")
ENVIRONMENTS = BRAX + GAMES

SMALL: dict[str, Any] = {
    "method": "hades-f",
    "dataset": {"pairs": 4},
    "evolution": {"population": 64, "sigma": 0.1, "shaping": "ranks"},
    "cloning": {"epochs": 100},
    "policy": {"width": 64},
    "evaluation": {"environments": 1, "steps": 1024, "normalisation": "fixed"},
}
"""Of Brax; the games take what the preset `cpu` says."""

WIDE: dict[str, Any] = {
    "dataset": {"pairs": 64},
    "evolution": {"population": 16},
    "policy": {"width": 512},
}
"""Laid over the small one."""

SIZES = ("small", "wide", "cpu")
SAME = tuple((env, "cpu") for env in GAMES)
"""Left out where all sizes are meant: the preset `cpu` is the small size of the games."""

DEFAULT = ("hopper:small", "hopper:wide", "humanoid:small", "SpaceInvaders-MinAtar:small", "CartPole-v1:small")
"""What `make bench` measures: a case of each kind. `--cases all` is all of them."""


@dataclass(frozen=True)
class Case:
    """One environment in one size."""

    env: str
    size: str

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        return f"{self.env}:{self.size}"

    @property
    def spec(self) -> dict[str, Any]:
        """Every setting of it, resolved with this tree's presets: all sides of a measurement get the same."""
        own = {} if self.size == "cpu" or (self.size == "small" and self.env in GAMES) else SMALL
        if self.size == "wide":
            own = merge(own if self.env in BRAX else {}, WIDE)
        spec, _ = resolve(env=self.env, method=None, preset="cpu", file_values=own, assignments=(), has_gpu=False)
        return spec_to_dict(spec)


def parse(names: Iterable[str]) -> list[Case]:
    """Cases from `env:size`, `env` (all its sizes) or `all`.

    Raises:
        ValueError: an environment or a size that is not measured.
    """
    out: list[Case] = []
    for name in names:
        env, _, size = name.partition(":")
        envs = ENVIRONMENTS if env == "all" else (env,)
        sizes = (size,) if size else SIZES
        if set(envs) - set(ENVIRONMENTS) or set(sizes) - set(SIZES):
            raise ValueError(
                f"'{name}' is no case: ENV:SIZE with ENV of {', '.join(ENVIRONMENTS)} and SIZE of {', '.join(SIZES)}"
            )
        out += [Case(e, s) for e in envs for s in sizes if size or (e, s) not in SAME]
    return out
