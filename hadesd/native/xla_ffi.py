"""Machine code as a target of jax.ffi: the handler that XLA calls, and its registration.

The handler reads XLA's call frame (jaxlib's header xla/ffi/api/c_api.h) in a few instructions of its own, so that no
C compiler is needed. The header's version is compared with the one whose layout is written down here.
"""

import ctypes
import functools
import re
import threading
from pathlib import Path

import jax
import jaxlib

from hadesd.native.ir import Function, Module
from hadesd.native.machine_code import NativeError

API_MAJOR = 0
LAYOUT_MINORS = range(1, 100)
"""Minor versions only add fields at the ends of structs."""

# Offsets in bytes of what is read, on 64-bit machines.
_FRAME_EXTENSION, _FRAME_STAGE, _FRAME_ARGS, _FRAME_RETS = 8, 32, 72, 112
_EXTENSION_TYPE, _EXTENSION_METADATA = 8, 24
_METADATA_MAJOR, _METADATA_MINOR = 24, 28
_BUFFER_DATA, _BUFFER_DIMENSIONS = 24, 40
_TYPE_METADATA, _STAGE_EXECUTE = 1, 3

_registered: set[str] = set()
_lock = threading.Lock()


@functools.cache
def api_version() -> tuple[int, int]:
    """Version (major, minor) of the FFI that this jaxlib speaks, from its own header.

    Raises:
        NativeError: the header is not there, or it is of a major version whose layout is not known here.
    """
    header = Path(jaxlib.__file__).parent / "include/xla/ffi/api/c_api.h"
    try:
        text = header.read_text()
    except OSError as error:
        raise NativeError(f"jaxlib came without its FFI header ({error.strerror}: {header})") from None
    found = [re.search(rf"#define XLA_FFI_API_{part} (\d+)", text) for part in ("MAJOR", "MINOR")]
    if not all(found):
        raise NativeError(f"{header} does not say its version")
    major, minor = (int(match.group(1)) for match in found if match)
    if major != API_MAJOR or minor not in LAYOUT_MINORS:
        raise NativeError(f"jaxlib speaks version {major}.{minor} of the FFI, known here is {API_MAJOR}.x")
    return major, minor


def add_handler(module: Module, name: str, kernel: str, arguments: int, results: int) -> None:
    """Add an FFI handler that calls `kernel(ptr * arguments, ptr * results, i64 n)`.

    n is the first dimension of the first argument.
    """
    major, minor = api_version()
    f = Function(module, name, [("ptr", "frame")], returns="ptr", linkage="")
    extension = f.load("ptr", f.offset("%frame", str(_FRAME_EXTENSION), 1), 8)
    has = f.compare("ne", "ptr", extension, "null")
    f.emit(f"br i1 {has}, label %extended, label %execute")
    f.label("extended")
    kind = f.load("i32", f.offset(extension, str(_EXTENSION_TYPE), 1))
    asks = f.compare("eq", "i32", kind, str(_TYPE_METADATA))
    f.emit(f"br i1 {asks}, label %metadata, label %execute")
    f.label("metadata")
    metadata = f.load("ptr", f.offset(extension, str(_EXTENSION_METADATA), 1), 8)
    f.store("i32", str(major), f.offset(metadata, str(_METADATA_MAJOR), 1))
    f.store("i32", str(minor), f.offset(metadata, str(_METADATA_MINOR), 1))
    f.emit("ret ptr null")
    f.label("execute")
    stage = f.load("i32", f.offset("%frame", str(_FRAME_STAGE), 1))
    now = f.compare("eq", "i32", stage, str(_STAGE_EXECUTE))
    f.emit(f"br i1 {now}, label %run, label %done")
    f.label("run")
    pointers: list[tuple[str, str]] = []
    first = ""
    for place, count in ((_FRAME_ARGS, arguments), (_FRAME_RETS, results)):
        table = f.load("ptr", f.offset("%frame", str(place), 1), 8)
        for i in range(count):
            buffer = f.load("ptr", f.offset(table, str(8 * i), 1), 8)
            first = first or buffer
            pointers.append(("ptr", f.load("ptr", f.offset(buffer, str(_BUFFER_DATA), 1), 8)))
    dimensions = f.load("ptr", f.offset(first, str(_BUFFER_DIMENSIONS), 1), 8)
    n = f.load("i64", dimensions, 8)
    f.call("void", kernel, [*pointers, ("i64", n)])
    f.emit("br label %done")
    f.label("done")
    f.finish("null")


def is_registered(name: str) -> bool:
    """Whether a handler of that name is known to XLA in this process."""
    return name in _registered


def register(name: str, address: int) -> None:
    """Make a handler known to XLA under a name; a second time does nothing."""
    with _lock:  # the evaluation of the mean is traced on a thread of its own
        if name in _registered:
            return
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        jax.ffi.register_ffi_target(name, new(address, None, None), platform="cpu")
        _registered.add(name)
