"""The integrations that the daemon runs itself: hooks and the Prometheus endpoint, where they are configured."""

import asyncio
import concurrent.futures
import importlib.util
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hadesd import config
from hadesd.integrations.hooks.runner import Hooks
from hadesd.supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from hadesd.integrations.prometheus.metrics import Reading

READ_SECONDS = 5.0
"""How long the endpoint waits for the event loop."""

log = structlog.get_logger()


def require_packages(prometheus: config.Prometheus) -> None:
    """Stop where the endpoint is configured and its package is missing.

    Raises:
        UsageError: says which command installs it.
    """
    if prometheus.port is not None and importlib.util.find_spec("prometheus_client") is None:
        raise UsageError("prometheus.port needs prometheus-client: pip install 'hades-distil[prometheus]'")


class Integrations:
    """Started with the daemon's event loop, in its thread.

    Raises:
        UsageError: what is configured needs a package that is not installed.
    """

    def __init__(
        self, supervisor: Supervisor, configured: config.Settings, paths: Paths, say: Callable[[str], None]
    ) -> None:
        require_packages(configured.prometheus)
        self._supervisor = supervisor
        self._loop = asyncio.get_running_loop()
        self._hooks = Hooks(configured.hooks, paths.state, os.environ)
        supervisor.listen(self._hooks.on_step)
        self._endpoint = None
        if (port := configured.prometheus.port) is not None:
            from hadesd.integrations.prometheus.endpoint import Endpoint

            address = configured.prometheus.address
            try:
                self._endpoint = Endpoint(address, port, self._read)
            except OSError as error:  # no reason to leave the runs alone
                line = f"no Prometheus endpoint at {address} port {port}: {error.strerror or error}"
                log.error("no prometheus endpoint", address=address, port=port, why=error.strerror or str(error))
                say(f"{line}; the runs go on")
            else:
                log.info("prometheus endpoint", url=self._endpoint.url)
                say(f"Prometheus metrics: {self._endpoint.url}")

    async def close(self) -> None:
        """End the endpoint, then wait a short while for the hooks; the event loop goes on meanwhile."""
        if self._endpoint is not None:
            await asyncio.to_thread(self._endpoint.close)
        await asyncio.to_thread(self._hooks.close)

    def _read(self) -> "Reading":
        """From the endpoint's thread: the daemon as its own thread sees it."""
        from hadesd.integrations.prometheus.metrics import DaemonSilentError, Reading

        async def read() -> Reading:
            daemon = self._supervisor
            return Reading(daemon=daemon.info, runs=daemon.summaries(), gpus=daemon.gpus())

        reading = asyncio.run_coroutine_threadsafe(read(), self._loop)
        try:
            return reading.result(READ_SECONDS)
        except concurrent.futures.TimeoutError:
            reading.cancel()
            raise DaemonSilentError(f"the daemon did not answer within {READ_SECONDS:g} s") from None
