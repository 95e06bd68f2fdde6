"""For verbs that compute in their own process: a worker's environment, and Ctrl-C that works while jax computes."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from hades_protocol.errors import UsageError
from hadesd.api.jax_process import missing_packages, set_environment
from hadesd.cli.errors import Abandoned

if TYPE_CHECKING:
    from hades_protocol.paths import Paths
    from hades_protocol.run_spec import RunSpec

T = TypeVar("T")


def prepare_computing(spec: "RunSpec", module: str) -> None:
    """Set the environment, then jax; then import the module that computes. Call it before jax is imported."""
    set_environment(spec)
    # XLA calls a slow compilation an error, across the line that says how it goes on. What fails raises.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    def work() -> None:
        from hadesd.compute.jax_setup import collect_rarely, prepare

        collect_rarely()
        prepare()
        import_module(module)

    interruptible(work)


def interruptible(work: Callable[[], T], interrupted: Callable[[], None] = lambda: None) -> T:
    """Compute in a thread while the main thread waits, so that Ctrl-C takes effect at once and is never lost.

    In the main thread Python would handle Ctrl-C only after a compiled program has ended, minutes later, and would lose
    it during a callback from XLA (layouts of a program, the hook of the garbage collector): exceptions end there.

    interrupted: called after Ctrl-C, while the work may still go on. A second Ctrl-C ends the process on the spot.

    Raises:
        Abandoned: Ctrl-C, and interrupted has returned. The work never comes back, so it must write no files.
    """
    computing: Future[T] = Future()

    def compute() -> None:
        try:
            computing.set_result(work())
        except BaseException as error:  # noqa: BLE001 — raised again in the main thread
            computing.set_exception(error)

    try:
        # What an environment or a policy of the user's prints meanwhile is no part of the result.
        with contextlib.redirect_stdout(sys.stderr):
            threading.Thread(target=compute, name="computing", daemon=True).start()
            return computing.result()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        interrupted()
        raise Abandoned from None


def require_daemon_extra(verb: str) -> None:
    """Stop where the packages that compute are not installed.

    Raises:
        UsageError: says which command installs them.
    """
    if missing := missing_packages():
        raise UsageError(
            f"'hadesd {verb}' needs {', '.join(missing)}: pip install 'hades-distil[daemon]' "
            "(with an NVIDIA GPU: 'hades-distil[cuda]')"
        )


def require_somewhere_to_compute(verb: str, paths: "Paths") -> None:
    """Stop where no daemon computes for this command, and none can be started here.

    Raises:
        UsageError: says which command installs what a daemon needs, and how to name one on another machine.
    """
    from hades_protocol.sync_client import listens

    if paths.connect or listens(paths) or not (missing := missing_packages()):
        return
    raise UsageError(
        f"'hadesd {verb}' needs a daemon, and to start one here {', '.join(missing)} are missing: "
        "name one elsewhere with HADES_CONNECT, or pip install 'hades-distil[daemon]'"
    )
