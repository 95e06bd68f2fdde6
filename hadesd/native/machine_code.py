"""LLVM IR -> machine code in this process, by llvmlite; compiled objects are kept on disk.

An object is kept under the digest of everything that decides it: the IR, LLVM's version, the CPU and its features.
The directory is as trusted as JAX's compilation cache, and lies inside it: whoever can write there can run code here.
"""

import functools
import hashlib
import importlib.util
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

SUBDIRECTORY = "native"
NEEDED_FEATURES = {"x86_64": ("avx2", "fma"), "AMD64": ("avx2", "fma"), "aarch64": (), "arm64": ()}
"""Per machine, what the CPU must have: without a fused multiply-add LLVM would call the C library for each one."""

_lock = threading.Lock()
_engines: list[Any] = []
"""Engines own the machine code: they live as long as the process."""


class NativeError(Exception):
    """Machine code cannot be made or called here; the text says why and what to do."""


@functools.cache
def unavailable() -> str:
    """Why no machine code can be made on this machine; "" where it can."""
    if importlib.util.find_spec("llvmlite") is None:
        return "llvmlite is not installed: pip install llvmlite"
    machine = os.uname().machine
    if machine not in NEEDED_FEATURES:
        return f"no machine code is made for {machine} processors"
    features = _binding().get_host_cpu_features()
    if missing := [name for name in NEEDED_FEATURES[machine] if not features.get(name)]:
        return f"this CPU lacks {', '.join(missing)}"
    return ""


@functools.cache
def _binding() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def llvm() -> str:
    """The compiler and its version, e.g. "llvm 20.1.8"."""
    return "llvm " + ".".join(str(part) for part in _binding().llvm_version_info)


@functools.cache
def target() -> str:
    """What the code is made for: LLVM's version, the CPU's name and its features."""
    binding = _binding()
    return f"{llvm()} {binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


def _machine() -> Any:
    llvm = _binding()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
    )


def directory() -> Path | None:
    """Where objects are kept; None where JAX has no compilation cache either."""
    config: Any = jax.config
    cache: str | None = config.jax_compilation_cache_dir
    return Path(cache) / SUBDIRECTORY if cache else None


def digest(*parts: str) -> str:
    """The name under which something is kept that these texts and the target decide."""
    joined = "\0".join([*parts, target()])
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def read_kept(name: str) -> bytes | None:
    """The content that was kept under a name; None where there is none that is whole."""
    folder = directory()
    if folder is None:
        return None
    try:
        data = (folder / name).read_bytes()
    except OSError:
        return None
    body, check = data[:-32], data[-32:]
    return body if hashlib.sha256(body).digest() == check else None


def keep(name: str, body: bytes) -> None:
    """Keep some content under a name. A disk that cannot take it costs time at the next start, and nothing else."""
    folder = directory()
    if folder is None:
        return
    partial = folder / f".{name}.{os.getpid()}.{threading.get_ident()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.write_bytes(body + hashlib.sha256(body).digest())
        partial.rename(folder / name)
    except OSError:
        partial.unlink(missing_ok=True)


def compile_object(text: str, optimise: bool) -> bytes:
    """The object file of a module's IR.

    optimise: run LLVM's passes of level 2 first. Straight-line code gains nothing from them and takes long.

    Raises:
        NativeError: the IR is not valid.
    """
    llvm = _binding()
    with _lock:
        try:
            module = llvm.parse_assembly(text)
            module.verify()
        except RuntimeError as error:
            raise NativeError(f"LLVM refuses the code: {error}") from error
        machine = _machine()
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        if optimise:
            options = llvm.create_pipeline_tuning_options(speed_level=2)
            builder = llvm.create_pass_builder(machine, options)
            builder.getModulePassManager().run(module, builder)
        return bytes(machine.emit_object(module))


def obtain_object(text: str, optimise: bool = True) -> bytes:
    """The object file of a module's IR, from the disk where it was kept.

    Raises:
        NativeError: see `unavailable`, or the IR is not valid.
    """
    if reason := unavailable():
        raise NativeError(reason)
    kept = f"{digest(text, str(optimise))}.o"
    body = read_kept(kept)
    if body is None:
        body = compile_object(text, optimise)
        keep(kept, body)
    return body


def load(objects: Sequence[bytes], names: Sequence[str]) -> dict[str, int]:
    """Load object files that may call each other: the addresses of functions by name."""
    llvm = _binding()
    with _lock:
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
        for body in objects:
            engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(body))
        engine.finalize_object()
        _engines.append(engine)
        return {name: int(engine.get_function_address(name)) for name in names}
