"""hadesd doctor: each check finds what is wrong and says what to do."""

import argparse
import os
from pathlib import Path

import msgspec
import pytest

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hadesd.cli.daemon import doctor
from hadesd.storage.locks import DaemonLock, lock_file
from hadesd.supervisor.scheduling.nvml import Gpu
from hadesd.supervisor.slurm import probe
from tests.helpers.processes.daemon import Home

WITHOUT_LLVMLITE = """
import runpy, sys
sys.modules["llvmlite"] = None
runpy.run_module("hadesd.compute.jax_probe", run_name="__main__")
"""

GPU = Gpu(index=0, uuid="GPU-0", name="H200", memory_total=2**37, memory_used=0)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths({"HADES_HOME": str(tmp_path / "h")})


@pytest.mark.process
def test_a_fresh_machine_has_no_problem(paths: Paths) -> None:
    found = list(doctor.all_checks(paths, {}, probe_jax=False))
    assert [finding.name for finding in found if finding.level == "problem"] == []
    assert {finding.name: finding.level for finding in found}["daemon"] == "note"


def test_a_daemon_is_found_and_asked(home: Home) -> None:
    daemon = home.fake_daemon()
    found = doctor.check_daemon(home.paths)
    assert (found.level, found.text.partition(",")[0]) == ("ok", f"pid {daemon.pid}")


def test_a_lock_without_a_listener_is_a_problem(paths: Paths) -> None:
    paths.make_private()
    lock = DaemonLock(paths.lock)
    assert doctor.check_daemon(paths).level == "problem"
    lock.release()
    assert doctor.check_daemon(paths).level == "note"


def test_directories_and_sockets_that_cannot_be_used(tmp_path: Path) -> None:
    assert doctor.check_directories(Paths({"HADES_HOME": "/proc/hades"})).level == "problem"
    assert doctor.check_sockets(Paths({"HADES_HOME": str(tmp_path / ("x" * 120))})).level == "problem"


def test_a_wrong_configuration(paths: Paths) -> None:
    paths.make_private()
    paths.config_file.write_text("slotz = 1")
    found = doctor.check_settings(paths)
    assert (found.level, "slotz" in found.text) == ("problem", True)


def test_a_full_disk(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_FREE", 2**62)
    assert doctor.check_disk(paths).level == "problem"


@pytest.mark.process
def test_gpus_that_jax_cannot_use_come_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.nvml, "list_gpus", lambda: [GPU])
    monkeypatch.setattr(doctor.nvml, "jax_can_use_gpus", lambda: False)
    assert "hades-distil[cuda]" in doctor.check_gpus({}).advice
    monkeypatch.setattr(doctor.nvml, "jax_can_use_gpus", lambda: True)
    assert doctor.check_gpus({}).level == "ok"
    assert "0 usable" in doctor.check_gpus({"CUDA_VISIBLE_DEVICES": ""}).text


@pytest.mark.process
def test_jax_that_does_not_start_is_a_problem_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "instead.py").write_text("raise RuntimeError('driver too old')")
    monkeypatch.setattr(doctor, "PROBE", "instead")
    (found,) = doctor.check_jax({"PYTHONPATH": str(tmp_path)})
    assert (found.level, "driver too old" in found.text) == ("problem", True)


@pytest.mark.process
def test_a_variable_that_keeps_jax_from_starting_is_named_with_its_value() -> None:
    (found,) = doctor.check_jax(os.environ | {"JAX_PLATFORMS": "nonsense"})
    assert (found.level, found.advice) == ("problem", "correct or unset JAX_PLATFORMS=nonsense")


def test_variables_that_are_not_used_or_change_bits_are_notes() -> None:
    assert list(doctor.check_variables({"JAX_ENABLE_X64": "0", "JAX_PLATFORMS": "cpu"})) == []
    unused, recorded = doctor.check_variables({"JAX_ENABLE_X64": "1", "XLA_FLAGS": "--xla_cpu_max_isa=AVX"})
    assert "JAX_ENABLE_X64=1 is not used" in unused.text
    assert "--xla_cpu_max_isa=AVX" in recorded.text


def test_the_packages_are_those_that_hades_asks_for() -> None:
    assert {"argcomplete", "numpy", "textual"} <= set(doctor.required(""))
    assert {"jax", "llvmlite", "orbax-checkpoint"} <= set(doctor.required("daemon"))
    assert set(doctor.required("")).isdisjoint(doctor.required("daemon"))
    assert not {"pytest", "torch"} & {*doctor.required(""), *doctor.required("daemon")}


def test_missing_packages_are_a_note_for_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "missing_packages", lambda: ["jax"])
    levels = {finding.name: finding for finding in doctor.check_packages()}
    assert "hades-distil[daemon]" in levels["daemon packages"].advice
    assert [finding.level for finding in doctor.check_jax({})] == ["note"]


@pytest.mark.process
def test_the_physics_is_said_and_what_is_missing_for_machine_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = doctor.check_jax(dict(os.environ))
    assert (found.name, found.level) == ("physics", "ok")
    (tmp_path / "instead.py").write_text(WITHOUT_LLVMLITE)
    monkeypatch.setattr(doctor, "PROBE", "instead")
    _, found = doctor.check_jax(os.environ | {"PYTHONPATH": str(tmp_path)})
    assert (found.level, "pip install llvmlite" in found.text) == ("note", True)


def test_a_node_that_sees_no_lock_of_ours_is_a_problem(tmp_path: Path) -> None:
    def answer() -> probe.Answer:
        assert probe.main([str(tmp_path)]) == 0
        return msgspec.json.decode((tmp_path / "answer.json").read_bytes(), type=probe.Answer)

    unseen = doctor.node_finding(answer(), "here")
    assert (unseen.level, "two workers could compute one run" in unseen.text) == ("problem", True)
    with lock_file(tmp_path / "held", "busy"):
        seen = answer()
    assert doctor.node_finding(seen, "here").level == "ok"
    assert "this machine" in doctor.node_finding(seen, seen.host).text
    other = doctor.node_finding(msgspec.structs.replace(seen, version="0.0.1"), "here")
    assert (other.level, "0.0.1" in other.text) == ("problem", True)


def test_options_of_a_job_that_is_not_asked_for() -> None:
    with pytest.raises(UsageError, match="--on slurm"):
        doctor.run(argparse.Namespace(slurm="--gres=gpu:1", on=None))
