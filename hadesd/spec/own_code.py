"""Environments and policies of one's own: code in the user's packages, found by name. Nothing of it is imported here.

An environment is named `package.module:name`, or by the name under which an installed package offers it (entry points
of the group `hades.environments`); a policy `package.module:name`. Where what they are has to be known before a run, a
process of its own imports them (`hadesd.compute.own_code`) and describes them: neither the daemon nor the command
line's own process ever does, only that one and the processes that compute.
"""

import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import CODE, OwnEnvironment, RunSpec
from hadesd.spec import environments
from hadesd.spec.user_files import as_argument

GROUP = "hades.environments"
"""Entry points of this group are environments: name -> package.module:name."""

INSPECTOR = (sys.executable, "-P", "-m", "hadesd.compute.own_code")
"""Describes what is named on its stdin. -P, and / as its directory: workers do not see the user's either."""

_CODE = re.compile(CODE)


def is_code(name: str) -> bool:
    """Whether a name is that of a thing in a package: package.module:name."""
    return _CODE.fullmatch(name) is not None


def named_by(spec: RunSpec) -> tuple[str, ...]:
    """The names package.module:name in a run's settings: what its worker imports because they say so."""
    return tuple(name for name in (spec.env, spec.policy.kind) if is_code(name))


@functools.cache
def entry_points() -> dict[str, tuple[metadata.EntryPoint, ...]]:
    """The environments that installed packages offer, by name."""
    found: dict[str, tuple[metadata.EntryPoint, ...]] = {}
    for point in metadata.entry_points(group=GROUP):
        if point not in found.get(point.name, ()):
            found[point.name] = (*found.get(point.name, ()), point)
    return dict(sorted(found.items()))


def target_of(name: str) -> str:
    """package.module:name of an environment.

    Raises:
        UsageError: no installed package offers an environment of that name, or several do.
    """
    if is_code(name):
        return name
    if ":" in name:
        raise UsageError(f"'{name}' is not the name of an environment of one's own, which is package.module:name")
    offered = entry_points().get(name, ())
    if not offered:
        raise UsageError(
            f"no installed package offers an environment '{name}' (entry points of the group {GROUP}): "
            "install the one that does, or name it package.module:name"
        )
    if len(offered) > 1:
        choices = " or ".join(f"--env {point.value}" for point in offered)
        raise UsageError(f"{len(offered)} installed packages offer an environment '{name}': name one, {choices}")
    if not is_code(offered[0].value):
        raise UsageError(f"the environment '{name}' is offered as '{offered[0].value}', not as package.module:name")
    return offered[0].value


def is_own(name: str) -> bool:
    """Whether a name is one of an environment of one's own: none of the table's, but code, or offered by a package."""
    return not environments.is_known(name) and (":" in name or name in entry_points())


def package_of(module: str) -> tuple[str, str]:
    """Distribution and version that a module was installed with; empty where it is of none."""
    top = module.partition(".")[0]
    for name in metadata.packages_distributions().get(top, ()):
        return name, metadata.version(name)
    # One that was installed in place (pip install -e) often lists none of its modules.
    for points in entry_points().values():
        for point in points:
            if point.dist is not None and point.module.partition(".")[0] == top:
                return point.dist.name, point.dist.version
    return _installed_in_place(top)


def _installed_in_place(package: str) -> tuple[str, str]:
    """Distribution and version of the project folder, installed with pip install -e, in which a package lies."""
    found = importlib.util.find_spec(package)  # of a name without dots it imports nothing
    if found is None or not (found.submodule_search_locations or found.has_location):
        return "", ""
    folder = Path([*(found.submodule_search_locations or ()), found.origin or ""][0]).resolve().parent
    for distribution in metadata.distributions():
        try:
            said = json.loads(distribution.read_text("direct_url.json") or "{}")
            root, editable = Path(unquote(urlsplit(said["url"]).path)).resolve(), said["dir_info"]["editable"]
        except (ValueError, KeyError, TypeError):
            continue  # as most are: of a registry, or a wheel
        if editable and folder in (root, root / "src"):
            return distribution.name, distribution.version
    return "", ""


def describe(name: str) -> OwnEnvironment:
    """What an environment of one's own says of itself, asked in a process of its own, and checked there.

    Raises:
        UsageError: it cannot be imported, or is no environment; one line says what is wrong with it.
    """
    answer = _ask(json.dumps({"environment": name, "target": target_of(name)}))
    return msgspec.convert(answer, OwnEnvironment)


def try_out(name: str, limit: int) -> tuple[OwnEnvironment, dict[str, Any]]:
    """The same, and what an episode of random actions came to: return, steps, ended, finite.

    limit: steps of it, where the environment says no time limit.

    Raises:
        UsageError: as describe.
    """
    answer = _ask(json.dumps({"environment": name, "target": target_of(name), "episode": limit}))
    return msgspec.convert(answer["described"], OwnEnvironment), answer["episode"]


def check_policy(spec: RunSpec) -> None:
    """Check a policy of one's own against a run's environment, in a process of its own.

    Raises:
        UsageError: it cannot be imported, or is no policy for that environment; one line says what is wrong with it.
    """
    if is_code(spec.policy.kind):
        entry = environments.of_spec(spec)
        question = {
            "policy": spec.policy.kind,
            "observation": entry.observation,
            "actions": entry.actions,
            "discrete": entry.discrete,
            "settings": msgspec.to_builtins(spec.policy),
        }
        _ask(json.dumps(question))


@functools.cache
def _ask(question: str) -> Any:
    environ = {**os.environ, "JAX_PLATFORMS": "cpu"}
    text = question.encode()
    done = subprocess.run(INSPECTOR, input=text, env=environ, cwd=os.sep, capture_output=True, check=False)
    try:
        answer = json.loads(done.stdout)
        if "error" in answer:
            raise UsageError(str(answer["error"]))
        return answer["found"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        asked = json.loads(question)
        what = asked.get("environment") or asked["policy"]
        raise UsageError(
            f"{what} cannot be looked at: the process that imported it ended with status {done.returncode}: {last}"
        ) from None


def evaluate_command(file: str | Path, env: str) -> str:
    """What evaluates a dataset file. Code that a file names is imported only where a person names it too."""
    return f"hadesd evaluate {as_argument(file)}{f' --env {env}' if is_code(env) else ''}"


def check_allowed(spec: RunSpec, listening: bool, allowed: Iterable[str]) -> None:
    """Refuse a run that names code, where others may ask for one and its package is not on the list.

    listening: whether the daemon listens over TCP. allowed: packages, of config.toml.

    Raises:
        UsageError: says what to write into config.toml.
    """
    known = set(allowed)
    for name in named_by(spec):
        package = re.split(r"[.:]", name)[0]
        if listening and package not in known:
            raise UsageError(
                f"{name}: this daemon listens over TCP, so a run may name code of listed packages only: "
                f"own_code = ['{package}'] in its config.toml allows it"
            )
