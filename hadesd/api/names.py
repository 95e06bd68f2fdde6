"""The names of the library, and where each is at home. Imports nothing before it is asked to."""

from importlib import import_module

MODULES = {
    "hadesd.api.datasets": ("load", "Dataset"),
    "hadesd.api.learning": ("train", "evaluate"),
    "hadesd.api.training": ("Policies", "Policy"),
    "hadesd.analysis.evaluation.documents": ("Returns",),
    "hadesd.api.settings": ("settings",),
    "hadesd.api.distilling": ("distil", "Distilled"),
    "hadesd.api.client": ("connect", "connect_async", "Client", "Run"),
    "hades_protocol.async_client": ("AsyncClient",),
    "hades_protocol.messages": ("RunSummary", "GenerationMetrics", "DaemonInfo"),
    "hades_protocol.run_state": ("RunState",),
    "hades_protocol.run_spec": ("RunSpec",),
    "hadesd.api.errors": (
        "HadesError",
        "UsageError",
        "NotFoundError",
        "WrongStateError",
        "NotEndedError",
        "RunFailedError",
        "UnreachableError",
        "ProtocolMismatchError",
        "InternalError",
    ),
}
"""Where what is offered is at home."""

HOMES = {name: module for module, names in MODULES.items() for name in names}
"""Name -> module."""


def find(name: str) -> object:
    """What a name of the library means.

    Raises:
        AttributeError: there is no such name.
    """
    if name not in HOMES:
        raise AttributeError(f"module 'hadesd' has no attribute '{name}'")
    return getattr(import_module(HOMES[name]), name)
