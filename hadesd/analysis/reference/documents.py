"""What a training of PPO comes to, as scripts read it: the JSON document of `hadesd reference`. No jax is needed."""

import msgspec

from hades_protocol.messages import Reference
from hades_protocol.run_spec import Evaluation
from hadesd.analysis.reference.settings import PPO


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """One seed of PPO: its return and its learning curve."""

    seed: int  # of the training
    value: float  # mean return of the trained policy
    sem: float | None  # standard error over groups of environments; null of one group
    episodes: int  # completed episodes of the final measurement
    unfinished: int  # environments in which no episode ended: their return so far was counted
    env_steps: int  # environment steps of training
    seconds: float  # of training and measuring
    curve: tuple[tuple[int, float], ...]  # (environment steps, mean return), from before the first step to the last


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """The package that PPO is from."""

    name: str  # brax
    version: str  # the installed one


class ReferenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How PPO was trained and measured."""

    ppo: PPO  # settings ppo.* (`hadesd reference --help` lists them)
    evaluation: Evaluation  # settings evaluation.*
    backend: str  # setting backend


class ReferenceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What PPO reaches in an environment."""

    id: str | None  # the run that keeps the reference; null where an environment was named
    env: str  # environment
    reference: Reference  # the level, over all seeds
    seeds: tuple[Trained, ...]  # each training
    seconds: float  # of all trainings together
    library: Library  # whose PPO it is
    settings: ReferenceSettings  # how it was trained and measured
