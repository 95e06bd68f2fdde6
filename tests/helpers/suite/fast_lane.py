"""The fast lane, `pytest --fast`: the tests that start no process, compile no environment and are not slow.

Which these are is read from the code that a test can reach, and then enforced while it runs: a test that starts a
process or makes an environment all the same, or takes long, fails and says which mark it needs.
"""

import os
import pty
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

CPU_LIMIT = 15.0
"""Seconds of CPU, all threads, that a test of the lane may take: with cold caches, on a slow machine."""

STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "pty.spawn")
PROCESSES = {subprocess, pty, os.fork, os.execv, os.execve, os.posix_spawn, os.system}
MAKERS = {
    "hadesd.compute.build",
    "hadesd.compute.components",
    "hadesd.distill.environments.brax",
    "hadesd.distill.environments.gymnax",
    "hadesd.distill.environments.make",
}
"""Modules whose functions and classes make environments."""
MARKS = ("process", "environment", "slow")

_running: str = ""
_offences: list[str] = []


# Which tests ---------------------------------------------------------------------------------------------------


def marks_of(item: pytest.Item) -> set[str]:
    """Those of `MARKS` that a test bears, or that the code in its reach earns it."""
    marks = {mark.name for mark in item.iter_markers() if mark.name in MARKS}
    if isinstance(item, pytest.Function):
        fixtures = [definition.func for each in item._fixtureinfo.name2fixturedefs.values() for definition in each]
        for function in (item.function, *fixtures):
            marks |= _reached(function)
    return marks


@cache
def _reached(start: Any) -> frozenset[str]:
    """Follow the names in a function's code through the modules of tests and tools, to processes and environments."""
    found, seen, left = set(), set(), [start]
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if any(value is process for process in PROCESSES):
            found.add("process")
        elif isinstance(value, types.FunctionType | type) and value.__module__ in MAKERS:
            found.add("environment")
        elif str(getattr(value, "__module__", "")).partition(".")[0] in ("tests", "tools"):
            left += _uses(value)
    return frozenset(found)


def _uses(value: Any) -> Iterator[Any]:
    """What the code of a function, or of the methods of a class, names."""
    if isinstance(value, type):
        yield from (method for method in vars(value).values() if isinstance(method, types.FunctionType))
        yield from value.__bases__
        return
    value = getattr(value, "__wrapped__", value)
    if not isinstance(value, types.FunctionType):
        return
    names = set(_names(value.__code__))
    for name in names:
        used = value.__globals__.get(name)
        yield used
        if isinstance(used, types.ModuleType):
            yield from (vars(used).get(attribute) for attribute in names)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


# While they run ------------------------------------------------------------------------------------------------


def enforce() -> None:
    """From now on, for the life of this process: no test starts a process or makes an environment."""
    from hadesd.distill.environments.brax import BraxEnvironment
    from hadesd.distill.environments.gymnax import GymnaxEnvironment

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTS:
            _refuse(f"starts a process ({event} {str(arguments[:1])[:60]}): mark it with pytest.mark.process")

    sys.addaudithook(audit)
    for environment in (BraxEnvironment, GymnaxEnvironment):
        environment.__init__ = _refusing(environment.__init__)  # type: ignore[method-assign]


def _refusing(make: Callable[..., None]) -> Callable[..., None]:
    def refuse(self: Any, name: str, *arguments: Any, **options: Any) -> None:
        _refuse(f"makes the environment {name}: mark it with pytest.mark.environment")
        make(self, name, *arguments, **options)

    return refuse


def _refuse(offence: str) -> None:
    if _running:
        _offences.append(offence)
        pytest.fail(f"fast lane: this test {offence}", pytrace=False)


def watched(item: pytest.Item) -> Iterator[None]:
    """Run a test; it fails where it did what the lane forbids, even where that was in a thread or was caught."""
    global _running
    _running, start = item.nodeid, time.process_time()
    _offences.clear()
    try:
        yield
    finally:
        _running = ""
    seconds = time.process_time() - start
    if _offences:
        pytest.fail(f"fast lane: this test {_offences[0]}", pytrace=False)
    if seconds > CPU_LIMIT:
        pytest.fail(f"fast lane: this test took {seconds:.1f} s of CPU: mark it with pytest.mark.slow", pytrace=False)
