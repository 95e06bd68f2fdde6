"""Names of groups."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import UsageError
from hades_protocol.groups import check_group


@pytest.mark.parametrize("name", ["a", "cartpole-pairs-k3f9", "0", "a" * 63])
def test_names(name: str) -> None:
    assert check_group(name) == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a b", "a/b", "ä", "a" * 64, "a\n", "../x"])
def test_what_is_no_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a group") as caught:
        check_group(name)
    assert len(str(caught.value)) < 300


@given(st.text(max_size=80))
def test_no_name_leads_anywhere(name: str) -> None:
    with contextlib.suppress(UsageError):
        assert set(check_group(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
