"""One request in, one reply out. Whatever arrives, the daemon goes on."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from hades_protocol import codec, replies, version
from hades_protocol import commands as c
from hades_protocol.downsample import MIN_POINTS
from hades_protocol.errors import HadesError, InternalError, ProtocolMismatchError, UsageError, WrongStateError
from hades_protocol.messages import DaemonInfo, Job
from hadesd.logs.rate_limit import RateLimitedLogger
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.supervisor import Supervisor

MAX_POINTS = 100_000
MAX_DEPTH = 32
MAX_TEXT = 4000
"""Letters of a refusal: it may repeat what was asked, and that may be long."""

AnyJob = c.Delete | c.Archive | c.Prune | c.Export | c.Evaluate
"""Requests whose result is a Job."""

log = structlog.get_logger()


class _Envelope(msgspec.Struct, frozen=True):
    """What is read of a request before anything else, so that even a wrong one can be answered."""

    request_id: str = ""
    verb: str = ""
    protocol_major: int = version.MAJOR


class Control:
    """Checks requests and has the supervisor carry them out.

    stop: called for a Stop request.
    check: called with every request; a HadesError from it refuses the request.
    """

    def __init__(self, supervisor: Supervisor, stop: Callable[[], None], check: Callable[[c.Request], None]) -> None:
        self._supervisor = supervisor
        self._stop = stop
        self._check = check
        self.refused = 0
        self._log = RateLimitedLogger()

    def answer(self, frames: list[bytes]) -> bytes | None:
        """The reply to the frames after the sender's identity; None where nobody waits for one any more."""
        envelope = _Envelope()
        try:
            if len(frames) != 1:
                raise ProtocolMismatchError(f"a request is one frame, not {len(frames)}")
            if len(frames[0]) > codec.MAX_REQUEST:
                raise ProtocolMismatchError(
                    f"a request of {len(frames[0])} bytes exceeds the limit of {codec.MAX_REQUEST}"
                )
            raw = codec.unpack(frames[0])
            envelope = codec.convert(raw, _Envelope)
            request = _parse(raw, envelope)
            if request.expires_at is not None and request.expires_at < time.time():
                self._log.info("request expired before it was read", verb=envelope.verb[:40])
                return None
            if request.session not in (None, self._supervisor.info.session):
                raise WrongStateError("the daemon was restarted since: look again, then repeat the request")
            self._check(request)
            return _reply(envelope, self._carry_out(request))
        except HadesError as error:
            self.refused += isinstance(error, ProtocolMismatchError)
            self._log.info("request refused", verb=envelope.verb[:40], code=error.code, why=str(error)[:400])
            return _failure(envelope, error)
        except Exception as error:  # noqa: BLE001 — a bug in one verb must not end the daemon and its runs
            self._log.error("request failed", verb=envelope.verb[:40], exc_info=True)
            return _failure(envelope, InternalError(f"the daemon failed on it ({error!r}); daemon.log has the details"))

    def _carry_out(self, request: c.Request) -> Any:
        daemon = self._supervisor
        if isinstance(request, AnyJob):  # most of these are mutations too
            return self._begin_job(request)
        if isinstance(request, c.Mutation):
            return self._change(request)
        match request:
            case c.Start():
                return daemon.submit(request)
            case c.Adopt():
                return daemon.adopt(request.run)
            case c.Stop():
                log.info("stop requested")
                self._stop()
                return self._info()
        return self._read(request)

    def _read(self, request: c.Request) -> Any:
        """What is only looked at."""
        daemon = self._supervisor
        match request:
            case c.Hello():
                return self._info()
            case c.Snapshot():
                return replies.SnapshotResult(
                    daemon=self._info(),
                    seq=daemon.seq,
                    runs=daemon.summaries(),
                    gpus=daemon.gpus(),
                    jobs=daemon.jobs.all(),
                )
            case c.Plan():
                return daemon.plan(request.spec)
            case c.Show():
                return daemon.show(request.run)
            case c.History():
                if not MIN_POINTS <= request.points <= MAX_POINTS:
                    raise UsageError(f"points = {request.points} is not accepted: {MIN_POINTS} to {MAX_POINTS}")
                return daemon.history(request.run, request.after, request.points, request.upto)
            case c.Dataset():
                return daemon.dataset(request.run, request.generation)
            case c.Logs():
                return daemon.logs(request)
        raise _unknown(request)

    def _begin_job(self, request: AnyJob) -> Job:
        """What a process of its own does with a run, beside the daemon."""
        jobs = self._supervisor.jobs
        expected = request.expected_state if isinstance(request, c.Mutation) else None
        run = self._supervisor.find_for_change(request.run, expected)
        match request:
            case c.Delete():
                return jobs.delete(run)
            case c.Archive():
                return jobs.archive(run)
            case c.Prune():
                return jobs.prune(run, request)
            case c.Export():
                return jobs.export(run, request.format, request.best)
            case c.Evaluate():
                return jobs.evaluate(run)

    def _change(self, request: c.Mutation) -> Any:
        """What changes a run, at once or by way of its worker."""
        daemon = self._supervisor
        match request:
            case c.Pause():
                return daemon.ask(request.run, events.PauseAsked(), request.expected_state)
            case c.Resume():
                return daemon.ask(request.run, events.ResumeAsked(), request.expected_state)
            case c.Cancel():
                return daemon.ask(request.run, events.CancelAsked(), request.expected_state)
            case c.Fork():
                return daemon.fork(request)
            case c.Resize():
                return daemon.resize(request)
            case c.Priority():
                return daemon.set_priority(request.run, request.priority, request.expected_state)
            case c.Remove():
                return daemon.remove(request.run, request.expected_state)
            case c.Retain():
                return daemon.retain(request)
            case c.Note():
                return daemon.set_note(request.run, request.text, request.expected_state)
            case c.Rename():
                return daemon.rename(request.run, request.name, request.expected_state)
            case c.Tag():
                return daemon.tag(request)
        raise _unknown(request)

    def _info(self) -> DaemonInfo:
        return msgspec.structs.replace(self._supervisor.info, refused=self.refused)


def _unknown(request: c.Request) -> ProtocolMismatchError:
    return ProtocolMismatchError(f"this daemon does not know the verb of {type(request).__name__}")


def _parse(raw: Any, envelope: _Envelope) -> c.Request:
    if not version.is_compatible(envelope.protocol_major):
        raise ProtocolMismatchError(
            f"the daemon speaks protocol {version.MAJOR}, the client {envelope.protocol_major}: "
            "install the same version of hades on both sides, then restart the daemon"
        )
    _refuse_deep(raw)
    request: c.Request = codec.convert(raw, c.AnyRequest)
    return request


def _refuse_deep(raw: Any) -> None:
    """Settings are two levels deep. What is a thousand deep ends in a RecursionError somewhere, sooner or later."""
    level = [raw]
    for _ in range(MAX_DEPTH):
        values = (value for one in level for value in (one.values() if isinstance(one, dict) else one))
        level = [value for value in values if isinstance(value, dict | list)]
        if not level:
            return
    raise ProtocolMismatchError(f"a request is at most {MAX_DEPTH} levels deep")


def _reply(envelope: _Envelope, result: Any) -> bytes:
    return codec.encode(
        replies.Reply(request_id=envelope.request_id, result=msgspec.to_builtins(result, builtin_types=(bytes,)))
    )


def _failure(envelope: _Envelope, error: HadesError) -> bytes:
    body = replies.ErrorBody(code=error.code, message=str(error)[:MAX_TEXT])
    return codec.encode(replies.Reply(request_id=envelope.request_id, error=body))
