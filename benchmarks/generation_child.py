"""One side of a measurement: builds a run's generation as its worker does, then computes generations when it is asked.

`python -P generation_child.py JOB.json`, with PYTHONPATH at the root, `protocol` and `tui` of the tree that is measured
(benchmarks/children.py does so). It imports nothing of `benchmarks`, so that it also runs on the code of other commits.

JOB.json: `spec`, the settings as nested names; `root`, the tree; `assignments`, dotted names and values laid over
`spec`; `gpu`, whether a GPU may be used. Settings that the tree does not know are left out, and named in the answer.

It sets the environment that the tree's own supervisor gives a worker and starts itself again in it. Then one JSON line
on stdout for each JSON line on stdin; stdout of everything else goes to stderr. See `Side` for the requests.
"""

import inspect
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any, TextIO

STAGE = "HADES_BENCH_STAGE"
ANSWERS = "HADES_BENCH_ANSWERS"
NICENESS = 10
"""As workers have it."""


def main(job_file: str) -> int:
    """Set the environment and start again, or serve requests until stdin ends."""
    with open(job_file) as file:
        job = json.load(file)
    _see_tree(Path(job["root"]))
    if STAGE not in os.environ:
        _start_again(job)
    with os.fdopen(int(os.environ[ANSWERS]), "w", buffering=1) as answers:
        _serve(job, answers)
    return 0


def _see_tree(root: Path) -> None:
    """Refuse to measure other code than was asked for."""
    import hades_protocol
    import hadesd

    for module in (hadesd, hades_protocol):
        found = Path(module.__file__ or "").resolve()
        if not found.is_relative_to(root.resolve()):
            raise SystemExit(f"{module.__name__} comes from {found}, not from {root}")


def _start_again(job: dict[str, Any]) -> None:
    """Exec this file in the environment of a worker: JAX reads most of it once, at import."""
    from hades_protocol.paths import Paths
    from hadesd.supervisor.scheduling.nvml import least_used, usable_gpus
    from hadesd.supervisor.worker_environment import worker_environment

    spec, _ = _spec_of(job)
    gpu = least_used(usable_gpus(os.environ)) if job.get("gpu", True) else None
    cores = len(os.sched_getaffinity(0))
    environment = worker_environment(spec, () if gpu is None else (gpu,), cores, Paths().cache, os.environ)
    answers = os.dup(1)
    os.set_inheritable(answers, True)
    os.dup2(2, 1)  # whatever prints must not come between the answers
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment | {STAGE: "2", ANSWERS: str(answers)})


