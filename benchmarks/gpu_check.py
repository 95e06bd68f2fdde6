"""What a GPU must show, as one JSON: `benchmarks/gpu_check.sh`, which also says what must travel to the machine.

Parts, in the order of their weight; each has a time of its own, and one that fails or comes too late says so in the
JSON while the rest goes on. Whatever computes is a process of its own, which gives the GPU's memory back when it ends.

  machine      devices as JAX, NVML and `hadesd doctor` see them
  start        hopper R with 32 candidates, 256 steps: seconds of a cold and of a warm start; whether two other
               processes, one with the same compiled programs and one that compiled for itself, go on from a state with
               the same bits
  run          `hadesd run`, SIGTERM, the same command again; compared with a run that nobody disturbed; who is seen on
               the GPU meanwhile (`hadesd gpus`)
  generations  seconds a generation of hopper R and humanoid R with 32 and 256 candidates (how much of it is latency),
               the vmap form beside the XLA form; the price of deterministic ops and of full float32 products
  published    the same with the published 2048 candidates
  memory       the device's peak by chunk, 2048 candidates (steps and epochs cut: they hold no memory)

All settings are the preset `published`. `--small --platform cpu` runs the same code with tiny sizes on a CPU.
"""

import argparse
import contextlib
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.children import HERE, ROOT, Side, SideError, a_home
from benchmarks.home import POLL_SECONDS, Home
from benchmarks.record import commit, machine
from hades_protocol.errors import HadesError
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.settings import set_dotted
from hadesd.spec.presets import resolve
from hadesd.supervisor.worker_environment import usable_cores

Findings = dict[str, Any]
FAILURES = (SideError, HadesError, OSError, ValueError, KeyError, subprocess.SubprocessError)
BUDGETS = {"machine": 20.0, "start": 150.0, "run": 70.0, "generations": 140.0, "published": 110.0, "memory": 50.0}
"""Seconds that a part may take, where so much is left of the whole."""

TO_MEASURE = 0.25
"""The share of a part's time that is kept for measuring, should compiling take too long."""

LEAST = 5.0
CHECKPOINTED = 75


class Stopped(BaseException):
    """SIGTERM: say what there is and end."""


