"""Small settings that compile and run in seconds."""

from typing import Any

from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.settings import merge

TINY: dict[str, Any] = {
    "env": "CartPole-v1",
    "method": "hades-r",
    "seed": 3,
    "dataset": {"pairs": 2},
    "evolution": {"population": 8, "generations": 4, "sigma": 0.3, "shaping": "ranks", "averaging": 0.2},
    "cloning": {"epochs": 4},
    "policy": {"width": 8, "depth": 1, "inits": 2},
    "evaluation": {"environments": 2, "steps": 24, "normalisation": "none"},
}


def tiny(**sections: Any) -> RunSpec:
    """The tiny CartPole run, with sections laid over it: tiny(evolution={"population": 4})."""
    return build_spec(merge(TINY, sections))
