"""Settings by dotted name: list them, parse `a.b=value`, and explain an error."""

import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Meta

from hades_protocol.errors import UsageError


class Leaf(msgspec.Struct, frozen=True):
    """One setting."""

    name: str  # dotted, e.g. evolution.sigma
    accepts: str  # what it takes, in words
    default: Any  # its value where nothing is said; null for none
    description: str  # its meaning
    paper: str = ""  # what the paper calls it, term or symbol; empty where it has no name there


def leaves(struct: type[msgspec.Struct], prefix: str = "") -> dict[str, Leaf]:
    """Every setting below a Struct type by its dotted name, in the order of definition."""
    out: dict[str, Leaf] = {}
    hints = typing.get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            out.update(leaves(hint, f"{prefix}{field.name}."))
            continue
        accepts, description = _describe(hint)
        default = None if field.default is msgspec.NODEFAULT else field.default
        name = f"{prefix}{field.name}"
        out[name] = Leaf(name, accepts, default, description, _paper(hint))
    return out


def words_of(struct: type[msgspec.Struct], name: str) -> tuple[str, ...]:
    """The words that a setting takes, by its dotted name; none where it takes anything else, or is unknown."""
    first, _, rest = name.partition(".")
    hint = typing.get_type_hints(struct).get(first)
    if rest:
        return words_of(hint, rest) if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else ()
    if hint is bool:
        return ("true", "false")
    return tuple(map(str, typing.get_args(hint))) if typing.get_origin(hint) is typing.Literal else ()


