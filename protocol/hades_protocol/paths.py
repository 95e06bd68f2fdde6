"""Where things lie. `HADES_HOME` moves all of it into one directory; else the XDG directories are used."""

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
        self.runs = self.state / "runs"
        self.daemon_log = self.state / "daemon.log"
        self.lock = self.state / "daemon.lock"
        self.control_socket = self.runtime / "control.sock"
        self.events_socket = self.runtime / "events.sock"

    @property
    def control_endpoint(self) -> str:
        """ZeroMQ address of the control socket."""
        return self._endpoint(self.control_socket)

    @property
    def events_endpoint(self) -> str:
        """ZeroMQ address of the event socket."""
        return self._endpoint(self.events_socket)

    @staticmethod
    def _endpoint(path: Path) -> str:
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
        for directory in (self.state, self.runs, self.runtime, self.cache):
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
