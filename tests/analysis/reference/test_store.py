"""references.json: what is put is there, what is not touched stays, and a damaged file is never overwritten."""

import os
import stat
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.messages import Reference
from hadesd.analysis.reference import store
from hadesd.storage.layout import REFERENCES
from hadesd.storage.references import MAX_REFERENCES, read_references

NAMES = st.sampled_from(["PPO", "SAC", "PPO, published", "Zufall – π"])
VALUES = st.floats(allow_nan=False, allow_infinity=False)
ENTRIES = st.builds(
    Reference,
    name=NAMES,
    value=VALUES,
    sem=st.none() | st.floats(0, 1e6),
    source=st.text(max_size=20),
    env_steps=st.none() | st.integers(1, 10**12),
)


@given(st.lists(ENTRIES | NAMES, max_size=12))
def test_putting_and_removing_leaves_the_others_alone(tmp_path_factory, changes):
    """A Reference is put, a name is removed; a dict says what must be there."""
    directory = tmp_path_factory.mktemp("run")
    model: dict[str, Reference] = {}
    for change in changes:
        if isinstance(change, Reference):
            store.put(directory, change)
            model[change.name] = change  # a dict keeps the place of a key that is set again: so must the file
        elif change in model:
            store.remove(directory, change)
            del model[change]
        else:
            with pytest.raises(NotFoundError, match="no reference"):
                store.remove(directory, change)
        assert store.load(directory) == tuple(model.values())
        assert read_references(directory) == tuple(model.values()), "the daemon reads something else"
    assert {path.name for path in directory.iterdir()} <= {REFERENCES}, "a temporary file was left"


DAMAGED = [b"", b"{", b"{}", b'[{"name": "PPO"}]', b'[{"name": "PPO", "value": "high"}]', b"\xff"]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_said_and_kept(tmp_path, content):
    path = tmp_path / REFERENCES
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is damaged") as caught:
        store.put(tmp_path, Reference(name="PPO", value=1.0))
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="is damaged"):
        store.check_writable(tmp_path, "PPO")
    assert path.read_bytes() == content, "what a person may want to mend was overwritten"


def test_a_run_holds_no_more_than_the_daemon_reads(tmp_path):
    for i in range(MAX_REFERENCES):
        store.put(tmp_path, Reference(name=f"r{i}", value=i))
    with pytest.raises(UsageError, match="remove one first"):
        store.put(tmp_path, Reference(name="one more", value=0))
    with pytest.raises(UsageError, match="remove one first"):
        store.check_writable(tmp_path, "one more")
    store.check_writable(tmp_path, "r3")
    store.put(tmp_path, Reference(name="r3", value=-1))
    assert len(store.load(tmp_path)) == MAX_REFERENCES
    with pytest.raises(UsageError, match="remove one first"):
        store.put(tmp_path, Reference(name="r3", value=-1, source="x" * 70_000))
    assert store.load(tmp_path)[3] == Reference(name="r3", value=-1)


def test_fields_are_written_for_people_to_read(tmp_path):
    store.put(tmp_path, Reference(name="PPO", value=1.5))
    text = (tmp_path / REFERENCES).read_text()
    assert text.count("\n") > 5, "one value a line"
    assert msgspec.json.decode(text) == [{"name": "PPO", "value": 1.5, "sem": None, "source": "", "env_steps": None}]


def test_changes_at_the_same_time_lose_nothing(tmp_path):
    threads = [
        threading.Thread(target=lambda i=i: store.put(tmp_path, Reference(name=f"r{i}", value=i))) for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.name for entry in store.load(tmp_path)} == {f"r{i}" for i in range(12)}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_found_out_first(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            store.check_writable(tmp_path, "PPO")
    finally:
        tmp_path.chmod(0o700)
