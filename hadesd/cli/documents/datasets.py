"""Documents of the verbs about datasets. Those of three verbs lie beside the code that makes them.

evaluate, transfer: hadesd.analysis.evaluation.documents. reference: hadesd.analysis.reference.documents.
"""

from typing import Any

import msgspec

from hades_protocol.messages import Reference


class ExportDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset that was copied out of a run."""

    id: str  # the run
    file: str  # path of the dataset
    files: tuple[str, ...]  # everything that was written: the dataset, then what is beside it
    env: str  # environment
    pairs: int  # state-action pairs
    generation: int  # whose mean dataset it is
    normalisation: str  # evaluation.normalisation: units of the states
    evaluated_mean: float | None  # return of policies trained on it; null where the run did not evaluate it
    evaluated_sem: float | None  # its standard error over initialisations


class ImportDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset that was made of somebody else's states and actions."""

    file: str  # path of the dataset
    files: tuple[str, ...]  # everything that was written: the dataset, then what is beside it
    env: str  # environment
    pairs: int  # state-action pairs
    normalisation: str  # evaluation.normalisation: units of the states
    method: str  # imported, or what the file says: hades-r, hades-f


class PairsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The state-action pairs of a dataset."""

    states: list[Any]  # numbers [D, *obs], in normalised units where meta.normalisation is not none
    actions: list[list[float]]  # [D, A]: actions, or label probabilities of discrete ones
    meta: dict[str, Any]  # what the file says of its making; empty where it says nothing


class MergedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One environment's pairs in a merged dataset."""

    env: str  # environment
    pairs: int  # its pairs
    observation: tuple[int, ...]  # shape of its observations, without padding
    actions: int  # entries of its actions, without padding
    normalisation: str  # evaluation.normalisation of its pairs


class MergeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset that was merged of several environments' datasets."""

    file: str  # path of the merged dataset
    envs: tuple[str, ...]  # its environments
    pairs: int  # all of its pairs
    parts: tuple[MergedPart, ...]  # in the order of the pairs


class ReportDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a report."""

    id: str | None  # the run; null where a file was named
    env: str | None  # environment; null where it is not known
    files: tuple[str, ...]  # paths that were written
    rollout_return: float | None  # return of the episode in the report; null without one
    rollout_steps: int | None  # its steps


class ReferencesDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The references of a run, after --value, --remove or --list."""

    id: str  # the run
    references: tuple[Reference, ...]  # in the order in which they were added
