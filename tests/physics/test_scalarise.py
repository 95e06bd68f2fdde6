"""Functions in scalar form, machine code and XLA, against `jax.vmap` of themselves."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from hadesd.native import machine_code
from hadesd.physics.program import Unsupported
from hadesd.physics.scalarise import scalarise
from tests.physics import scalar_forms

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(machine_code.unavailable()), reason=machine_code.unavailable() or "there is one"),
]

B = 32
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(B, 3, 4)).astype(np.float32)
Y = RANDOM.normal(size=(B, 4)).astype(np.float32)
I = RANDOM.integers(-2, 6, size=(B, 2)).astype(np.int32)  # noqa: E741
K = RANDOM.integers(0, 2**32, size=(B, 2), dtype=np.uint32)
P = np.abs(Y) + 0.1


def _loop(x: jax.Array, y: jax.Array) -> Any:
    """A loop that stays one, with a constant part and one whose carries change places."""
    scale = jnp.exp(y[0])

    def body(_: int, migrate_state: Any) -> Any:
        a, b, n = migrate_state
        return b, a * 0.5 + scale * jnp.sin(y[1]), n + 1

    return lax.fori_loop(0, 7, body, (x[0], x[1], 0))


def _scan_with_outputs(x: jax.Array, y: jax.Array) -> Any:
    return lax.scan(lambda c, r: (c + r, c * r), y, x)


def _reverse_scan(x: jax.Array) -> Any:
    return lax.scan(lambda c, r: (c - r, c), jnp.zeros(4), x, reverse=True)


def _branches(y: jax.Array, i: jax.Array) -> Any:
    return lax.cond(y[0] > 0, lambda v: v * 2, lambda v: -v, y), lax.switch(
        i[0], [lambda v: v, lambda v: v + 1, lambda v: v * v], y
    )


def _writes(y: jax.Array, i: jax.Array) -> Any:
    grid = jnp.zeros((4, 4)).at[i[0], i[1]].set(y[0])
    return grid, y.at[i[0]].add(2.0), lax.dynamic_update_slice(y, y[:2] * 10, (i[1],))


def _solves(x: jax.Array, y: jax.Array) -> Any:
    a = x @ x.T + 3 * jnp.eye(3)
    low = jnp.linalg.cholesky(a)
    return low, jax.scipy.linalg.cho_solve((low, True), y[:3])


def _draws(k: jax.Array) -> Any:
    key = jax.random.wrap_key_data(k)
    a, b = jax.random.split(key)
    c = jax.random.fold_in(b, 7)
    return (
        jax.random.uniform(a, (3,)),
        jax.random.normal(b, (2,)),
        jax.random.randint(c, (2,), 0, 10),
        jax.random.bits(c, (2,)),
        jax.random.bernoulli(a, 0.3),
    )


EXACT: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "arithmetic": (lambda x, y: ((x - y) * 2 + 1, x * 0 + y, -(x - y), x / 4), (X, Y)),
    "extremes": (lambda x, y: (jnp.maximum(x, y), jnp.minimum(x, 0.5), jnp.clip(x, -0.5, 0.5)), (X, Y)),
    "comparisons": (lambda x, y: ((x < y) & (x > -1), x <= y, x != y, ~(x >= y), jnp.sign(x)), (X, Y)),
    "integers": (lambda i: (i * 3 - 1, abs(i), i // 2, i % 3, i & 5, i | 1, i ^ 3, i << 2, i >> 1, -i), (I,)),
    "divisions by anything": (
        lambda i, k: (lax.div(12, i), lax.rem(i[0], i), 7 // i, i % i[0], lax.div(-(2**31) + 0 * i, i), k // (k & 1)),
        (I - 1, K),
    ),
    "unsigned": (lambda k: (k >> 5, k << 3, k + k, k % 7, k < 5, (k >> 9) | 0x3F800000), (K,)),
    "conversions": (lambda y, i, k: (y.astype(int), i.astype(float), (y > 0).astype(float), k.astype(int)), (Y, I, K)),
    "rounding": (lambda y: (jnp.floor(y * 3), jnp.ceil(y * 3), jnp.round(y * 3), jnp.trunc(y * 3)), (Y,)),
    "shapes": (lambda x, y: (x.T[::-1], jnp.concatenate([x, y[None]]), jnp.pad(x, 1), jnp.tile(y, 2)), (X, Y)),
    "reductions": (lambda x: (x.max(0), x.min(), jnp.all(x > 0, 1), jnp.any(x > 0), x.argmax(1), x.argmin(0)), (X,)),
    "known indices": (
        lambda x: (x[jnp.array([2, 0])], x[:, 1], jnp.zeros(5).at[jnp.array([1, 3])].set(x[0, :2])),
        (X,),
    ),
    "indices by data": (lambda y, i: (y[i[0]], y[i], lax.dynamic_slice(y, (i[0],), (2,))), (Y, I)),
    "indices outside": (
        lambda y, i: (
            y.at[i[0]].get(mode="fill", fill_value=-1),
            jnp.take(y, i),
            jnp.take(y, i, mode="clip"),
            y.at[i].get(mode="fill", fill_value=7),
            jnp.take(jnp.arange(3) + i[0], i[1]),
            jnp.take(y > 0, i[1]),
            jnp.zeros(3).at[i[0]].set(1.0, mode="drop"),
        ),
        (Y, 2 * I),
    ),
    "extremes with NaN": (
        lambda y: (jnp.argmax(y), jnp.argmin(y), jnp.argmax(jnp.log(y)), jnp.argmin(jnp.log(y))),
        (Y,),
    ),
    "writes by data": (_writes, (Y, I)),
    "sorting": (lambda y: (jnp.sort(y), jnp.argsort(y)), (Y,)),
    "while": (lambda y, i: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * 2), (i[0], y)), (Y, I)),
    "branches": (_branches, (Y, I)),
    "bits": (
        lambda y, k: (lax.bitcast_convert_type(y, jnp.int32), lax.bitcast_convert_type(k >> 9, jnp.float32)),
        (Y, K),
    ),
    "cumulative": (lambda i: (jnp.cumsum(i), jnp.cumprod(i), lax.cummax(i)), (I,)),
    "scan with outputs": (lambda i: lax.scan(lambda c, r: (c + r, c * r), 0, i), (I,)),
}

CLOSE: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "functions": (lambda y: (jnp.sin(y), jnp.cos(y), jnp.tan(y), jnp.exp(y), jnp.tanh(y), jnp.arctan(y)), (Y,)),
    "more functions": (
        lambda p, y: (jnp.log(p), jnp.log1p(p), jnp.sqrt(p), p**y, jnp.arctan2(y, p), lax.rsqrt(p)),
        (P, Y),
    ),
    "arcs": (
        lambda y: (jnp.arcsin(jnp.tanh(y)), jnp.arccos(jnp.tanh(y)), jnp.expm1(y), jnp.sinh(y), jnp.cosh(y)),
        (Y,),
    ),
    "powers": (lambda y: (y**2, y**5, y**-3, jnp.square(y)), (Y,)),
    "remainders": (lambda y, p: (jnp.fmod(y * 9, p), (y * 9) % p), (Y, P)),
    "products": (lambda x, y: (x @ y, x @ x.T, jnp.einsum("ij,kj->ik", x, x), x.sum(0), x.mean()), (X, Y)),
    "loop": (_loop, (X, Y)),
    "scan": (_scan_with_outputs, (X, Y)),
    "stacks": (lambda x: (jnp.stack([x[0], x[1]], 1), jnp.unstack(x, axis=1)), (X,)),
    "reverse scan": (_reverse_scan, (X,)),
    "linear algebra": (_solves, (X, Y)),
    "random numbers": (_draws, (K,)),
    "inverse error function": (lambda y: lax.erf_inv(jnp.tanh(y)), (Y,)),
}


@pytest.mark.parametrize("form", [scalar_forms.native, scalar_forms.xla])
def test_what_is_exact_is_the_same_to_the_bit(form: Callable[..., list[np.ndarray]]) -> None:
    wrong = []
    for name, (function, batched) in EXACT.items():
        expected = [np.asarray(leaf) for leaf in jax.tree.leaves(jax.jit(jax.vmap(function))(*batched))]
        found = form(function, *batched)
        if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(expected, found, strict=True)):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("form", [scalar_forms.native, scalar_forms.xla])
def test_what_is_rounded_is_close(form: Callable[..., list[np.ndarray]]) -> None:
    wrong = []
    for name, (function, batched) in CLOSE.items():
        expected = [np.asarray(leaf) for leaf in jax.tree.leaves(jax.jit(jax.vmap(function))(*batched))]
        found = form(function, *batched)
        if not all(np.allclose(a, b, rtol=3e-5, atol=3e-6) for a, b in zip(expected, found, strict=True)):
            wrong.append(name)
    assert wrong == []


def test_nan_and_infinity_pass_through_every_operation_that_they_decide() -> None:
    def function(y: jax.Array) -> Any:
        return (
            jnp.maximum(y[0], y[1]), jnp.minimum(y[1], y[0]), jnp.clip(y[0], -1, 1), y[0] + 1, y[0] * y[1], y[0] / 3,
            jnp.sin(y[0]), jnp.exp(y[0]), jnp.sqrt(y[0]), jnp.sign(y[0]), jnp.isfinite(y[0]), y[0] < y[1],
            jnp.where(y[1] > 0, y[0], 2.0), jnp.floor(y[0]), jnp.arctan2(y[0], y[1]), y[0].astype(int),
        )  # fmt: skip

    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 3e4], np.float32)
    pairs = np.stack(np.meshgrid(values, values), -1).reshape(-1, 2)
    expected = [np.asarray(leaf) for leaf in jax.jit(jax.vmap(function))(pairs)]
    for number, (a, b) in enumerate(zip(expected, scalar_forms.native(function, pairs), strict=True)):
        same = np.isclose(a, b, rtol=1e-5, equal_nan=True) if a.dtype == np.float32 else a == b
        assert same.all(), (number, pairs[~same], a[~same], b[~same])


def test_a_loop_stays_a_loop_and_what_does_not_change_leaves_it() -> None:
    scalar = scalarise(_loop, *scalar_forms.examples((X, Y)))
    loops = [block for block in scalar.graph.blocks if block.trips > 1]
    assert [block.trips for block in loops] == [7]
    operations = {node.op for node in loops[0].nodes}
    assert "sin" not in operations, "computed once, before the loop"
    assert len(loops[0].nodes) < 40


def test_structure_leaves_no_trace() -> None:
    def function(y: jax.Array) -> jax.Array:
        eye = jnp.eye(4)
        return (eye @ y)[::-1][jnp.array([3, 2, 1, 0])] * 1.0 + 0.0

    scalar = scalarise(function, *scalar_forms.examples((Y,)))
    assert [a is b for a, b in zip(scalar.outputs[0], scalar.inputs[0], strict=True)] == [True] * 4


def test_what_has_no_scalar_form_is_named() -> None:
    def nested(y: jax.Array) -> jax.Array:
        grow = lambda v: lax.while_loop(lambda w: w[0] < 9, lambda w: w + 1, v)  # noqa: E731
        return lax.fori_loop(0, 5, lambda _, v: grow(v), y)

    with pytest.raises(Unsupported, match="a while-loop that ends by data inside a loop"):
        scalarise(nested, *scalar_forms.examples((Y,)))
    with pytest.raises(Unsupported, match="the primitive lgamma"):
        scalarise(lambda y: jax.scipy.special.gammaln(y), *scalar_forms.examples((Y,)))


def test_a_product_that_only_a_sum_reads_is_rounded_once_with_it() -> None:
    a, b, c = (Y[:, i].astype(np.float64) for i in range(3))
    once: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
        "product first": (lambda y: y[0] * y[1] + y[2], a * b + c),
        "product last": (lambda y: y[2] - y[0] * y[1], c - a * b),
        "less": (lambda y: y[0] * y[1] - y[2], a * b - c),
    }
    for name, (function, exact) in once.items():
        assert np.array_equal(scalar_forms.native(function, Y)[0], exact.astype(np.float32)), name
    product = Y[:, 0] * Y[:, 1]
    found = scalar_forms.native(lambda y: (y[0] * y[1] + y[2], y[0] * y[1]), Y)
    assert np.array_equal(found[0], product + Y[:, 2]), "another reads it: it is a number of its own"
    assert np.array_equal(found[1], product)
    assert not np.array_equal(found[0], (a * b + c).astype(np.float32))
