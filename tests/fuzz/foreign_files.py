"""`python -m tests.fuzz.foreign_files`: files of other people, compressed and bent, until a reader misbehaves.

Readers say one line (a HadesError), within bounded memory and room on the disk: this process limits both for itself,
so that too much is a failure here and no trouble elsewhere.
"""

import functools
import io
import json
import os
import resource
import signal
import struct
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hades_protocol.errors import HadesError
from hadesd.analysis.datasets import reader
from hadesd.storage import archive

MEMORY = 512 * 2**20
"""Of address space, over what the process has when it begins to read."""

FILE = 16 * 2**20
"""Of any file that is written."""

EXAMPLES = settings(
    max_examples=int(os.environ.get("HADES_FUZZ_EXAMPLES", "100")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

SIZES = st.sampled_from([0, 1, 4, 1000, 2**31, 2**40, 2**63 - 1, -1])
SHAPES = st.lists(SIZES, max_size=3).map(tuple)


def npy(shape: tuple[int, ...], descr: str, body: bytes) -> bytes:
    """A .npy file with that header."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape!r}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


NPY = st.builds(
    npy, SHAPES, st.sampled_from(["<f4", "<f8", "|O", "<U9999999", "<c8", "|V8", "?"]), st.binary(max_size=64)
)


@st.composite
def npz_files(draw: st.DrawFn) -> bytes:
    """Members that are other than their headers say."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:
        for name in draw(st.sets(st.sampled_from(["states", "actions", "meta", "obs_mean"]))):
            members.writestr(f"{name}.npy", draw(NPY))
    return file.getvalue()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
json_files = st.dictionaries(st.sampled_from(["states", "actions", "meta", "states_shape", "obs_mean"]), JSON).map(
    lambda content: json.dumps(content).encode()
) | st.sampled_from([b"[" * 100_000, b'{"states": [[1e999]], "actions": [[1]]}', b"\xff\xfe{}"])
csv_files = st.lists(
    st.lists(st.text(max_size=6) | st.sampled_from(["1", "nan", "1e999"]), max_size=3), max_size=4
).map(lambda rows: ("state_x,action_a\n" + "\n".join(map(",".join, rows))).encode(errors="replace"))
safetensors_files = st.builds(
    lambda size, header, body: struct.pack("<Q", size if size is not None else len(header)) + header + body,
    st.none() | st.sampled_from([0, 2**31, 2**63]),
    st.dictionaries(
        st.sampled_from(["states", "actions", "__metadata__"]),
        st.fixed_dictionaries({"dtype": st.sampled_from(["F32", "F64", "X"]), "shape": SHAPES, "data_offsets": SHAPES}),
    ).map(lambda content: json.dumps(content).encode()),
    st.binary(max_size=64),
)

NAMES = st.sampled_from(
    [
        "cartpole-1/run.json",
        "cartpole-1/a/b",
        "cartpole-1/../x",
        "/etc/x",
        "cartpole-1",
        "hades-archive.json",
        "\x1b[2J/a",
    ]
)
PAX = st.dictionaries(
    st.sampled_from(
        [
            "size",
            "path",
            "GNU.sparse.major",
            "GNU.sparse.minor",
            "GNU.sparse.realsize",
            "GNU.sparse.map",
            "mtime",
            "uid",
        ]
    ),
    st.sampled_from(["0", "1", "-1", "1099511627776", "9" * 30, "nan", "x", "0,1099511627776"]),
    max_size=3,
)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Members of any kind whose headers say what they like."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name in draw(st.lists(NAMES, max_size=3)):
            info, body = tarfile.TarInfo(name), draw(st.binary(max_size=40))
            info.type = draw(
                st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE])
            )
            info.size, info.linkname, info.pax_headers = len(body), "/etc/passwd", draw(PAX)
            tar.addfile(info, io.BytesIO(body))
    data = out.getvalue()
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


def misread(suffix: str, directory: Path, data: bytes) -> None:
    """Read a dataset file; whatever is no HadesError goes up."""
    path = directory / f"foreign{suffix}"
    path.write_bytes(data)
    try:
        reader.load(path)
    except HadesError as error:
        assert "\n" not in str(error), repr(str(error))  # noqa: PT017 — not raising is as good


def misrestore(directory: Path, data: bytes) -> None:
    """Restore an archive; nothing is left of one that is refused."""
    path, runs = directory / "foreign.tar.gz", directory / "runs"
    path.write_bytes(data)
    runs.mkdir(exist_ok=True)
    try:
        archive.restore(path, runs)
    except HadesError:
        assert list(runs.iterdir()) == []


def main() -> int:
    """Run all of it; the exit status."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an OSError instead
    formats = {".npz": npz_files(), ".json": json_files, ".csv": csv_files, ".safetensors": safetensors_files}
    with tempfile.TemporaryDirectory(prefix="hades-", dir="/tmp") as directory:
        place = Path(directory)
        problems = [
            *(_problem(suffix, files, functools.partial(misread, suffix, place)) for suffix, files in formats.items()),
            _problem("archive", archives(), functools.partial(misrestore, place)),
        ]
    sys.stdout.write("".join(problems))
    return any(problems)


def _problem(name: str, files: st.SearchStrategy[bytes], read: Callable[[bytes], None]) -> str:
    """What went wrong with the smallest file that Hypothesis finds; empty where nothing did."""

    @EXAMPLES
    @given(files)
    def attack(data: bytes) -> None:
        read(data)

    try:
        attack()
    except Exception as error:  # noqa: BLE001 — the other formats are to be tried too
        return f"{name}: {type(error).__name__}: {error}\n{''.join(getattr(error, '__notes__', []))}\n"
    return ""


if __name__ == "__main__":
    sys.exit(main())
