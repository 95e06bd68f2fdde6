"""Options of sbatch that users give, for every job or for one run's: what they say, and which cannot be. Pure."""

from collections.abc import Iterator, Sequence

from hades_protocol.errors import UsageError
from hadesd.spec.validation import sbatch_options

GPU_OPTIONS = ("-G", "--gpus", "--gpus-per-node", "--gpus-per-task", "--gpus-per-socket")

REFUSED = {
    "--array": "a run is one job at a time; for many runs there is 'hadesd sweep --on slurm'",
    "-a": "a run is one job at a time; for many runs there is 'hadesd sweep --on slurm'",
    "--wait": "the daemon does not wait for sbatch: it asks squeue",
    "-W": "the daemon does not wait for sbatch: it asks squeue",
    "--wrap": "the job's script is the daemon's",
    "--test-only": "nothing would be submitted",
    "--requeue": "the daemon alone starts a job again",
    "--clusters": "the daemon asks the cluster that it is on",
    "-M": "the daemon asks the cluster that it is on",
}

NODES = ("-N", "--nodes")


def of_run(for_every_job: Sequence[str], slurm: str) -> tuple[str, ...]:
    """All that sbatch gets of users for a run: config.toml's first, so that the run's (resources.slurm) win.

    Raises:
        UsageError: the run's cannot be read.
    """
    return (*for_every_job, *sbatch_options(slurm))


def named(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and values, in the ways that sbatch reads them: --name=value, --name value, -nvalue, -n value."""
    for at, option in enumerate(options, 1):
        following = options[at] if at < len(options) else ""
        if option.startswith("--"):
            name, _, value = option.partition("=")
        elif option.startswith("-"):
            name, value = option[:2], option[2:]
        else:
            continue
        yield name, value or ("" if following.startswith("-") else following)


def names_gpu(options: Sequence[str]) -> bool:
    """Whether they ask for GPUs."""
    return any(
        name in GPU_OPTIONS or (name == "--gres" and any(part.startswith("gpu") for part in value.split(",")))
        for name, value in named(options)
    )


def check(options: Sequence[str], hosts: int) -> None:
    """See that the daemon can do with a job what it is there for. hosts: nodes that share the run.

    Raises:
        UsageError: it cannot.
    """
    for name, value in named(options):
        if name in REFUSED:
            raise UsageError(f"sbatch's {name} is not for runs: {REFUSED[name]}")
        if name in NODES and value not in (str(hosts), f"{hosts}-{hosts}"):
            raise UsageError(
                f"sbatch's {name} {value}: --set resources.hosts=N says how many nodes share a run, here {hosts}"
            )
