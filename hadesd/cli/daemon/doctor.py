"""hadesd doctor: what is installed, what works, and what to do about the rest."""

import argparse
import asyncio
import itertools
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import msgspec

from hades_protocol import commands, version
from hades_protocol.errors import ExitCode, HadesError
from hades_protocol.messages import DaemonInfo
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient, listens
from hades_protocol.terminal import coloured
from hadesd.api.jax_process import missing_packages
from hadesd.cli import executor_options
from hadesd.cli.documents.daemon import DoctorDocument, Finding, FindingLevel
from hadesd.cli.output import print_json, use_colour
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import Progress
from hadesd.compute.jax_probe import Found
from hadesd.compute.jax_setup import last_words
from hadesd.config import load_settings
from hadesd.spec import jax_variables
from hadesd.storage.atomic import tail_lines
from hadesd.storage.locks import is_locked
from hadesd.supervisor.scheduling import nvml
from hadesd.supervisor.slurm import commands as slurm_commands
from hadesd.supervisor.slurm import probe
from hadesd.supervisor.worker_environment import usable_cores

MARKS: dict[FindingLevel, tuple[str, str]] = {"ok": ("ok", "32"), "note": ("note", "33"), "problem": ("PROBLEM", "31")}


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "doctor",
        "check the installation, the directories, the daemon and the devices; exit code 1 where there is a problem",
        "hadesd doctor\nhadesd doctor --no-jax --json\nhadesd doctor --on slurm --slurm '--nodelist=node7'",
    )
    parser.takes_options = ("--slurm",)
    parser.add_argument("--no-jax", action="store_true", help="do not start JAX to list its devices (1 to 10 s)")
    parser.add_argument(
        "--on", choices=("slurm",), help="submit a short job too, which tries on a node what runs need there"
    )
    parser.add_argument("--slurm", metavar="OPTIONS", help="--on slurm: options of sbatch, after those of config.toml")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the findings as they come."""
    executor_options.check(args)
    colour = use_colour(sys.stdout)
    findings = []
    checks = all_checks(Paths(), dict(os.environ), probe_jax=not args.no_jax)
    if args.on is not None:
        checks = itertools.chain(checks, check_node(Paths(), args.slurm or ""))
    for finding in checks:
        findings.append(finding)
        if args.json:
            continue
        word, code = MARKS[finding.level]
        mark = coloured(f"{word:7}", code) if colour else f"{word:7}"
        print(f"{mark}  {finding.name}: {finding.text}" + (f"\n         {finding.advice}" if finding.advice else ""))
    bad = any(finding.level == "problem" for finding in findings)
    if args.json:
        print_json(DoctorDocument(ok=not bad, findings=tuple(findings)))
    return ExitCode.RUN_FAILED if bad else ExitCode.OK


DISTRIBUTION = "hades-distil"
MIN_FREE = 2**30
NODE_SECONDS = 300.0
"""How long a job may take to its answer."""

PROBE_SECONDS = 60.0

PROBE = "hadesd.compute.jax_probe"
"""The module that a process of its own runs: what goes wrong there may end it."""


def ok(name: str, text: str) -> Finding:
    """A finding with which all is well."""
    return Finding(name=name, level="ok", text=text)


def problem(name: str, text: str, advice: str = "") -> Finding:
    """Something that keeps hades from working."""
    return Finding(name=name, level="problem", text=text, advice=advice)


def all_checks(paths: Paths, environ: dict[str, str], probe_jax: bool) -> Iterator[Finding]:
    """Run every check, one after the other."""
    yield check_python()
    yield from check_packages()
    yield check_directories(paths)
    yield check_sockets(paths)
    yield check_settings(paths)
    yield check_disk(paths)
    yield check_daemon(paths)
    yield ok("cpu", f"{usable_cores()} usable cores of {os.cpu_count()}")
    yield check_gpus(environ)
    yield from check_slurm()
    yield from check_variables(environ)
    if probe_jax:
        yield from check_jax(environ)


def check_python() -> Finding:
    """Report which Python runs, and where it is."""
    return ok("python", f"{sys.version.split()[0]} at {sys.executable}")


def check_packages() -> Iterator[Finding]:
    """Installed packages and their versions, without importing them."""
    yield ok("hades", _versions((DISTRIBUTION,)))
    yield ok("client packages", _versions(required("")))
    if missing := missing_packages():
        advice = "to compute on this machine: pip install 'hades-distil[daemon]'; attaching to others works without"
        yield Finding(name="daemon packages", level="note", text=f"not installed: {', '.join(missing)}", advice=advice)
    else:
        yield ok("daemon packages", _versions((*required("daemon"), "jaxlib")))


def required(extra: str) -> tuple[str, ...]:
    """Names of the packages that hades itself asks for, with an extra or, where it is empty, without any."""
    try:
        found = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return ()
    wanted = f"extra == '{extra}'" if extra else ""
    parts = (requirement.replace('"', "'").partition(";") for requirement in found)
    return tuple(re.split(r"[^\w.-]", name.strip())[0] for name, _, marker in parts if marker.strip() == wanted)


def _versions(names: tuple[str, ...]) -> str:
    out = []
    for name in names:
        try:
            out.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            out.append(f"{name} missing")
    return ", ".join(out)


def check_directories(paths: Paths) -> Finding:
    """State, runs, sockets and cache are private and writable."""
    try:
        paths.make_private()
    except HadesError as error:
        return problem("directories", str(error))
    return ok("directories", f"{paths.state} is private and writable; cache {paths.cache}")


def check_sockets(paths: Paths) -> Finding:
    """The socket paths fit into what Linux allows."""
    try:
        longest = max(paths.control_endpoint, paths.events_endpoint, key=len)
    except HadesError as error:
        return problem("sockets", str(error))
    return ok("sockets", longest)


def check_settings(paths: Paths) -> Finding:
    """Read config.toml as the daemon would."""
    try:
        load_settings(paths.config_file, {})
    except HadesError as error:
        return problem("config", str(error))
    if not paths.config_file.exists():
        return ok("config", f"no {paths.config_file}: defaults ('hadesd settings --daemon' lists them)")
    return ok("config", str(paths.config_file))


def check_disk(paths: Paths) -> Finding:
    """Report free disk space below the state directory; little of it is a problem."""
    at = next(directory for directory in (paths.state, *paths.state.parents) if directory.exists())
    free = shutil.disk_usage(at).free
    text = f"{free / 2**30:.1f} GiB free at {at}"
    if free < MIN_FREE:
        return problem("disk", text, "make room: a run that cannot write its checkpoint fails")
    return ok("disk", text)


def check_daemon(paths: Paths) -> Finding:
    """Whether a daemon runs, answers and speaks our protocol."""
    if not paths.connect and not listens(paths):
        if is_locked(paths.lock):
            holder = "".join(tail_lines(paths.lock, 1))
            return problem("daemon", f"pid {holder} holds the lock but does not listen", "wait, or look at daemon.log")
        return Finding(name="daemon", level="note", text="none runs", advice="'hadesd start' starts one")
    try:
        with ControlClient(paths, timeout=3.0) as client:
            info: DaemonInfo = client.request(commands.Hello)
    except HadesError as error:
        return problem("daemon", str(error))
    ours = metadata.version(DISTRIBUTION)
    text = f"pid {info.pid}, version {info.version}, protocol {info.protocol_major}, "
    text += f"{info.slots} slots, {info.gpus} GPUs"
    if info.version != ours:
        advice = f"this is {ours} (protocol {version.MAJOR}): 'hadesd stop', then start it again"
        return Finding(name="daemon", level="note", text=text, advice=advice)
    return ok("daemon", text)


def check_gpus(environ: dict[str, str]) -> Finding:
    """GPUs that NVML sees, and whether runs may use them."""
    found = nvml.list_gpus()
    if not found:
        return Finding(name="gpu", level="note", text="none: runs compute on the CPU")
    names = ", ".join(f"{gpu.name} ({gpu.memory_total / 2**30:.0f} GiB)" for gpu in found)
    if not nvml.jax_can_use_gpus():
        advice = "JAX has no CUDA support here: pip install 'hades-distil[cuda]'"
        return Finding(name="gpu", level="note", text=names, advice=advice)
    usable = nvml.usable(found, environ, plugin=True)
    if len(usable) < len(found):
        text = f"{names}; {len(usable)} usable under CUDA_VISIBLE_DEVICES and JAX_PLATFORMS"
        return Finding(name="gpu", level="note", text=text)
    return ok("gpu", names)


def check_slurm() -> Iterator[Finding]:
    """Whether runs may compute as Slurm jobs; nothing is said where there is no Slurm at all."""
    if len(missing := slurm_commands.missing()) == len(slurm_commands.PROGRAMS):
        return
    if missing:
        yield problem("slurm", f"not on the PATH: {', '.join(missing)}", "install Slurm's client commands")
        return
    try:
        with Progress("asking Slurm"):
            jobs = asyncio.run(slurm_commands.queue())
    except HadesError as error:
        advice = "runs with --on slurm would wait: is SLURM_CONF right, and slurmctld up?"
        yield Finding(name="slurm", level="note", text=str(error), advice=advice)
        return
    yield ok("slurm", f"squeue answers; jobs of runs: {len(jobs)} (also those that ended a while ago)")


def check_node(paths: Paths, options: str) -> Iterator[Finding]:
    """Have a short job try a node: hades, the state directory and its locks. options: of sbatch."""
    try:
        settings = load_settings(paths.config_file, {}).slurm
        with Progress("submitting a job to Slurm") as progress:
            work = probe.try_a_node(
                paths.state, (*settings.options, *shlex.split(options)), NODE_SECONDS, progress.phase
            )
            answer = asyncio.run(work)
    except probe.ProbeError as error:
        advice = "nodes need hades and the state directory ('hadesd paths') at the same paths as here"
        yield problem("node", str(error), advice)
    except slurm_commands.SilentError as error:
        yield problem("node", f"no job could be tried: {error}", "is SLURM_CONF right, and slurmctld up?")
    except (HadesError, ValueError, OSError) as error:
        yield problem("node", f"no job could be tried: {error}", "correct [slurm] options in config.toml, or --slurm")
    else:
        yield node_finding(answer, socket.gethostname())


def node_finding(answer: probe.Answer, here: str) -> Finding:
    """What a node's answer means. here: name of this host."""
    ours = metadata.version(DISTRIBUTION)
    if not answer.sees_lock:
        text = f"{answer.node} does not see a lock that is held here: two workers could compute one run"
        return problem("node", text, "mount the state directory without local_lock (NFS), or set HADES_HOME to another")
    if answer.version != ours:
        return problem("node", f"{answer.node} has hades {answer.version}, this is {ours}", "install one version only")
    text = f"{answer.node} has hades {answer.version}, {answer.cores} usable cores, and sees locks that are held here"
    if answer.host == here:
        text += " (it is this machine, which says nothing about others)"
    return ok("node", text)