class Clock:
    """Time that is left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, reserve: float = 0.0) -> float:
        """Seconds, less a share of the whole that something else needs; none left: 0."""
        return max(0.0, self._end - time.monotonic() - reserve * self.seconds)


class Check:
    """The parts, with what they share: sizes, directories, forms of the physics."""

    def __init__(self, options: argparse.Namespace, home: Path) -> None:
        self.home, self.small, self.platform = home, options.small, options.platform
        self.environment = {"JAX_PLATFORMS": "cpu"} if options.platform == "cpu" else {}
        self.envs = ("inverted_pendulum",) if self.small else ("hopper", "humanoid")
        self.populations = (4, 8) if self.small else (32, 256)
        self.largest = 16 if self.small else 2048
        self.chunks = (16, 8, 4) if self.small else (2048, 1024, 512, 256)
        self.generations_of_run = 500 if self.small else 12
        self.steps = 16 if self.small else 256
        self.round_seconds = 0.5 if self.small else 2.0
        self.forms = tuple((form, [("physics", form)]) for form in ("vmap", "xla"))

    # Settings ------------------------------------------------------------------------------------------------

    def spec(self, env: str, population: int, **settings: Any) -> dict[str, Any]:
        """The published settings of an environment with that population; `a__b=value` sets a.b."""
        spec, _ = resolve(env=env, method="hades-r", preset="published", file_values=None, assignments=(), has_gpu=True)
        out = spec_to_dict(spec)
        if self.small:
            for name, value in TINY.items():
                set_dotted(out, name, value)
        set_dotted(out, "evolution.population", population)
        for name, value in settings.items():
            set_dotted(out, name.replace("__", "."), value)
        return out

    def side(self, name: str, spec: Mapping[str, Any], place: str = "", **more: Any) -> Side:
        """A process that computes a spec. place: its home, where it shares compiled programs with others there."""
        environment = {**self.environment, **more.pop("environment", {})}
        return Side(
            name, HERE, spec, self.home / (place or name), environment=environment, gpu=self.platform == "gpu", **more
        )

    def ready(self, side: Side, seconds: float) -> dict[str, Any]:
        """What a side says when it has compiled; an error where it computes on something else than was asked for."""
        answer = side.ready(seconds)
        if answer["platform"] != self.platform:
            raise SideError(f"{side.name} computes on {answer['platform']}, not on {self.platform}")
        return answer

    @contextlib.contextmanager
    def sides(
        self, wanted: Mapping[str, Callable[[], Side]], clock: Clock, found: dict[str, Any]
    ) -> Iterator[dict[str, Side]]:
        """Sides, as many of which compile at the same time as there are cores; errors are left in `found`."""
        with contextlib.ExitStack() as stack:
            names, started, ready = list(wanted), dict[str, Side](), dict[str, Side]()
            for position, name in enumerate(names):
                for following in names[position : position + usable_cores()]:
                    if following not in started:
                        started[following] = stack.enter_context(wanted[following]())
                side = started[name]
                try:
                    answer = self.ready(side, clock.left(reserve=TO_MEASURE))
                except FAILURES as error:
                    found[name] = {"error": str(error)}
                    side.close()
                    continue
                found[name] = {key: answer[key] for key in ("chunk", "physics", "device_peak", "started")}
                ready[name] = side
            yield ready

    # Parts ---------------------------------------------------------------------------------------------------

    def machine(self, clock: Clock, found: Findings) -> None:
        """Devices, and what our own commands say of them."""
        home = Home(self.home / "machine", environment=self.environment)
        code = "import jax, json; print(json.dumps([[str(d), d.device_kind, d.platform] for d in jax.devices()]))"
        devices = subprocess.run(
            [sys.executable, "-c", code], env=home.environment, capture_output=True, text=True, timeout=clock.left()
        )
        doctor = subprocess.run(
            home.command("doctor", "--json"),
            env=home.environment,
            capture_output=True,
            text=True,
            timeout=max(LEAST, clock.left()),
        )
        findings = json.loads(doctor.stdout)["findings"] if doctor.stdout else doctor.stderr[-500:]
        found |= {
            "devices": json.loads(devices.stdout.splitlines()[-1]) if devices.stdout else devices.stderr[-500:],
            "gpus": json.loads(home.hadesd("gpus", "--json", timeout=max(LEAST, clock.left())))["gpus"],
            "doctor": [
                f"{f['level']} {f['name']}: {f['text']}" for f in findings if f["name"] in ("gpu", "jax", "hades")
            ],
        }

    def start(self, clock: Clock, found: Findings) -> None:
        """Cold and warm starts, and bits: all go on from the state after the first process's third generation."""
        spec = self.spec(self.envs[0], self.populations[0], evaluation__steps=self.steps)
        before, after = (str(self.home / f"{name}.npz") for name in ("before", "after"))
        with self.side("cold", spec, "start") as cold:
            answer = self.ready(cold, clock.left())
            found["cold"] = {"seconds": answer["seconds"], **answer["started"]}
            found["physics"] = answer["physics"]
            cold.ask("round", generations=1)
            cold.ask("save", file=before)
            cold.ask("round", generations=2)
            cold.ask("save", file=after)
        for name, place in (("warm", "start"), ("compiled_again", "again")):
            try:
                with self.side(name, spec, place) as other:
                    answer = self.ready(other, clock.left())
                    found[name] = {"seconds": answer["seconds"], **answer["started"]}
                    other.ask("load", file=before)
                    other.ask("round", generations=2)
                    differing = other.ask("load", file=after)["differing"]
                    found[name] |= {"same_bits": not differing, "leaves_that_differ": differing}
            except FAILURES as error:
                found[name] = {"error": str(error)}

    def run(self, clock: Clock, found: Findings) -> None:
        """`hadesd run` with a SIGTERM in between, and its undisturbed twin."""
        spec = self.home / "run.json"
        settings = {"evaluation__steps": self.steps, "evolution__generations": self.generations_of_run}
        spec.write_text(json.dumps(self.spec(self.envs[0], self.populations[0], **settings)))
        home = Home(self.home / "run", cache=self.home / "start/cache/jax", environment=self.environment)
        disturbed, twin = (self.home / name for name in ("disturbed", "twin"))
        process = _hadesd_run(home, spec, disturbed)
        try:
            found["first_commit"] = _until_lines(disturbed, 1, process, clock)
            found["gpus_meanwhile"] = _users(home, disturbed, clock)
            process.send_signal(signal.SIGTERM)
            found["sigterm_exit"] = process.wait(max(LEAST, clock.left()))
        finally:
            _end(process)
        found["generations_before"] = _lines(disturbed)
        for name, place in (("resume", disturbed), ("twin", twin)):
            began = time.monotonic()
            process = _hadesd_run(home, spec, place)
            try:
                found[f"{name}_exit"] = process.wait(max(LEAST, clock.left()))
            finally:
                _end(process)
            found[f"{name}_seconds"] = time.monotonic() - began
        found["resumes"] = _seams(disturbed)
        found["same_bytes"] = {
            name: _only(disturbed, name).read_bytes() == _only(twin, name).read_bytes()
            for name in ("metrics.jsonl", "dataset.npz")
        }
        found["as_it_should"] = (
            found["sigterm_exit"] == CHECKPOINTED
            and found["resume_exit"] == found["twin_exit"] == 0
            and all(found["same_bytes"].values())
        )

    def generations(self, clock: Clock, found: Findings) -> None:
        """Every environment, population and form; then the price of two flags. All compile at the same time."""
        wanted: dict[str, Callable[[], Side]] = {}
        for env in self.envs:
            for population in self.populations:
                for form, assignments in self.forms:
                    name = f"{env}-{population}-{form}"
                    wanted[name] = lambda n=name, e=env, p=population, a=assignments: self.side(
                        n, self.spec(e, p), assignments=a
                    )
        env, population = self.envs[0], self.populations[-1]
        for name, environment in (
            ("any_ops", {"XLA_FLAGS": "--xla_gpu_deterministic_ops=false"}),
            ("float32", {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}),
        ):
            whole = f"{env}-{population}-{self.forms[0][0]}-{name}"
            wanted[whole] = lambda n=whole, v=environment: self.side(
                n, self.spec(env, population), assignments=self.forms[0][1], environment=v
            )
        self._timed(wanted, clock, found)

    def published(self, clock: Clock, found: Findings) -> None:
        """The whole published population, one environment after the other: two forms of it fill a GPU."""
        for number, env in enumerate(self.envs):
            wanted: dict[str, Callable[[], Side]] = {}
            for form, assignments in self.forms:
                name = f"{env}-{self.largest}-{form}"
                wanted[name] = lambda n=name, e=env, a=assignments: self.side(
                    n, self.spec(e, self.largest), assignments=a
                )
            self._timed(wanted, Clock(clock.left() / (len(self.envs) - number)), found)

    def memory(self, clock: Clock, found: Findings) -> None:
        """The peak of the device by chunk."""
        cut = {"evaluation__steps": 8, "cloning__epochs": 2}
        wanted: dict[str, Callable[[], Side]] = {}
        for chunk in self.chunks:
            wanted[f"chunk-{chunk}"] = lambda c=chunk: self.side(
                f"chunk-{c}", self.spec(self.envs[0], self.largest, resources__chunk=c, **cut)
            )
        with self.sides(wanted, clock, found) as ready:
            for name, side in ready.items():
                found[name] |= side.ask("memory")

    def _timed(self, wanted: Mapping[str, Callable[[], Side]], clock: Clock, found: Findings) -> None:
        """Seconds a generation of each side, measured in turn while the others wait.

        Where no time is left for that: the second generation of its start, while others may have computed too.
        """
        with self.sides(wanted, clock, found) as ready:
            starts = {name: found[name]["started"] for name in ready}
            second = {name: start["first_generation"] - start["compile"] for name, start in starts.items()}
            measured = _patiently(ready, second, clock, self.round_seconds)
            for name, side in ready.items():
                found[name] |= measured.get(name, {"seconds": second[name], "rounds": []})
                found[name] |= side.ask("memory") if "error" not in found[name] else {}