def _spec_of(job: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The RunSpec of this tree, and the settings that it does not know, with their values."""
    from hades_protocol.run_spec import OPEN, RunSpec, build_spec
    from hades_protocol.settings import leaves, set_dotted

    values: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    known = leaves(RunSpec)
    for name, value in [*_flat(job["spec"]), *job.get("assignments", ())]:
        if name not in known and name.rpartition(".")[0] not in OPEN:
            unknown[name] = value
        elif name not in OPEN:
            set_dotted(values, name, value)
    return build_spec(values), unknown


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        out += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return out


def _serve(job: dict[str, Any], answers: TextIO) -> None:
    os.nice(NICENESS)
    spec, unknown = _spec_of(job)
    side = Side(spec)
    answers.write(json.dumps(side.ready() | {"unknown_settings": unknown}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(getattr(side, f"do_{request.pop('do')}")(**request)) + "\n")


class Side:
    """A compiled generation step with its state. Each `do_…` is a request, and returns its answer."""

    def __init__(self, spec: Any) -> None:
        began = time.perf_counter()
        import jax

        from hadesd.compute import build
        from hadesd.compute.jax_setup import prepare

        prepare()
        self._spec = spec
        imported = time.perf_counter()
        self._problem, mean = build.build(spec)
        from hadesd.distill.generation import init_state
        from hadesd.distill.sharding import make_mesh

        self._mesh = make_mesh(spec.resources.devices)
        self._device = self._mesh.devices.flat[0]
        self._form = _form_of(build, self._problem)
        self.chunk = build.initial_chunk(
            spec, self._mesh.devices.size, self._device.platform, **_accepted(build.initial_chunk, self._form)
        )
        built = time.perf_counter()
        self._first = jax.device_get(init_state(self._problem, mean))
        self._state = self._put(self._first)
        self._step: Any = None
        begun = time.perf_counter()
        self._started = {"import": imported - began, "build": built - imported, "init_state": begun - built}

    def ready(self) -> dict[str, Any]:
        """Compile and compute the first generation, with a smaller chunk where memory is too small; what it took."""
        import jax

        began = time.perf_counter()
        while self._step is None:
            try:
                self._compile()
                first = self._one()
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error) or self.chunk == 1:
                    raise
                self._step, self.chunk = None, self.chunk // 2
        self._started["first_generation"] = time.perf_counter() - began
        again = time.perf_counter()
        self._one()
        self._started["compile"] = self._started["first_generation"] - (time.perf_counter() - again)
        answer = {
            "started": self._started,
            "first": first,
            "chunk": self.chunk,
            "devices": self._mesh.devices.size,
            "device": self._device.device_kind,
            "platform": self._device.platform,
            "jax": jax.__version__,
        }
        return answer | self._form | self.do_memory()

    def do_round(self, generations: int = 0, seconds: float = 0.0) -> dict[str, Any]:
        """Compute so many generations, or for so long (two at least); seconds of each, and their fitness."""
        taken: list[float] = []
        metrics = []
        while len(taken) < generations or (not generations and (len(taken) < 2 or sum(taken) < seconds)):
            began = time.perf_counter()
            metrics.append(self._one())
            taken.append(time.perf_counter() - began)
        return {"seconds": statistics.median(taken), "generations": len(taken), "fitness": metrics}

    def do_restart(self, generation: int = 0) -> dict[str, Any]:
        """Go back to the start, as if so many generations were done: another number is another set of random ones."""
        self._state = self._put(self._first._replace(generation=self._first.generation * 0 + generation))
        return {}

    def do_save(self, file: str) -> dict[str, Any]:
        """Write every array of the state, as raw bytes with dtype and shape."""
        import jax
        import numpy as np

        leaves = [np.asarray(_plain(leaf)) for leaf in jax.tree.leaves(self._state)]
        with open(file, "wb") as out:
            np.savez(out, **{str(i): leaf for i, leaf in enumerate(leaves)})
        return {"leaves": len(leaves)}

    def do_load(self, file: str) -> dict[str, Any]:
        """Go on from a state that the other side wrote; how many of its leaves differed, in bits, from the own one."""
        import jax
        import numpy as np

        own, tree = jax.tree.flatten(self._state)
        with np.load(file) as saved:
            if len(saved.files) != len(own):
                raise ValueError(f"the states differ: {len(saved.files)} arrays against {len(own)}")
            found = [saved[str(i)] for i in range(len(own))]
        differing = [str(i) for i, pair in enumerate(zip(own, found, strict=True)) if not _same(*pair)]
        self._state = self._put(tree.unflatten([_like(*pair) for pair in zip(own, found, strict=True)]))
        return {"differing": differing}

    def do_memory(self) -> dict[str, Any]:
        """Most memory so far: of the process, and of its first device where it says so."""
        stats = self._device.memory_stats() or {}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"peak_rss": peak, "device_peak": stats.get("peak_bytes_in_use")}

    def _compile(self) -> None:
        from hadesd.distill.generation import GenerationStep

        self._step = GenerationStep(self._problem, self._mesh, self.chunk)

    def _one(self) -> list[float]:
        """One generation as the worker's loop does it; its mean and best fitness."""
        import jax

        self._state, metrics = self._step(self._state)
        _, host = jax.device_get((self._state, metrics))
        return [float(host.fitness_mean), float(host.fitness_best)]

    def _put(self, state: Any) -> Any:
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        return jax.device_put(state, NamedSharding(self._mesh, PartitionSpec()))


def _form_of(build: Any, problem: Any) -> dict[str, str]:
    """What computes environment steps and the cloning, and why not what was asked for; older code has one way only."""
    if not hasattr(build, "forms_of"):
        return {"physics": "vmap", "cloning": "xla", "note": ""}
    physics, cloning = build.forms_of(problem)
    return {"physics": physics, "cloning": cloning, "note": build.form_note(problem)}


def _accepted(function: Any, values: dict[str, str]) -> dict[str, str]:
    """Those values that a function takes by name."""
    names = inspect.signature(function).parameters
    return {name: value for name, value in values.items() if name in names}


def _plain(leaf: Any) -> Any:
    """A typed key as the integers in it."""
    import jax

    return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _same(own: Any, found: Any) -> bool:
    import numpy as np

    return np.asarray(_plain(own)).tobytes() == found.tobytes()


def _like(own: Any, found: Any) -> Any:
    import jax

    plain = _plain(own)
    if plain.shape != found.shape or plain.dtype != found.dtype:
        raise ValueError(f"the states differ: {found.dtype} {found.shape} against {plain.dtype} {plain.shape}")
    return found if plain is own else jax.random.wrap_key_data(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
