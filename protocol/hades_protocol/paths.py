"""Directories and files of an installation: those of XDG, or one directory that `HADES_HOME` names."""

import contextlib
import os
import pwd
import secrets
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from hades_protocol.errors import UsageError

MAX_SOCKET_PATH = 107  # bytes: sun_path of Linux, less its terminating NUL

KEPT_LETTERS = 40
"""Of the name that a temporary file is made for, so that a long one stays a name."""


def user_home(environ: Mapping[str, str]) -> Path:
    """The user's home: HOME, else what the system says of the user.

    Raises:
        UsageError: neither says anything.
    """
    if os.path.isabs(home := environ.get("HOME", "")):
        return Path(home)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir).absolute()
    except KeyError:
        raise UsageError(
            f"there is no home directory: HOME is not set to one, and the system does not know user {os.getuid()}; "
            "set HADES_HOME or HOME to a directory of your own"
        ) from None


def hades_home(text: str, environ: Mapping[str, str]) -> Path:
    """HADES_HOME as an absolute path. No shell has replaced ~ where it comes from a unit or a container's settings."""
    first, _, rest = text.partition("/")
    return user_home(environ) / rest if first == "~" else Path(os.path.expanduser(text)).absolute()


def xdg(name: str, environ: Mapping[str, str]) -> Path | None:
    """The directory of XDG_`name`; None where it is not set, or to a relative path, which counts as unset."""
    text = environ.get(f"XDG_{name}", "")
    return Path(text) if os.path.isabs(text) else None


def config_home(environ: Mapping[str, str]) -> Path:
    """The directory of the user's configuration files.

    Raises:
        UsageError: as user_home.
    """
    return xdg("CONFIG_HOME", environ) or user_home(environ) / ".config"


class Paths:
    """The directories and files of one installation.

    home given (HADES_HOME, a leading ~ is the user's home): everything below it. Else state below
    XDG_STATE_HOME/hades, sockets below XDG_RUNTIME_DIR/hades (or the state directory), the compilation cache below
    XDG_CACHE_HOME/hades and the configuration in XDG_CONFIG_HOME/hades. A relative XDG path is no path, as its
    specification says: it would be another one for a daemon that was started elsewhere.

    connect: HADES_CONNECT, which names a daemon elsewhere (hades_protocol.keys.destination); empty for none.
    variables: over the environment that this was made from, what makes another process find the same sockets and runs.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Raises UsageError where the environment names no directory, and there is no home to have them in."""
        env = os.environ if environ is None else environ
        if home := env.get("HADES_HOME"):
            self.state = hades_home(home, env)
            self.runtime = self.state / "run"
            self.cache = self.state / "cache"
            self.config_file = self.state / "config.toml"
        else:
            self.state = (xdg("STATE_HOME", env) or user_home(env) / ".local/state") / "hades"
            runtime = xdg("RUNTIME_DIR", env)
            self.runtime = runtime / "hades" if runtime else self.state / "run"
            self.cache = (xdg("CACHE_HOME", env) or user_home(env) / ".cache") / "hades"
            self.config_file = config_home(env) / "hades/config.toml"
        self.variables = {"HADES_HOME": str(self.state)} if home else {}
        self.connect = env.get("HADES_CONNECT", "")
        self.keys = self.config_file.parent / "keys"
        self._runs = self.state / "runs"
        self.daemon_log = self.state / "daemon.log"
        self.lock = self.state / "daemon.lock"
        self.socket_record = self.state / "daemon.sockets"
        self._own_runtime = self.runtime
        self.move_sockets(self.runtime)

    @classmethod
    def for_one_run(cls, directory: Path, environ: Mapping[str, str] | None = None) -> "Paths":
        """Everything in a directory of its own, but for the user's compilation cache and configuration."""
        user = cls(environ)
        paths = cls({"HADES_HOME": os.path.abspath(directory)})
        paths.cache, paths.config_file = user.cache, user.config_file
        return paths

    def move_sockets(self, directory: Path) -> None:
        """Put the sockets into another directory."""
        self.runtime = directory
        self.control_socket = directory / "control.sock"
        self.events_socket = directory / "events.sock"

    def find_sockets(self) -> None:
        """Have the sockets where the daemon that was started last has them (socket_record), while they are there.

        What started it may have had another XDG_RUNTIME_DIR than this process, or none: cron, su and sudo set none.
        """
        try:
            text = self.socket_record.read_text().strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        recorded = Path(text)
        is_there = recorded.is_absolute() and os.path.exists(recorded / self.control_socket.name)
        self.move_sockets(recorded if is_there else self._own_runtime)

    @property
    def runs(self) -> Path:
        """Directory that holds the run directories.

        Raises:
            UsageError: HADES_CONNECT names a daemon elsewhere. Its runs are there, and those here are not meant.
        """
        if self.connect:
            raise UsageError(
                f"this needs the run directories, and HADES_CONNECT={self.connect} names a daemon elsewhere: "
                "do it on that machine, or unset HADES_CONNECT"
            )
        return self._runs

    @property
    def control_endpoint(self) -> str:
        """ZeroMQ address of the control socket."""
        return self.endpoint(self.control_socket)

    @property
    def events_endpoint(self) -> str:
        """ZeroMQ address of the event socket."""
        return self.endpoint(self.events_socket)

    @staticmethod
    def endpoint(path: Path) -> str:
        """ZeroMQ address of a Unix socket.

        Raises:
            UsageError: the path is longer than a socket's may be, or not UTF-8, as messages and logs are.
        """
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"the socket path {str(path)!r} is not UTF-8, as messages and logs are: "
                "set HADES_HOME or XDG_RUNTIME_DIR to another directory"
            ) from None
        if len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise UsageError(
                f"the socket path {path} is longer than {MAX_SOCKET_PATH} bytes, which Linux does not allow: "
                "set HADES_HOME or XDG_RUNTIME_DIR to a shorter directory"
            )
        return f"ipc://{path}"

    def make_private(self) -> None:
        """Create the state, run and socket directories, 0700, and refuse ones that others own.

        Raises:
            UsageError: a directory cannot be made or written, or belongs to another user.
        """
        for directory in (self.state, self._runs, self.runtime, self.cache):
            try:
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                info = directory.stat()
                if info.st_uid != os.getuid():
                    raise UsageError(f"{directory} belongs to another user: set HADES_HOME to a directory of your own")
                if stat.S_IMODE(info.st_mode) & 0o077:
                    directory.chmod(0o700)
                if not os.access(directory, os.W_OK | os.X_OK):
                    raise PermissionError("Permission denied")
            except OSError as error:
                raise UsageError(
                    f"cannot use the directory {directory}: {error.strerror or error}; "
                    "make it writable or set HADES_HOME to another place"
                ) from None


def is_listened_to(path: Path) -> bool:
    """Whether a process listens on a Unix socket; the file alone does not prove it, a killed daemon leaves it."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
        try:
            probe.connect(os.fsencode(path))
        except OSError:
            return False
        return True


def create_beside(path: Path) -> tuple[Path, int]:
    """An empty file beside one that people name, where others may write too; its path, and a descriptor for writing.

    Its name cannot be guessed, it was not there before, not even as a link, and nobody else may open it.

    Raises:
        OSError: the directory does not take it.
    """
    temporary = path.with_name(f".{path.name[:KEPT_LETTERS]}.{secrets.token_hex(8)}.tmp")
    return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