TINY: dict[str, Any] = {
    "dataset.pairs": 2,
    "cloning.epochs": 3,
    "policy.width": 8,
    "evaluation.environments": 2,
    "evaluation.steps": 16,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the parts, each in a process of its own, and print the JSON."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    if options.part:
        return _one(options)
    began = time.monotonic()
    clock = Clock(options.seconds)
    parts: dict[str, Any] = {}
    document: dict[str, Any] = {"benchmark": "gpu_check", "small": options.small, "platform": options.platform}
    document |= {"commit": commit(ROOT), "machine": machine(), "parts": parts}
    try:
        with a_home("gpu") as home:
            for name in BUDGETS:
                if not options.only or name in options.only.split(","):
                    parts[name] = _part(name, options, home, clock)
    except Stopped:
        document["stopped"] = "SIGTERM"
    document["latency"] = _latency(parts)
    document["seconds"] = time.monotonic() - began
    text = json.dumps(_short(document))
    if options.output:
        options.output.write_text(text + "\n")
    print(text, flush=True)
    return 1 if "stopped" in document or _failed(parts) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=480.0, help="for all parts together (480)")
    parser.add_argument("--only", default="", help=f"with commas, of {', '.join(BUDGETS)}")
    parser.add_argument("--platform", choices=("gpu", "cpu"), default="gpu", help="where to compute (gpu)")
    parser.add_argument("--small", action="store_true", help="tiny sizes: to see that it runs")
    parser.add_argument("--output", type=Path, help="write the JSON there too")
    parser.add_argument("--part", choices=tuple(BUDGETS), help=argparse.SUPPRESS)  # in the process of one part
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped


def _part(name: str, options: argparse.Namespace, home: Path, clock: Clock) -> dict[str, Any]:
    """One part within its time; what it found, or why it found nothing. Whatever happens to it happens to it alone."""
    seconds = min(BUDGETS[name], clock.left())
    if seconds < LEAST:
        return {"skipped": f"{clock.left():.0f} s were left"}
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--part", name, "--home", str(home)]
    command += ["--platform", options.platform, "--seconds", f"{seconds:.1f}", *(["--small"] if options.small else [])]
    began = time.monotonic()
    with open(home / f"{name}.err", "w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            out, _ = process.communicate(timeout=seconds + LEAST)
        except subprocess.TimeoutExpired:
            out = _terminated(process)
        except Stopped:
            _terminated(process)
            raise
        errors.seek(0)
        said = errors.read().strip()
    found: dict[str, Any] = json.loads(out) if out else {"error": f"status {process.returncode}: {said[-800:]}"}
    taken = time.monotonic() - began
    print(f"{name}: {taken:.0f} s {found.get('error', '')[-300:]}", file=sys.stderr, flush=True)
    return found | {"took": taken}


def _terminated(process: "subprocess.Popen[str]") -> str:
    """End a part; what it found until then."""
    process.terminate()
    try:
        return process.communicate(timeout=LEAST)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _one(options: argparse.Namespace) -> int:
    """In the process of one part: what it finds, as JSON on stdout; where it fails, also what it found until then."""
    found: Findings = {}
    try:
        getattr(Check(options, options.home), options.part)(Clock(options.seconds), found)
    except FAILURES as error:
        found["error"] = f"{type(error).__name__}: {error}"
    except Stopped:
        found["error"] = "it took too long"
    print(json.dumps(found))
    return 0


def _patiently(
    sides: Mapping[str, Side], estimates: Mapping[str, float], clock: Clock, seconds: float
) -> dict[str, dict[str, Any]]:
    """Seconds a generation of each side, asked in turn: three rounds where time allows, one generation at least."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    failed: dict[str, dict[str, Any]] = {}
    for number in range(3):
        for name in sides if number % 2 == 0 else reversed(list(sides)):
            one = max([estimates[name], *taken[name]])
            if name in failed or clock.left() < 1.5 * max(one, seconds):
                continue
            request = {"seconds": seconds} if 2 * one < seconds else {"generations": 1}
            try:
                answer = sides[name].ask("round", timeout=clock.left(), **request)
            except SideError as error:
                failed[name] = {"error": str(error)}
            else:
                taken[name].append(answer["seconds"])
    measured = {name: {"seconds": statistics.median(all_), "rounds": all_} for name, all_ in taken.items() if all_}
    return measured | failed


def _latency(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds with the fewest candidates over those with most, by environment and form: 1 is nothing but latency."""
    timed = parts.get("generations", {}) | parts.get("published", {})
    by_kind: dict[str, dict[int, float]] = {}
    for name, found in timed.items():
        if name.count("-") == 2 and isinstance(found, dict) and "seconds" in found:
            env, population, form = name.split("-")
            by_kind.setdefault(f"{env}-{form}", {})[int(population)] = found["seconds"]
    return {kind: all_[min(all_)] / all_[max(all_)] for kind, all_ in by_kind.items() if len(all_) > 1}


# `hadesd run` ---------------------------------------------------------------------------------------------------------


def _hadesd_run(home: Home, spec: Path, directory: Path) -> "subprocess.Popen[bytes]":
    with open(home.directory.with_suffix(".log"), "ab") as log:
        command = home.command("run", "--spec", str(spec), "--directory", str(directory))
        return subprocess.Popen(command, env=home.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def _until_lines(directory: Path, count: int, process: "subprocess.Popen[bytes]", clock: Clock) -> float:
    """Wait until a run has committed so many generations; the seconds until then."""
    began = time.monotonic()
    while _lines(directory) < count:
        if process.poll() is not None or not clock.left():
            log = next(directory.glob("runs/*/worker.log"), None)
            text = log.read_text(errors="replace")[-800:] if log else "no worker.log"
            raise SideError(f"hadesd run has not committed {count} generations (status {process.poll()}): {text}")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def _users(home: Home, directory: Path, clock: Clock) -> Any:
    """Who is seen on the GPUs, by the daemon of that run; NVML is read every three seconds."""
    there = Home(directory, environment=home.environment | {"HADES_HOME": str(directory)})
    gpus = json.loads(there.hadesd("gpus", "--json", timeout=max(LEAST, clock.left())))["gpus"]
    return [{"name": g["name"], "memory_used": g["memory_used"], "processes": g["processes"]} for g in gpus]


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _only(directory: Path, name: str) -> Path:
    """A file of the one run below a directory.

    Raises:
        SideError: the run has not written it.
    """
    found = next(directory.glob(f"runs/*/{name}"), None)
    if found is None:
        raise SideError(f"{directory.name} has no {name}")
    return found


def _lines(directory: Path) -> int:
    found = next(directory.glob("runs/*/timings.jsonl"), None)
    return found.read_bytes().count(b"\n") if found else 0


def _seams(directory: Path) -> list[Any]:
    return [json.loads(line) for line in _only(directory, "resumes.jsonl").read_text().splitlines()]


def _failed(value: Any) -> bool:
    """Whether anything in it says that it failed."""
    if not isinstance(value, dict):
        return False
    wrong = value.get("same_bits") is False or value.get("as_it_should") is False
    return wrong or "error" in value or any(map(_failed, value.values()))


def _short(value: Any) -> Any:
    """The same with floats of four digits."""
    if isinstance(value, dict):
        return {key: _short(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_short(inner) for inner in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