def check_variables(environ: dict[str, str]) -> Iterator[Finding]:
    """Environment variables of JAX that are set and do nothing here, or change the bits of results."""
    for setting in jax_variables.overridden(environ):
        pinned = jax_variables.pinned()[setting.partition("=")[0]]
        text = f"{setting} is not used: results are computed with {pinned}, whatever is set"
        yield Finding(name="variables", level="note", text=text)
    if options := jax_variables.recorded(environ):
        text = f"{' '.join(options)} may change the bits of results, and is recorded with them"
        yield Finding(name="variables", level="note", text=text)


def check_jax(environ: dict[str, str]) -> Iterator[Finding]:
    """Import JAX in a process of its own, list its devices, and say how CPUs compute the physics."""
    if missing_packages():
        yield Finding(name="jax", level="note", text="not tried: its packages are not installed")
        return
    try:
        with Progress("starting JAX"):
            done = subprocess.run(
                [sys.executable, "-m", PROBE],
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                env=environ | jax_variables.pinned(),
                cwd="/",
            )
    except subprocess.TimeoutExpired:
        yield problem("jax", f"did not start within {PROBE_SECONDS:.0f} s", "is the GPU's driver stuck?")
        return
    if done.returncode != 0:
        said = last_words(done.stderr)
        blamed = jax_variables.blamed(environ, done.stderr)
        advice = f"correct or unset {' and '.join(blamed)}" if blamed else "reinstall 'hades-distil[daemon]'"
        yield problem("jax", f"cannot start (status {done.returncode}): {said}", advice)
        return
    found = msgspec.json.decode(done.stdout.splitlines()[-1], type=Found)
    yield ok("jax", f"{found.platform}: {', '.join(found.devices)}")
    if found.lacking:
        text = f"no machine code for CPUs, runs there are many times slower: {found.lacking}"
        yield Finding(name="physics", level="note", text=text)
    else:
        yield ok("physics", f"machine code on CPUs ({' '.join(found.target.split()[:3])})")
