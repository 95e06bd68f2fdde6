"""A home with real daemons whose workers only count."""

from collections.abc import Iterator

import pytest

from tests.helpers.daemon import Home, a_home


@pytest.fixture
def home() -> Iterator[Home]:
    """A directory for one test's daemons."""
    with a_home() as home:
        yield home
