"""A run that somebody else made to do harm: generated from the definitions of what its files hold.

Every text field holds escapes, every integer is as large as is asked for.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hades_protocol.messages import GenerationMetrics, GenerationTiming, Reference, RunSummary
from hades_protocol.run_state import RunState
from hadesd.compute.results import dataset_meta, write_dataset
from hadesd.storage.layout import RunPaths
from hadesd.storage.records import RunRecord
from hadesd.storage.resume_records import ResumeRecord
from tests.helpers.runs.manifests import write_manifest
from tests.helpers.runs.specs import TINY, tiny

TEXT = "a\x1b[2J\x1b]0;title\x07\x9b31m\u202ez\n\r\t<b>[red]\x7f\ud7ff'\""
"""Escapes, controls of both halves, a change of direction, line ends, markup, quotes."""


def values_of(kind: Any, number: int, **given: Any) -> Any:
    """A value of a type, as JSON has it: each text TEXT, each integer `number`. given: fields that must be so."""
    info = kind if isinstance(kind, msgspec.inspect.Type) else msgspec.inspect.type_info(kind)
    match info:
        case msgspec.inspect.StructType():
            fields = {field.encode_name: field.type for field in info.fields}
            return {name: given[name] if name in given else values_of(of, number) for name, of in fields.items()}
        case msgspec.inspect.UnionType():
            return values_of(next(t for t in info.types if not isinstance(t, msgspec.inspect.NoneType)), number)
        case msgspec.inspect.EnumType():
            return next(iter(info.cls)).value
        case msgspec.inspect.LiteralType():
            return info.values[0]
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            return [values_of(info.item_type, number)]
        case msgspec.inspect.DictType():
            return {TEXT: TEXT}
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.IntType():
            return number
        case msgspec.inspect.FloatType():
            return 0.5
        case msgspec.inspect.StrType():
            return TEXT
    return TEXT


def make_run(directory: Path, number: int, in_record: int, named: bool = True) -> None:
    """A run directory with every file that a run can have.

    number: every integer that is not asked for by name; in_record: those of run.json. named: whether the dataset names
    its entries, with names that are none of the environment's.
    """
    paths, run = RunPaths(directory), directory.name
    paths.checkpoint(3).mkdir(parents=True)
    spec = TINY | {"images": {"directory": TEXT}}
    outcome = {"kind": "failed", "at": 1.0, "reason": TEXT, "log_tail": [TEXT]}
    record = values_of(RunRecord, in_record, schema=1, id=run, spec=spec, desired="run", outcome=outcome)
    paths.record.write_text(json.dumps(record | {TEXT: TEXT}))
    _lines(paths.metrics, [values_of(GenerationMetrics, number, generation=g) for g in (1, 2, 3)])
    _lines(paths.timings, [values_of(GenerationTiming, number, generation=g) for g in (1, 2, 3)])
    _lines(paths.resumes, [values_of(ResumeRecord, number, generation=2)])
    paths.references.write_text(json.dumps([values_of(Reference, number)]))
    manifest: dict[str, Any] = {"sha256": TEXT, "leaves": [[TEXT, "float32", [2]]], "fitness_mean": 1.0}
    manifest |= dict.fromkeys(("platform", "device", "physics", "cloning", "env", "method"), TEXT)
    manifest |= {"options": [TEXT], "settings": {TEXT: TEXT}, "versions": {TEXT: TEXT}, TEXT: TEXT}
    write_manifest(paths.checkpoint(3), 3, **manifest)
    paths.checkpoints.joinpath(f"bad-1-{TEXT.replace('/', '')}").mkdir()
    names = {"observation_names": [TEXT] * 4, "action_names": [TEXT] * 2} if named else {}
    meta = json.loads(dataset_meta(tiny(), 3)) | names
    arrays = {"states": np.zeros((2, 4), np.float32), "actions": np.eye(2, dtype=np.float32)}
    write_dataset(paths.dataset, arrays, json.dumps(meta | {"versions": {TEXT: TEXT}, TEXT: TEXT}))
    paths.worker_log.write_bytes(f"{TEXT}\n{json.dumps({'event': TEXT, TEXT: TEXT}, ensure_ascii=False)}\n".encode())


def summary(run: str) -> RunSummary:
    """What a hostile daemon says of a run."""
    values = values_of(RunSummary, 3, id=run, state=RunState.FAILED.value)
    return msgspec.convert(values, RunSummary)


def _lines(path: Path, values: list[Any]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
