"""Many runs out of one command: settings with several values, and every combination of them.

No jax and no daemon here. A combination is validated as `hadesd start` would validate it, all of them before
anything is queued.
"""

import itertools
import json
import math
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.names import GROUP_PATTERN
from hades_protocol.run_spec import RunSpec, spec_to_dict
from hadesd.spec.environments import short_name

SEED = "seed"
MOST_RUNS = 100_000
SUFFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # as in run ids: no i, l, o, 0, 1

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?")
_LIKE_A_RANGE = re.compile(r"[-+\d.eE]+\.\.[-+\d.eE]+")
_CLOSING = {"[": "]", "{": "}"}


@dataclass(frozen=True)
class Axis:
    """A setting by its dotted name, with the values that it shall take, in order."""

    key: str
    values: Sequence[Any]


@dataclass(frozen=True)
class Combination:
    """One run of a sweep: what was chosen of each axis that has a choice, and the whole settings that come of it."""

    chosen: dict[str, Any]
    spec: RunSpec

    @property
    def text(self) -> str:
        """dataset.pairs=4 seed=0"""
        return _describe(self.chosen)


def _describe(chosen: dict[str, Any]) -> str:
    return " ".join(f"{key}={format_value(value)}" for key, value in chosen.items())


def format_value(value: Any) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value)


def parse_axis(text: str) -> Axis:
    """Read `name=value,value,…`; see `parse_values`.

    Raises:
        UsageError: no name, no value, a range that is none, or brackets that do not close.
    """
    key, sep, raw = text.partition("=")
    key = key.strip()
    if not sep or not key:
        raise UsageError(f"--set takes name=value,value,…, not '{text}' (e.g. --set dataset.pairs=4,16,64)")
    return Axis(key, parse_values(key, raw))


def parse_values(key: str, text: str) -> list[Any]:
    """The values in `4,16,64`, `0..9` (both ends included) or `0..100..25`, or a mixture; each JSON or else text.

    A comma inside JSON brackets, braces or quotes separates nothing.

    Raises:
        UsageError: a value is missing, a range is none, or brackets or quotes do not close.
    """
    out: list[Any] = []
    for piece in _split(key, text):
        if not piece:
            raise UsageError(f"{key}={text}: a value is missing between the commas")
        if match := _RANGE.fullmatch(piece):
            out.extend(_range(key, piece, *(int(group) if group else None for group in match.groups())))
        elif _LIKE_A_RANGE.fullmatch(piece):
            raise UsageError(f"{key}={piece}: a..b and a..b..step are of whole numbers; list others: 0.1,0.2,0.3")
        else:
            out.append(_value(piece))
        if len(out) > MOST_RUNS:
            raise UsageError(f"{key} has more than {MOST_RUNS:,} values")
    return out


def _split(key: str, text: str) -> list[str]:
    pieces, start, closing, quoted, escaped = [], 0, "", False, False
    for i, character in enumerate(text):
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in _CLOSING:
            closing = _CLOSING[character] + closing
        elif closing and character == closing[0]:
            closing = closing[1:]
        elif character == "," and not closing:
            pieces.append(text[start:i].strip())
            start = i + 1
    if closing or quoted:
        missing = closing[0] if closing else '"'
        raise UsageError(f"{key}={text}: there is no closing {missing}")
    return [*pieces, text[start:].strip()]


def _range(key: str, piece: str, first: int | None, last: int | None, step: int | None) -> range:
    assert first is not None
    assert last is not None
    by = 1 if step is None else step
    if by == 0:
        raise UsageError(f"{key}={piece}: a step of 0 leads nowhere")
    count = (last - first) // by + 1  # len() of a range takes no number over 2**63
    if count <= 0:
        other = f"{first}..{last}..{-by}" if step is not None else f"{last}..{first}"
        raise UsageError(f"{key}={piece} has no values; did you mean {other}?")
    if count > MOST_RUNS:
        raise UsageError(f"{key}={piece} has {count:,} values; {MOST_RUNS:,} are the most")
    return range(first, last + (1 if by > 0 else -1), by)


