"""Machine code as a target of jax.ffi: the handler that XLA calls, and its registration.

The handler reads XLA's call frame (jaxlib's header xla/ffi/api/c_api.h) in a few instructions of its own, so that no
C compiler is needed. The header's version, and the layout of the structs that it declares, are compared with what is
written down here.
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

_READ = (
    ("XLA_FFI_CallFrame", "extension_start", _FRAME_EXTENSION),
    ("XLA_FFI_CallFrame", "stage", _FRAME_STAGE),
    ("XLA_FFI_CallFrame", "args.args", _FRAME_ARGS),
    ("XLA_FFI_CallFrame", "rets.rets", _FRAME_RETS),
    ("XLA_FFI_Extension_Base", "type", _EXTENSION_TYPE),
    ("XLA_FFI_Metadata_Extension", "metadata", _EXTENSION_METADATA),
    ("XLA_FFI_Metadata", "api_version.major_version", _METADATA_MAJOR),
    ("XLA_FFI_Metadata", "api_version.minor_version", _METADATA_MINOR),
    ("XLA_FFI_Buffer", "data", _BUFFER_DATA),
    ("XLA_FFI_Buffer", "dims", _BUFFER_DIMENSIONS),
)
"""(struct, field, offset) of everything that the handler reads or writes."""

_SCALARS = {"size_t": 8, "int64_t": 8, "uint64_t": 8, "int": 4, "int32_t": 4, "uint32_t": 4}

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
    check_layout(text)
    return major, minor


def check_layout(header: str) -> None:
    """Compare the structs that a header declares with the offsets that are written down here.

    Raises:
        NativeError: a field is somewhere else, or a struct is not declared in a form that is understood.
    """
    for struct, field, offset in _READ:
        found = _fields(header, struct)[0].get(field)
        if found != offset:
            raise NativeError(f"jaxlib's FFI header has {struct}.{field} at byte {found}, known here is {offset}")


def _fields(header: str, struct: str) -> tuple[dict[str, int], int]:
    """Offsets of a struct's fields, "a.b" for those of structs inside it, and its size; 64-bit alignment rules."""
    declared = re.search(rf"struct {struct} \{{\n(.*?)\n\}}", header, re.DOTALL)
    if declared is None:
        raise NativeError(f"jaxlib's FFI header does not declare {struct}")
    offsets: dict[str, int] = {}
    at, widest = 0, 1
    for kind, pointer, name in re.findall(r"^ *(?:const |struct )*(\w+)( ?\*+)? ?(\w+);", declared[1], re.MULTILINE):
        inner: dict[str, int] = {}
        if pointer:
            size = align = 8
        elif f"struct {kind} {{" in header:
            inner, size = _fields(header, kind)
            align = 8  # each of them begins with its size, a size_t
        elif kind in _SCALARS or re.search(rf"(\}}|typedef uint32_t) {kind};", header):  # a number, or an enum
            size = align = _SCALARS.get(kind, 4)
        else:
            raise NativeError(f"jaxlib's FFI header has {struct}.{name} of the unknown type {kind}")
        at += -at % align
        offsets |= {name: at} | {f"{name}.{field}": at + distance for field, distance in inner.items()}
        at, widest = at + size, max(widest, align)
    return offsets, at + -at % widest


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
