"""A kernel: IR with one entry function, made callable from JAX under a name that its content decides."""

from collections.abc import Sequence
from typing import Any

import jax

from hadesd.native import machine_code, xla_ffi
from hadesd.native.ir import Module


def register(
    module: Module, entry: str, arguments: int, results: int, optimise: bool = True, linked: Sequence[bytes] = ()
) -> str:
    """Compile a module whose function `entry(ptr * arguments, ptr * results, i64 n)` does the work; its FFI name.

    linked: object files whose functions the module calls, by names that their content decides.
    The name holds the digest of the code: a compiled program that XLA keeps on disk calls the very code it was
    compiled with, or none.

    Raises:
        NativeError: machine code cannot be made or called here.
    """
    if reason := machine_code.unavailable():
        raise machine_code.NativeError(reason)
    xla_ffi.add_handler(module, "handler", entry, arguments, results)
    text = module.text()
    name = f"hades_{machine_code.digest(text)}"
    if not xla_ffi.is_registered(name):
        own = machine_code.obtain_object(text, optimise)
        xla_ffi.register(name, machine_code.load([own, *linked], ["handler"])["handler"])
    return name


def call(name: str, results: Sequence[jax.ShapeDtypeStruct], *arguments: jax.Array) -> Any:
    """Call a registered kernel inside a JAX program: a tuple of arrays.

    The first dimension of the first argument is the kernel's n.
    """
    return jax.ffi.ffi_call(name, tuple(results))(*arguments)