def _describe(hint: Any) -> tuple[str, str]:
    """A phrase for the values that a type hint accepts, and its description."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        base, *extras = typing.get_args(hint)
        accepts, description = _describe(base)
        for meta in extras:
            if isinstance(meta, Meta):
                accepts = str((meta.extra or {}).get("accepts", accepts + _bounds(meta)))
                description = meta.description or description
        return accepts, description
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint))), ""
    if origin in (typing.Union, types.UnionType):
        parts = [_describe(a) for a in typing.get_args(hint) if a is not type(None)]
        return " or ".join(p[0] for p in parts) + " or null", next((p[1] for p in parts if p[1]), "")
    if origin is dict:
        return "names with numbers, one setting each", ""
    if origin is tuple:
        return _describe_list(typing.get_args(hint)[0]), ""
    names = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
    return names.get(hint, str(hint)), ""


def _paper(hint: Any) -> str:
    """What the paper calls a setting (`extra` of its Meta); empty where nothing is said."""
    annotated = [part for part in (hint, *typing.get_args(hint)) if typing.get_origin(part) is typing.Annotated]
    metas = [meta for part in annotated for meta in typing.get_args(part)[1:] if isinstance(meta, Meta)]
    return next((str(meta.extra["paper"]) for meta in metas if meta.extra and "paper" in meta.extra), "")


def _describe_list(item: Any) -> str:
    """A phrase for a list. item: the type hint of its entries."""
    accepts, _ = _describe(item)
    if accepts != "text":
        return f"a list of counts, each {accepts.removeprefix('an integer, ')}"
    texts = [meta for meta in typing.get_args(item)[1:] if isinstance(meta, Meta) and meta.min_length]
    return "a list of one or more texts, none of them empty" if texts else "a list of texts"


def _bounds(meta: Meta) -> str:
    low = f"at least {meta.ge}" if meta.ge is not None else f"above {meta.gt}" if meta.gt is not None else ""
    high = f"at most {meta.le}" if meta.le is not None else f"below {meta.lt}" if meta.lt is not None else ""
    both = " and ".join(part for part in (low, high) if part)
    return f", {both}" if both else ""


OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "activation_function": ("policy.activation",),
    "batch_size": ("images.batch",),
    "beta1": ("evolution.momentum",),
    "d": ("dataset.pairs",),
    "dataset_size": ("dataset.pairs",),
    "env_id": ("env",),
    "env_name": ("env",),
    "environment": ("env",),
    "episode_length": ("evaluation.steps",),
    "es": ("evolution.strategy",),
    "eval_every": ("evaluation.mean_every",),
    "generations": ("evolution.generations",),
    "gpu": ("resources.gpus",),
    "grad_clip": ("cloning.clip_norm",),
    "hidden_size": ("policy.width",),
    "horizon": ("evaluation.steps",),
    "inner_lr": ("cloning.learning_rate",),
    "inner_steps": ("cloning.epochs",),
    "iterations": ("evolution.generations",),
    "k": ("policy.inits",),
    "layers": ("policy.depth",),
    "lr": ("cloning.learning_rate", "evolution.learning_rate"),
    "max_steps": ("evaluation.steps",),
    "n": ("evolution.population",),
    "noise": ("evolution.sigma",),
    "normalise": ("evaluation.normalisation",),
    "normalize": ("evaluation.normalisation",),
    "num_envs": ("evaluation.environments",),
    "num_layers": ("policy.depth",),
    "num_pairs": ("dataset.pairs",),
    "outer_lr": ("evolution.learning_rate",),
    "pop_size": ("evolution.population",),
    "popsize": ("evolution.population",),
    "random_seed": ("seed",),
    "rollouts": ("evaluation.environments",),
    "rollout_length": ("evaluation.steps",),
    "samples": ("dataset.pairs",),
    "std": ("evolution.sigma",),
    "units": ("policy.width",),
}
"""What papers and other programs call a setting of ours, for those who type that: last part -> settings."""


def nearest(key: str, known: Iterable[str], otherwise: str = "see 'hadesd settings' for all of them") -> str:
    """A phrase that names the known keys nearest to a wrong one; `otherwise` where none is near."""
    known = list(known)
    last = key.rsplit(".", 1)[-1]
    close = [name for name in OTHER_NAMES.get(last.lower().replace("-", "_"), ()) if name in known]
    close = close or difflib.get_close_matches(key, known, n=3, cutoff=0.6)
    close += [k for k in known if k.rsplit(".", 1)[-1] == last and k not in close]
    if not close:
        by_last = {k.rsplit(".", 1)[-1]: k for k in known}
        close = [by_last[m] for m in difflib.get_close_matches(last, by_last, n=3, cutoff=0.5)]
    if close:
        return "did you mean " + " or ".join(f"'{k}'" for k in close[:3]) + "?"
    return otherwise


def explain(error: msgspec.ValidationError, known: Mapping[str, Leaf], values: Mapping[str, Any]) -> str:
    """One line for a validation error: the setting, the value it got and what it accepts."""
    match = re.search(r"at `\$\.([\w.]+)(?:\[\d+\])?`", str(error))
    name = match.group(1) if match else ""
    if name not in known:
        return f"the settings do not fit: {error}"
    value: Any = values
    for part in name.split("."):
        value = value[part]
    return f"{name} = {json.dumps(value, default=repr)} is not accepted: it takes {known[name].accepts}"


def parse_assignment(text: str) -> tuple[str, Any]:
    """Read `a.b=value`; the value is read as JSON where it is JSON, else as text.

    Raises:
        UsageError: there is no '=' or no name before it.
    """
    key, sep, raw = text.partition("=")
    key = key.strip()
    if not sep or not key:
        raise UsageError(f"--set takes name=value, not '{text}' (e.g. --set evolution.population=256)")
    try:
        return key, json.loads(raw)
    except json.JSONDecodeError:
        return key, raw.strip()


def set_dotted(values: dict[str, Any], key: str, value: Any) -> None:
    """Put a value at a dotted name of a nested dict, in place.

    Raises:
        UsageError: the name goes through something that is a value, not a section.
    """
    *sections, last = key.split(".")
    at = values
    for section in sections:
        at = at.setdefault(section, {})
        if not isinstance(at, dict):
            raise UsageError(f"unknown setting '{key}': '{section}' is a value, not a section")
    if isinstance(at.get(last), dict):
        raise UsageError(
            f"'{key}' is a section, not a value: set one of its settings, e.g. {key}.{next(iter(at[last]))}=…"
        )
    at[last] = value


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts, the second laid over the first; neither is changed."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return out
