"""Whether a run may be queued: its labels, its settings, and what this machine and its config.toml allow."""

from collections.abc import Collection
from typing import Any

from hades_protocol.commands import Fork, Start
from hades_protocol.errors import UsageError
from hades_protocol.names import Labels, check_labels
from hades_protocol.run_spec import Resources, RunSpec, build_spec
from hadesd.config import Settings
from hadesd.spec import own_code, presets
from hadesd.spec.image_sources import check_files
from hadesd.supervisor.dispatcher import Dispatcher
from hadesd.supervisor.slurm import options


class Admission:
    """Refuses runs before they wait in a queue for nothing.

    runs: ids of those that there are. has_gpus: whether the daemon's machine has GPUs for runs.
    """

    def __init__(self, settings: Settings, dispatcher: Dispatcher, runs: Collection[str], has_gpus: bool) -> None:
        self._settings, self._dispatcher = settings, dispatcher
        self._runs, self._has_gpus = runs, has_gpus

    def labels(self, request: Start | Fork) -> Labels:
        """Group, name and tags of a new run.

        Raises:
            UsageError: one of them is not accepted.
        """
        self.check_name(request.name)
        return check_labels(request.group, request.name, request.tags)

    def check_name(self, name: str) -> None:
        """Raises UsageError where a run could not be found by that name."""
        if name in self._runs:
            raise UsageError(f"'{name}' is the id of a run: a name that is an id would never be looked up")
        meant = next((run for run in self._runs if name and run.rpartition("-")[2] == name), None)
        if meant is not None:
            raise UsageError(f"'{name}' is what people call run {meant} by: choose a name that is no end of an id")

    def check(self, spec: RunSpec, parent: RunSpec | None = None) -> None:
        """See that a run with these settings may be queued.

        parent: settings of the run that it is forked from; what they name was admitted with it.

        Raises:
            UsageError: it may not. NotFoundError: files that it needs are missing.
        """
        if parent is None or own_code.named_by(spec) != own_code.named_by(parent):
            own_code.check_allowed(spec, self._is_open, self._settings.own_code)
        self._check_slurm_options(spec, parent)
        self._check_machine(spec)

    def resolve(self, values: dict[str, Any]) -> tuple[RunSpec, list[str]]:
        """The settings that a new run would have, those that are given over a preset's; and notes for people.

        Raises:
            UsageError: they are no settings of a run, or it could not be queued.
            NotFoundError: files that it needs are missing.
        """
        _refuse_own_code(values)
        spec, notes = presets.resolve(
            env=None, method=None, preset=None, file_values=values, assignments=(), has_gpu=self._will_have_gpu(values)
        )
        self._check_machine(spec)
        return spec, notes

    @property
    def _is_open(self) -> bool:
        """Whether others may ask for a run."""
        return self._settings.listen is not None

    def _check_machine(self, spec: RunSpec) -> None:
        check_files(spec)
        self._dispatcher.check(spec)

    def _check_slurm_options(self, spec: RunSpec, parent: RunSpec | None) -> None:
        """See that sbatch's options fit a run, and are ours.

        Raises:
            UsageError: they do not fit; or others may ask for a run: they name files and environments of ours.
        """
        if spec.resources.executor == "slurm":
            options.check(self._sbatch_options(spec.resources), spec.resources.hosts)
        inherited = parent.resources.slurm if parent is not None else ""
        if self._is_open and spec.resources.slurm not in ("", inherited):
            raise UsageError(
                "this daemon listens over TCP, so options of sbatch come from [slurm] in its config.toml alone: "
                "leave --slurm out"
            )

    def _will_have_gpu(self, values: dict[str, Any]) -> bool:
        """Whether a run of these settings will compute on GPUs, as far as can be said before: it decides on the preset.

        Raises:
            UsageError: a setting is not a valid value.
        """
        given = values.get("resources")
        resources = build_spec({"env": "CartPole-v1", "resources": given}).resources if given else Resources()
        if resources.executor != "slurm":
            return self._has_gpus
        return options.names_gpu(self._sbatch_options(resources))

    def _sbatch_options(self, resources: Resources) -> tuple[str, ...]:
        return options.of_run(self._settings.slurm.options, resources.slurm)


def _refuse_own_code(values: dict[str, Any]) -> None:
    """Only a process of its own may ask code for its sizes, and the daemon does not wait for one."""
    env, policy = values.get("env"), values.get("policy")
    kind = policy.get("kind") if isinstance(policy, dict) else None
    own_env = env if isinstance(env, str) and own_code.is_own(env) else ""
    own_policy = kind if isinstance(kind, str) and own_code.is_code(kind) else ""
    if not own_env and not own_policy:
        return
    command = "hadesd start"
    if isinstance(env, str) and env:
        command += f" --env {env}"
    if own_policy:
        command += f" --set policy.kind={own_policy}"
    raise UsageError(f"{own_env or own_policy} is code of your own, which the daemon does not run: use '{command}'")
