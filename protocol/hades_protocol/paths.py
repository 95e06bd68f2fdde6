"""Directories and files of an installation: those of XDG, or one directory that `HADES_HOME` names."""

import os
import stat
from pathlib import Path

from hades_protocol.errors import UsageError

MAX_SOCKET_PATH = 107  # bytes: sun_path of Linux, less its terminating NUL


class Paths:
    """The directories and files of one installation.

    home given (HADES_HOME): everything below it. Else state below XDG_STATE_HOME/hades, sockets below
    XDG_RUNTIME_DIR/hades (or the state directory), the compilation cache below XDG_CACHE_HOME/hades and
    the configuration in XDG_CONFIG_HOME/hades.

    connect: HADES_CONNECT, which names a daemon elsewhere (hades_protocol.keys.destination); empty for none.
    """

    def __init__(self, environ: "os._Environ[str] | dict[str, str] | None" = None) -> None:
        env = os.environ if environ is None else environ
        user_home = Path(env.get("HOME") or "~").expanduser()
        if home := env.get("HADES_HOME"):
            self.state = Path(home).absolute()
            self.runtime = self.state / "run"
            self.cache = self.state / "cache"
            self.config_file = self.state / "config.toml"
        else:
            self.state = Path(env.get("XDG_STATE_HOME") or user_home / ".local/state") / "hades"
            runtime = env.get("XDG_RUNTIME_DIR")
            self.runtime = Path(runtime) / "hades" if runtime else self.state / "run"
            self.cache = Path(env.get("XDG_CACHE_HOME") or user_home / ".cache") / "hades"
            self.config_file = Path(env.get("XDG_CONFIG_HOME") or user_home / ".config") / "hades/config.toml"
        self.connect = env.get("HADES_CONNECT", "")
        self.keys = self.config_file.parent / "keys"
        self._runs = self.state / "runs"
        self.daemon_log = self.state / "daemon.log"
        self.lock = self.state / "daemon.lock"
        self.move_sockets(self.runtime)

    @classmethod
    def for_one_run(cls, directory: Path, environ: "os._Environ[str] | dict[str, str] | None" = None) -> "Paths":
        """Everything in a directory of its own, but for the user's compilation cache and configuration."""
        user = cls(environ)
        paths = cls({"HADES_HOME": str(directory)})
        paths.cache, paths.config_file = user.cache, user.config_file
        return paths

    def move_sockets(self, directory: Path) -> None:
        """Put the sockets into another directory."""
        self.runtime = directory
        self.control_socket = directory / "control.sock"
        self.events_socket = directory / "events.sock"

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
            UsageError: the path is longer than a socket's may be.
        """
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
                    raise PermissionError(13, "Permission denied")
            except OSError as error:
                raise UsageError(
                    f"cannot use the directory {directory}: {error.strerror or error}; "
                    "make it writable or set HADES_HOME to another place"
                ) from None
