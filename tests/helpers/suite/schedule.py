"""The order of a whole run, and which of xdist's processes takes what.

A module's tests stay together, so that what they share is made once. Modules whose tests start processes, and mostly
wait for them, alternate with those that compute: else the cores idle where several that wait meet. Large ones come
first, so that none is left over at the end.
"""

import re
from pathlib import Path

import pytest

from tests.helpers.suite import fast_lane


def mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests in that order, with a mark for xdist's `--dist loadgroup --no-loadscope-reorder`."""
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        group = mark.args[0] if mark else re.sub(r"\W", "_", str(item.path.relative_to(Path(__file__).parents[2])))
        if mark is None:
            item.add_marker(pytest.mark.xdist_group(group))
        modules.setdefault(group, []).append(item)
    waiting: list[list[pytest.Item]] = []
    computing: list[list[pytest.Item]] = []
    for module in modules.values():
        waits = any("process" in fast_lane.marks_of(item) for item in module)
        (waiting if waits else computing).append(module)
    places = [
        (place / len(kind), item)
        for kind in (waiting, computing)
        for place, module in enumerate(sorted(kind, key=_size, reverse=True))
        for item in module
    ]
    return [item for _, item in sorted(places, key=lambda entry: entry[0])]


def _size(module: list[pytest.Item]) -> tuple[bool, int]:
    return any(item.get_closest_marker("drill") for item in module), len(module)
