"""What hadesd/__init__.py hands on, for type checkers; a test compares the two."""

from hades_protocol.async_client import AsyncClient as AsyncClient
from hades_protocol.messages import DaemonInfo as DaemonInfo
from hades_protocol.messages import GenerationMetrics as GenerationMetrics
from hades_protocol.messages import RunSummary as RunSummary
from hades_protocol.run_spec import RunSpec as RunSpec
from hades_protocol.run_state import RunState as RunState
from hadesd.analysis.evaluation.documents import Returns as Returns
from hadesd.api.client import Client as Client
from hadesd.api.client import Run as Run
from hadesd.api.client import connect as connect
from hadesd.api.client import connect_async as connect_async
from hadesd.api.datasets import Dataset as Dataset
from hadesd.api.datasets import load as load
from hadesd.api.distilling import Distilled as Distilled
from hadesd.api.distilling import distil as distil
from hadesd.api.errors import HadesError as HadesError
from hadesd.api.errors import InternalError as InternalError
from hadesd.api.errors import NotEndedError as NotEndedError
from hadesd.api.errors import NotFoundError as NotFoundError
from hadesd.api.errors import ProtocolMismatchError as ProtocolMismatchError
from hadesd.api.errors import RunFailedError as RunFailedError
from hadesd.api.errors import UnreachableError as UnreachableError
from hadesd.api.errors import UsageError as UsageError
from hadesd.api.errors import WrongStateError as WrongStateError
from hadesd.api.learning import evaluate as evaluate
from hadesd.api.learning import train as train
from hadesd.api.settings import settings as settings
from hadesd.api.training import Policies as Policies
from hadesd.api.training import Policy as Policy

__all__ = [
    "AsyncClient",
    "Client",
    "DaemonInfo",
    "Dataset",
    "Distilled",
    "GenerationMetrics",
    "HadesError",
    "InternalError",
    "NotEndedError",
    "NotFoundError",
    "Policies",
    "Policy",
    "ProtocolMismatchError",
    "Returns",
    "Run",
    "RunFailedError",
    "RunSpec",
    "RunState",
    "RunSummary",
    "UnreachableError",
    "UsageError",
    "WrongStateError",
    "connect",
    "connect_async",
    "distil",
    "evaluate",
    "load",
    "settings",
    "train",
]
