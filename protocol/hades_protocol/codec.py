"""Typed message <-> msgpack bytes, and arrays as (dtype, shape, bytes).

Nothing is ever unpickled. A message of more than MAX_MESSAGE bytes is neither sent nor read.
"""

from array import array
from typing import Any, TypeVar

import msgpack
import msgspec

from hades_protocol.errors import ProtocolMismatchError, UsageError

MAX_MESSAGE = 64 * 2**20
"""Largest message in bytes: a dataset of a thousand MinAtar observations takes 2 MB."""

MAX_REQUEST = 2**20
"""Largest request in bytes; that of a spec has a few kilobytes."""

DTYPES = {"float32": ("f", 4), "float64": ("d", 8), "int32": ("i", 4), "int64": ("q", 8), "uint8": ("B", 1)}
"""Array dtypes on the wire, with their struct/array code and item size."""

T = TypeVar("T")


class Array(msgspec.Struct, frozen=True):
    """An n-dimensional array: C order, little-endian bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype {self.dtype!r} is not one of {', '.join(DTYPES)}")
        size = DTYPES[self.dtype][1]
        for n in self.shape:
            if n < 0:
                raise ValueError(f"negative dimension in shape {self.shape}")
            size *= n
        if size != len(self.data):
            raise ValueError(f"shape {self.shape} of {self.dtype} needs {size} bytes, got {len(self.data)}")

    def values(self) -> "array[Any]":
        """The elements, flat, without numpy."""
        out: array[Any] = array(DTYPES[self.dtype][0])
        out.frombytes(self.data)
        return out


def encode(message: msgspec.Struct) -> bytes:
    """msgpack bytes of a typed message.

    Raises:
        ProtocolMismatchError: it would be larger than MAX_MESSAGE, or holds a value that msgpack cannot represent.
    """
    try:
        data: bytes = msgpack.packb(msgspec.to_builtins(message, builtin_types=(bytes,)), use_bin_type=True)
    except (OverflowError, ValueError) as error:  # an integer beyond 64 bits; nesting beyond 512
        raise ProtocolMismatchError(f"a message that cannot be encoded: {error}") from None
    _check_size(data)
    return data


def encode_request(request: msgspec.Struct) -> bytes:
    """msgpack bytes of a request.

    Raises:
        UsageError: they are more than a daemon takes.
        ProtocolMismatchError: as encode.
    """
    data = encode(request)
    if len(data) > MAX_REQUEST:
        raise UsageError(f"a request of {len(data)} bytes exceeds the limit of {MAX_REQUEST}: give less at once")
    return data


def decode(data: "bytes | memoryview[int]", kind: type[T]) -> T:
    """The typed message in msgpack bytes; unknown fields are ignored.

    Raises:
        ProtocolMismatchError: too large, not msgpack, or not a message of that kind.
    """
    message: T = convert(unpack(data), kind)
    return message


def unpack(data: "bytes | memoryview[int]") -> Any:
    """The plain values in msgpack bytes.

    Raises:
        ProtocolMismatchError: too large, or not msgpack.
    """
    _check_size(data)
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolMismatchError(f"not a valid message: {error}") from None


def convert(raw: Any, kind: Any) -> Any:
    """The typed message in plain values (`kind`: a Struct type or a union of them).

    Raises:
        ProtocolMismatchError: they are not such a message.
    """
    try:
        return msgspec.convert(raw, kind, builtin_types=(bytes,))
    except (msgspec.ValidationError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ProtocolMismatchError(f"not a valid message: {error}") from None


def _check_size(data: "bytes | memoryview[int]") -> None:
    if len(data) > MAX_MESSAGE:
        raise ProtocolMismatchError(f"a message of {len(data)} bytes exceeds the limit of {MAX_MESSAGE}")
