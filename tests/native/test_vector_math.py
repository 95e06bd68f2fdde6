"""The elementary functions of 16 floats: digits, special values."""

import jax
import numpy as np
import pytest

from hadesd.native import kernel, machine_code, vector_math
from hadesd.native.ir import LANES, VF, Function, Module

pytestmark = pytest.mark.skipif(bool(machine_code.unavailable()), reason=machine_code.unavailable())

INF, NAN = np.inf, np.nan
TINY = float(np.finfo(np.float32).tiny)

EXPECTED = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "exp", "exp2", "expm1", "log", "log1p", "tanh")},
    **{"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "pow": np.power},
    **{"sinh": np.sinh, "cosh": np.cosh, "logistic": lambda x: 1.0 / (1.0 + np.exp(-x))},
}


@pytest.fixture(scope="module")
def compute():
    """All functions in one kernel: name, float32 arrays of one shape -> float32 array."""
    module = Module()
    f = Function(module, "work", [("ptr", "x"), ("ptr", "y"), *[("ptr", n) for n in EXPECTED], ("i64", "n")])

    def row(i: str, _: list[str]) -> list[str]:
        x, y = (f.load(VF, f.offset(p, i, 4 * LANES)) for p in ("%x", "%y"))
        for name in EXPECTED:
            arguments = [(VF, a) for a in (x, y)[: vector_math.ARGUMENTS[name]]]
            f.store(VF, f.call(VF, vector_math.add(module, name), arguments), f.offset(f"%{name}", i, 4 * LANES))
        return []

    f.loop("%n", row)
    f.finish()
    registered = kernel.register(module, "work", 2, len(EXPECTED), optimise=False)
    program = jax.jit(
        lambda x, y: kernel.call(registered, [jax.ShapeDtypeStruct(x.shape, x.dtype)] * len(EXPECTED), x, y)
    )

    def evaluate(name: str, *arguments: np.ndarray) -> np.ndarray:
        arguments = np.broadcast_arrays(*[np.asarray(a, np.float32) for a in arguments])
        flat = [np.resize(np.concatenate([a.ravel(), np.zeros(LANES)]), (len(a.ravel()) // LANES + 1, LANES))
                for a in arguments]  # fmt: skip
        results = program(*[np.float32(a) for a in (flat[0], flat[-1])])
        return np.asarray(results[list(EXPECTED).index(name)]).ravel()[: arguments[0].size]

    return evaluate


def spread(low: float, high: float, count: int = 100_000) -> np.ndarray:
    """A grid and random values, and their neighbourhood of 0, both signs where the range has them."""
    rng = np.random.default_rng(0)
    grid = np.concatenate([np.linspace(low, high, count), rng.uniform(low, high, count)])
    logs = np.exp(rng.uniform(np.log(1e-30), np.log(max(abs(low), abs(high))), count))
    near = np.concatenate([logs, -logs])
    return np.float32(np.concatenate([grid, near[(near >= low) & (near <= high)]]))


def digits_lost(got: np.ndarray, wanted: np.ndarray) -> float:
    """The largest error in units in the last place; subnormal numbers count as zeros."""
    normal = (np.abs(wanted) >= TINY) & (np.abs(wanted) <= np.finfo(np.float32).max)
    unit = np.spacing(np.abs(wanted[normal]).astype(np.float32)).astype(np.float64)
    assert np.all(np.abs(got[np.abs(wanted) < TINY]) <= TINY)
    return float(np.max(np.abs(got[normal] - wanted[normal]) / unit))


@pytest.mark.parametrize(
    ("name", "low", "high", "allowed"),
    [
        *[("sin", -1e5, 1e5, 1.6), ("cos", -1e5, 1e5, 1.6), ("tan", -1e5, 1e5, 3.5)],
        *[("sin", -7.0, 7.0, 1.5), ("cos", -7.0, 7.0, 1.5), ("tan", -1.5, 1.5, 3.5)],
        *[("exp", -87.0, 88.7, 1.5), ("exp2", -126.0, 127.9, 1.5), ("expm1", -30.0, 88.7, 2.0)],
        *[("expm1", -1.0, 1.0, 2.0), ("log", 1e-37, 3e38, 1.5), ("log", 0.5, 2.0, 1.5)],
        *[("log1p", -0.9999999, 1.0, 1.5), ("log1p", 0.0, 3e38, 1.5), ("tanh", -10.0, 10.0, 4.5)],
        *[("logistic", -87.0, 100.0, 2.5), ("atan", -10.0, 10.0, 2.0), ("atan", -1e30, 1e30, 2.0)],
        *[("asin", -1.0, 1.0, 2.5), ("acos", -1.0, 1.0, 2.0), ("sinh", -89.3, 89.3, 2.0), ("sinh", -2.0, 2.0, 2.0)],
        *[("cosh", -89.3, 89.3, 2.0), ("cosh", -2.0, 2.0, 2.0)],
    ],
)
def test_digits(compute, name, low, high, allowed):
    x = spread(low, high)
    with np.errstate(all="ignore"):
        lost = digits_lost(compute(name, x), EXPECTED[name](x.astype(np.float64)))
    assert lost <= allowed


def test_digits_of_two_arguments(compute):
    rng = np.random.default_rng(1)
    y, x = np.float32(rng.normal(size=(2, 200_000)) * np.exp(rng.normal(size=(2, 200_000)) * 5))
    assert digits_lost(compute("atan2", y, x), np.arctan2(y.astype(np.float64), x)) <= 2.5
    base, exponent = np.float32(np.exp(rng.uniform(-87, 87, 200_000))), np.float32(rng.normal(size=200_000) * 3)
    base[::2] = np.float32(1 + rng.normal(size=100_000) * 1e-3)
    exponent[::2] *= 1e3
    with np.errstate(all="ignore"):
        assert digits_lost(compute("pow", base, exponent), base.astype(np.float64) ** exponent) <= 2.0
    whole, negative = np.float32(rng.integers(-9, 9, 200_000)), -np.float32(np.exp(rng.normal(size=200_000)))
    assert digits_lost(compute("pow", negative, whole), negative.astype(np.float64) ** whole) <= 2.0


@pytest.mark.parametrize("name", [n for n, count in vector_math.ARGUMENTS.items() if count == 1])
def test_special_values(compute, name):
    x = np.float32([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 1.5, -1.5, 3e38, -3e38, 200.0, -200.0, TINY, -TINY, 2e-38])
    if name in ("sin", "cos", "tan"):
        x = x[np.abs(x) != np.float32(3e38)]
    with np.errstate(all="ignore"):
        wanted = EXPECTED[name](x.astype(np.float64)).astype(np.float32)
    got = compute(name, x)
    np.testing.assert_allclose(got, wanted, rtol=5e-7, atol=2 * TINY)
    zeros = wanted == 0
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(wanted[zeros]))


@pytest.mark.parametrize("name", ["atan2", "pow"])
def test_special_values_of_two_arguments(compute, name):
    values = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -2.5, 1e9, -1e9, 3e38, -3e38]
    x, y = (np.float32(a).ravel() for a in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        wanted = EXPECTED[name](x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
    got = compute(name, x, y)
    np.testing.assert_allclose(got, wanted, rtol=5e-7, atol=TINY)
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(wanted)]), np.signbit(wanted[~np.isnan(wanted)]))


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_waves_of_huge_arguments_stay_within_one(compute, name):
    got = compute(name, spread(-3e38, 3e38))
    assert np.all(np.abs(got) <= 1.0)


def test_digits_of_reciprocals():
    module = Module()
    f = Function(module, "work", [("ptr", "x"), ("ptr", "y"), ("i64", "n")])

    def row(i: str, _: list[str]) -> list[str]:
        value = vector_math.reciprocal(f, f.load(VF, f.offset("%x", i, 4 * LANES)))
        f.store(VF, value, f.offset("%y", i, 4 * LANES))
        return []

    f.loop("%n", row)
    f.finish()
    name = kernel.register(module, "work", 1, 1, optimise=False)
    x = np.float32(np.exp2(np.linspace(-125, 125, 160_000)).reshape(-1, LANES))
    got = jax.jit(lambda x: kernel.call(name, [jax.ShapeDtypeStruct(x.shape, x.dtype)], x)[0])(x)
    assert digits_lost(np.asarray(got), 1.0 / x.astype(np.float64)) <= 1.0


def test_a_function_is_added_once():
    module = Module()
    assert vector_math.add(module, "sin") == vector_math.add(module, "sin") == "v_sin"
    assert module.text().count("define") == 1