def _value(piece: str) -> Any:
    try:
        return json.loads(piece)
    except json.JSONDecodeError:
        return piece


def check_axes(axes: Iterable[Axis]) -> list[Axis]:
    """The axes in the order in which they are combined: the seed changes slowest.

    So every combination has its first result before any has its second.

    Raises:
        UsageError: a setting is given twice, or a value of one is.
    """
    seen: set[str] = set()
    out = []
    for axis in axes:
        if axis.key in seen:
            raise UsageError(f"{axis.key} is given twice: give all its values at once, e.g. {axis.key}=1,2,3")
        seen.add(axis.key)
        words = [json.dumps(value, sort_keys=True) for value in axis.values]
        if len(set(words)) < len(words):
            twice = next(w for w in words if words.count(w) > 1)
            raise UsageError(f"{axis.key} lists {twice} twice")
        out.append(axis)
    return sorted(out, key=lambda axis: axis.key != SEED)


def count(axes: Iterable[Axis]) -> int:
    """How many runs that makes."""
    return math.prod(len(axis.values) for axis in axes)


def combine(axes: Sequence[Axis], resolve: Callable[[dict[str, Any]], RunSpec]) -> list[Combination]:
    """Every combination with its settings.

    resolve: one value for each axis -> the settings; raises UsageError for what cannot run.

    Raises:
        UsageError: one of them cannot run, or two are the same run.
    """
    total = count(axes)
    out: list[Combination] = []
    seen: dict[str, int] = {}
    for number, values in enumerate(itertools.product(*(axis.values for axis in axes)), start=1):
        chosen = {axis.key: value for axis, value in zip(axes, values, strict=True)}
        varied = {axis.key: chosen[axis.key] for axis in axes if len(axis.values) > 1}
        try:
            combination = Combination(varied, resolve(chosen))
        except UsageError as error:
            where = f"run {number} of {total} ({_describe(varied)}): " if total > 1 else ""
            raise UsageError(f"{where}{error}") from None
        same = seen.setdefault(identity(combination.spec), number)
        if same != number:
            raise UsageError(f"runs {same} and {number} of {total} are the same ({combination.text})")
        out.append(combination)
    return out


def identity(spec: RunSpec) -> str:
    """Equal where two runs compute the same with the same settings.

    Which checkpoints they keep is none of it: that changes no result, and `hadesd retain` changes it later.
    """
    settings = {name: value for name, value in spec_to_dict(spec).items() if name != "checkpoints"}
    return json.dumps(settings, sort_keys=True)


def default_name(env: str, axes: Iterable[Axis]) -> str:
    """A group's name from the environment, the settings that vary and chance: cartpole-pairs-k3f9."""
    varied = [axis.key.rpartition(".")[2] for axis in axes if len(axis.values) > 1 and axis.key not in (SEED, "env")]
    parts = [re.sub(r"[^a-z0-9]", "", part.lower()) for part in (short_name(env).lower(), *(varied or [SEED + "s"]))]
    stem = "-".join(part for part in parts if part)[:50].strip("-") or "sweep"
    name = f"{stem}-{''.join(secrets.choice(SUFFIX_ALPHABET) for _ in range(4))}"
    assert GROUP_PATTERN.fullmatch(name)
    return name


class Cost(msgspec.Struct, frozen=True):
    """What runs compute, summed."""

    runs: int  # how many runs
    generations: int  # of all runs
    candidates: int  # generations x population
    policies: int  # candidates x policy.inits: policies to train
    env_steps: int  # environment steps, of which sets of images have none


def cost(specs: Iterable[RunSpec], has_steps: Callable[[RunSpec], bool]) -> Cost:
    """The cost of all runs together, as far as the settings say it."""
    runs = generations = candidates = policies = env_steps = 0
    for spec in specs:
        found = spec.evolution.generations * spec.evolution.population
        runs += 1
        generations += spec.evolution.generations
        candidates += found
        policies += found * spec.inits
        if has_steps(spec):
            env_steps += found * spec.inits * spec.evaluation.environments * spec.evaluation.steps
    return Cost(runs, generations, candidates, policies, env_steps)
