"""The settings with which a dataset's policies are trained and measured: what its file says, completed."""

from collections.abc import Callable, Iterable
from typing import Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge, set_dotted
from hadesd.analysis.datasets.reader import DatasetFile, settings_from_meta
from hadesd.spec import own_code, validation
from hadesd.spec.presets import resolve


def settings_for(
    dataset: DatasetFile,
    env: str | None,
    assignments: list[tuple[str, Any]],
    *,
    hint: str,
    tell: Callable[[str], None],
    trusted: Iterable[str] | None = (),
) -> RunSpec:
    """The published settings, under what the file says, under what was asked for.

    hint: how a person can name the environment of a file that does not say it. tell: gets a line for people where the
    file does not say its settings. trusted: code that may be imported although only the file names it (None: any; the
    file is a run's own, or nothing will be imported).

    Raises:
        UsageError: the environment is not known, a setting is not accepted, or the file names code that nobody else
            does.
    """
    asked: dict[str, Any] = settings_from_meta(dataset.meta)
    made_for = asked.get("env")
    if env is not None:
        asked["env"] = env
    for key, value in assignments:
        set_dotted(asked, key, value)
    if asked.get("env") != made_for and "backend" not in dict(assignments):
        asked.pop("backend", None)  # that of another environment's physics
    if not isinstance(asked.get("env"), str):
        raise UsageError(f"{dataset.path} does not say which environment it is for: {hint}")
    if trusted is not None or "own_environment" not in asked:  # without that it would be asked, so imported
        given = {env, *(trusted or ()), *(value for _, value in assignments if isinstance(value, str))}
        _refuse_unnamed_code(dataset, asked, given)
    own = asked.get("own_environment") if asked["env"] == dataset.meta.get("environment") else None
    base, _ = resolve(
        env=asked["env"],
        method="hades-r",
        preset="published",
        file_values={"own_environment": own} if own else None,
        assignments=[],
        has_gpu=False,
    )
    _say_what_is_missing(dataset, tell)
    # Of the published settings only those of the inner loop matter here; the method and its k do not.
    values = {key: spec_to_dict(base)[key] for key in ("policy", "cloning", "evaluation", "images")}
    named = {"env": base.env, "method": "hades-r", "own_environment": spec_to_dict(base)["own_environment"]}
    values = merge(values, asked) | named
    if isinstance(values["policy"], dict):  # build_spec refuses anything else
        values["policy"] = values["policy"] | {"inits": None}
    spec = build_spec(values)
    validation.check(spec)
    return spec


def _refuse_unnamed_code(dataset: DatasetFile, asked: dict[str, Any], given: set[str | None]) -> None:
    """Stop where a file alone names package.module:name, which would be imported: only what a person names is."""
    policy = asked.get("policy")
    kind = policy.get("kind") if isinstance(policy, dict) else None
    for name in (asked["env"], kind):
        if isinstance(name, str) and own_code.is_code(name) and name not in given:
            raise UsageError(
                f"{dataset.path} names code, {name}, which is imported only where you name it too: "
                f"if you trust that package, --trust {name} (in Python: name it in env= or settings=)"
            )


def _say_what_is_missing(dataset: DatasetFile, tell: Callable[[str], None]) -> None:
    if not dataset.meta:
        tell("the file says nothing of its settings: the published ones are used where none is given")
        return
    missing = [key for key in ("policy", "cloning", "evaluation") if not isinstance(dataset.meta.get(key), dict)]
    if missing:
        tell(
            f"{dataset.path} does not say its settings of {', '.join(missing)}: the published ones are used where "
            "none is given; the files of 'hadesd export' say them all"
        )
