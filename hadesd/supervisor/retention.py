"""Which checkpoints a run's later workers shall keep, changed in its record."""

from typing import Any

from msgspec.structs import replace

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.settings import merge
from hadesd.supervisor.runs import RunRecord


def changed(record: RunRecord, **values: int | None) -> tuple[RunRecord, RunSpec, str]:
    """The record and the settings with other values in the section `checkpoints`, and the change in words.

    values: by the names of the section; None leaves one as it is.

    Raises:
        UsageError: a value out of range, or nothing to change.
    """
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if not given:
        raise UsageError("nothing to change: give keep_newest, keep_every or keep_best")
    settings = merge(record.spec, {"checkpoints": given})
    return replace(record, spec=settings), build_spec(settings), ", ".join(f"{k} {v}" for k, v in given.items())
