"""The forward pass of dense layers in machine code."""

import ctypes

import numpy as np
import pytest

from hadesd.native import dense, machine_code, products
from hadesd.native.dense import NetworkShape
from hadesd.native.ir import Function, Module

pytestmark = pytest.mark.skipif(bool(machine_code.unavailable()), reason=machine_code.unavailable())


def aligned(count: int) -> np.ndarray:
    """Zeros, float32, at a multiple of 64 bytes."""
    room = np.zeros(count + 16, np.float32)
    first = -room.ctypes.data // 4 % 16
    return room[first : first + count]


def random_network(shape: NetworkShape, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Parameters as the kernel has them, and each layer's [inputs + 1, outputs]."""
    params, matrices = aligned(shape.parameters), []
    for layer in shape.layers:
        matrices.append(np.float32(rng.normal(size=(layer.inputs + 1, layer.outputs)) / np.sqrt(layer.inputs)))
        place = params[layer.offset : layer.offset + layer.parameters].reshape(layer.shape[0], -1)
        place[:, : layer.shape[1]] = matrices[-1].T if layer.transposed else matrices[-1]
    return params, matrices


def forward(shape: NetworkShape, rows: int, params: np.ndarray, observations: np.ndarray) -> np.ndarray:
    """The head [rows, padded actions] of `rows` observations, by the machine code."""
    module = Module()
    dense.add_forward(module, "forward", shape, rows)
    names = ["params", "x", "head", "scratch"]
    f = Function(module, "entry", [("ptr", n) for n in names], linkage="")
    f.call("void", "forward", [("ptr", f"%{n}") for n in names])
    f.finish()
    address = machine_code.load([machine_code.compile_object(module.text(), True)], ["entry"])["entry"]
    x = aligned(rows * products.padded(shape.sizes[0])).reshape(rows, -1)
    x[:, : shape.sizes[0]] = observations
    head, scratch = (
        aligned(n) for n in (rows * products.padded(shape.sizes[-1]), dense.forward_scratch(shape, rows) // 4)
    )
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(address)(*[a.ctypes.data for a in (params, x, head, scratch)])
    return head.reshape(rows, -1)


@pytest.mark.parametrize(
    ("sizes", "activation", "rows"),
    [
        *[((11, 64, 64, 3), "tanh", rows) for rows in (1, 2, 3, 4, 8, 64)],
        *[((87, 512, 512, 8), "tanh", rows) for rows in (1, 4, 8)],
        *[((4, 50, 2), "relu", 5), ((1, 16, 16, 16, 17), "tanh", 2), ((1000, 48, 6), "relu", 7), ((3, 2), "tanh", 3)],
        *[((5, 100, 33, 40), "relu", 9), ((2, 1, 1), "tanh", 1)],
    ],
)
def test_the_head_is_that_of_the_same_network_in_float64(sizes, activation, rows):
    rng = np.random.default_rng(0)
    shape = NetworkShape(sizes, activation, True)
    params, matrices = random_network(shape, rng)
    x = np.float32(rng.normal(size=(rows, sizes[0])))
    head = forward(shape, rows, params, x)
    y = x.astype(np.float64)
    for i, matrix in enumerate(matrices):
        y = y @ matrix[:-1] + matrix[-1]
        if i < len(matrices) - 1:
            y = np.tanh(y) if activation == "tanh" else np.maximum(y, 0.0)
    np.testing.assert_allclose(head[:, : sizes[-1]], y, rtol=1e-5, atol=3e-6)
    assert not head[:, sizes[-1] :].any()


@pytest.mark.parametrize("sizes", [(11, 64, 64, 3), (30, 512, 20), (6, 48, 100)])
def test_a_rows_bits_do_not_depend_on_how_many_there_are(sizes, monkeypatch):
    rng = np.random.default_rng(1)
    shape = NetworkShape(sizes, "tanh", True)
    params, _ = random_network(shape, rng)
    x = np.float32(rng.normal(size=(9, sizes[0])))
    every = forward(shape, 9, params, x)
    for rows in (1, 4):
        np.testing.assert_array_equal(forward(shape, rows, params, x[:rows]), every[:rows])
    monkeypatch.setattr(products, "accumulators", lambda: 6)  # a CPU with fewer registers
    np.testing.assert_array_equal(forward(shape, 9, params, x), every)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_shows(activation, value):
    shape = NetworkShape((3, 16, 2), activation, True)
    params, _ = random_network(shape, np.random.default_rng(0))
    x = np.float32([[0.1, 0.2, 0.3], [0.1, value, 0.3]])
    head = forward(shape, 2, params, x)
    assert np.isfinite(head[0]).all()
    if np.isnan(value):
        assert np.isnan(head[1, :2]).all()
