"""Numerical kernels in machine code, made with llvmlite and called through jax.ffi.

Who may enter: hadesd.physics and hadesd.distill. It imports nothing of hades, and llvmlite only when it
is asked to compile.
"""
