"""A real Slurm on this machine alone: munged, slurmctld and a slurmd for each virtual node, as children of the test.

Everything lies in one directory and listens on the loopback; a Slurm that is there already is not touched.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.processes.daemon import until
from tests.helpers.processes.niceness import UNPOLITE

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")


def lacking() -> str:
    """Why no cluster can be had here; empty where one can."""
    if os.geteuid() != 0:
        return "slurmd starts jobs as their users, so it needs root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)} (Debian: slurmctld slurmd slurm-client munge)" if missing else ""


CONFIG = """\
ClusterName=hades
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge.socket,cred_expire=10
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
MinJobAge=300
MessageTimeout=5
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=15
InactiveLimit=0
"""

PARTITIONS = """\
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


class Cluster:
    """A cluster of `nodes` virtual nodes, each of which promises every core of this machine."""

    def __init__(self, root: Path, nodes: int) -> None:
        self.root = root
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        root.chmod(0o755)  # munged wants nobody else to be able to write above its socket
        for name in ("state", "munge"):
            (root / name).mkdir(mode=0o700)
        key = root / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        host = socket.gethostname().partition(".")[0]
        ports = _free_ports(1 + nodes)
        lines = [CONFIG.format(host=host, port=ports[0], root=root)]
        lines += [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={os.cpu_count()} "
            "RealMemory=4000 State=UNKNOWN\n"
            for name, port in zip(self.names, ports[1:], strict=True)
        ]
        (root / "slurm.conf").write_text("".join([*lines, PARTITIONS]))
        self.environ = {"SLURM_CONF": str(root / "slurm.conf")}

    def up(self) -> None:
        """Start everything and wait until all nodes are idle."""
        socket_file = self.root / "munge.socket"
        self._spawn(
            "munged",
            *("munged", "--foreground", "--num-threads=2", f"--key-file={self.root}/munge/key"),
            *(f"--socket={socket_file}", f"--pid-file={self.root}/munged.pid", f"--seed-file={self.root}/munge/seed"),
            *(f"--log-file={self.root}/munged.log",),
        )
        until(socket_file.exists, "munged listens")
        self.start_controller()
        idle = {f"{name} idle" for name in self.names}
        for name in self.names:
            self.start_node(name)
        until(lambda: set(self.run("sinfo", "-h", "-N", "-o", "%N %t", check=False).splitlines()) == idle, self.state)

    def state(self) -> str:
        """What sinfo says, for a test that waits in vain."""
        return f"all nodes are idle, but: {self.run('sinfo', check=False)}"

    def start_controller(self) -> None:
        """Start slurmctld, for the first time or again."""
        self._spawn("slurmctld", "slurmctld", "-D")

    @contextlib.contextmanager
    def without_controller(self) -> Iterator[None]:
        """slurmctld is killed once it has on its disk what it knows now, and comes back after the block."""
        name = f"is-on-the-disk-{secrets.token_hex(4)}"
        self.run("sbatch", "--hold", "-o", "/dev/null", f"--job-name={name}", "--wrap", "true")
        written = self.root / "state" / "job_state"  # at most every 5 s

        def knows() -> bool:
            with contextlib.suppress(FileNotFoundError):  # it removes the file before it links the new one
                return name.encode() in written.read_bytes()
            return False

        until(knows, "slurmctld writes its state")
        self.kill_controller()
        yield
        self.start_controller()
        until(
            lambda: name in self.run("squeue", "-h", "-o", "%j", check=False), "slurmctld is back, and knows its jobs"
        )
        self.run("scancel", f"--name={name}")

    def kill_controller(self) -> None:
        """SIGKILL to slurmctld.

        A job whose start it had not written, it starts again when it comes back. The node has that job already, so that
        Slurm drains the node ("Duplicate jobid"); a job whose submission it had not written is killed as an orphan.
        """
        self._kill("slurmctld")

    def resume_nodes(self) -> list[str]:
        """What an admin does about drained nodes; their names."""
        drained = self.run("sinfo", "-h", "-N", "-p", "low", "-t", "drain", "-o", "%N", check=False).split()
        for name in drained:
            self.run("scontrol", "update", f"NodeName={name}", "State=RESUME", check=False)
        return drained

    def start_node(self, name: str) -> None:
        """Start a node's slurmd, for the first time or again."""
        self._spawn(name, "slurmd", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """SIGKILL to a node's slurmd; its jobs go on until it is missed for long."""
        self._kill(name)

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def run(self, *command: str, check: bool = True) -> str:
        """One of Slurm's commands; what it prints."""
        done = subprocess.run(command, env={**os.environ, **self.environ}, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def preempt(self, node: str, seconds: int, check: bool = True) -> None:
        """Submit a job of the better partition that wants all of a node, for so long."""
        options = ("-p", "high", "-w", node, "--exclusive", "-t", "1", "-o", "/dev/null")
        self.run("sbatch", *options, "--wrap", f"sleep {seconds}", check=check)

    def jobs(self) -> list[str]:
        """Ids of the jobs that have not ended."""
        return self.run("squeue", "-h", "-o", "%A").split()

    def down(self) -> None:
        """End the jobs, then the daemons."""
        if "slurmctld" in self._processes and (jobs := self.jobs()):
            self.run("scancel", *jobs)
            until(lambda: not self.jobs(), "the jobs have ended")
        for process in reversed(self._processes.values()):
            process.terminate()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    def _spawn(self, name: str, *command: str) -> None:
        self._processes[name] = subprocess.Popen(
            [*UNPOLITE, shutil.which(command[0]) or command[0], *command[1:]],
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


@contextlib.contextmanager
def a_cluster(nodes: int = 2) -> Iterator[Cluster]:
    """A cluster until the end of the block."""
    root = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    cluster = Cluster(root, nodes)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()
        shutil.rmtree(root, ignore_errors=True)
