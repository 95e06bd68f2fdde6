"""`python -m hadesd.compute.jax_probe`: start JAX, and print what it finds on this machine as a line of JSON."""

import sys

import msgspec


class Found(msgspec.Struct, frozen=True):
    """What a process that computes has here.

    devices: as JAX names them. lacking: why no machine code can be made for the CPU; empty where it can.
    target: what it is made for, as LLVM names it; empty where none can be made.
    """

    platform: str
    devices: tuple[str, ...]
    lacking: str
    target: str


def probe() -> Found:
    """Look at this machine.

    Raises:
        RuntimeError, ValueError: JAX cannot start.
    """
    import jax

    from hadesd.native import machine_code, xla_ffi

    lacking = machine_code.unavailable()
    if not lacking:
        try:
            xla_ffi.api_version()
        except machine_code.NativeError as error:
            lacking = str(error)
    devices = tuple(map(str, jax.devices()))
    return Found(jax.default_backend(), devices, lacking, "" if lacking else machine_code.target())


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(probe()).decode() + "\n")
