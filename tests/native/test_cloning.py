"""Behaviour cloning in machine code against optax, and what a policy's result may not depend on."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, PartitionSpec

from hadesd.distill import cloning, native_cloning, policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.optimizer import Optimizer, TrainingSettings
from hadesd.distill.policies import CNN, MLP, SwitchPolicy
from hadesd.native import machine_code, products

pytestmark = [
    pytest.mark.optimised,
    pytest.mark.skipif(bool(machine_code.unavailable()), reason=machine_code.unavailable()),
]

ADAM = Optimizer("adam", 5e-3, 0.5)
ADAMW = Optimizer("adam", 5e-3, 0.5, 3.0)
SMALL = MLP(actions=3, discrete=False, width=16, depth=1, activation="tanh")


class Case(NamedTuple):
    """What is trained, and how: policy, observation entries, pairs, optimiser, weights given, rate factor given."""

    policy: MLP
    observation: int
    pairs: int
    optimizer: Optimizer
    weighted: bool = False
    rated: bool = False


CASES = {
    "gaussian": Case(MLP(3, False, 64, 2, "tanh"), 11, 5, ADAM),
    "categorical": Case(MLP(2, True, 64, 2, "tanh"), 4, 2, ADAM, rated=True),
    "one relu layer": Case(MLP(3, False, 16, 1, "relu"), 11, 4, Optimizer("adam", 5e-3, None), weighted=True),
    "three layers of 48, sgd": Case(MLP(17, False, 48, 3, "tanh"), 20, 12, Optimizer("sgd", 5e-2, 0.5), weighted=True),
    "a width of 50, gradients written down": Case(MLP(3, True, 50, 2, "relu"), 5, 21, ADAM, weighted=True, rated=True),
    "sgd, not clipped": Case(MLP(20, True, 33, 1, "tanh"), 16, 3, Optimizer("sgd", 1e-1, None), rated=True),
    "many pairs": Case(MLP(6, False, 64, 2, "tanh"), 17, 64, ADAM),
    "a wide layer": Case(MLP(6, False, 160, 2, "tanh"), 17, 4, ADAM),
    "a large layer, gradients not written down": Case(MLP(6, False, 320, 1, "tanh"), 120, 6, ADAM),
    "decayed": Case(MLP(3, False, 64, 2, "tanh"), 11, 5, ADAMW, rated=True),
    "decayed, gradients not written down": Case(MLP(3, False, 160, 1, "tanh"), 240, 2, ADAMW),
    "decayed sgd of a few pairs": Case(MLP(3, False, 64, 2, "tanh"), 5, 2, Optimizer("sgd", 5e-2, None, 3.0)),
    "no hidden layer": Case(MLP(3, False, 16, 0, "tanh"), 11, 4, ADAM),
    "a transposed head of its layer's shape": Case(MLP(17, False, 17, 2, "relu"), 17, 3, ADAM),
}


class Data(NamedTuple):
    """Arrays of one policy: parameters, states, targets; weights and rate factor, or None."""

    params: Any
    states: Any
    targets: Any
    weights: Any = None
    rate: Any = None


def params_of(policy: MLP, observation: int, rng: np.random.Generator) -> Any:
    """Random numbers of the right shapes; the real initialisation takes long to compile."""
    shapes = jax.eval_shape(policy.init, jax.random.key(0), jnp.zeros(observation))
    return jax.tree.map(lambda leaf: np.float32(rng.normal(size=leaf.shape) / max(leaf.shape[0], 4) ** 0.5), shapes)


def data_of(case: Case, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    policy = case.policy
    params = params_of(policy, case.observation, rng)
    states = np.float32(rng.normal(size=(case.pairs, case.observation)))
    if policy.discrete:
        targets = np.eye(policy.actions)[rng.integers(0, policy.actions, case.pairs)] * 0.9 + 0.1 / policy.actions
    else:
        targets = rng.normal(size=(case.pairs, policy.actions))
    weights = np.float32(rng.uniform(0.1, 1.0, case.pairs)) if case.weighted else None
    return Data(params, states, np.float32(targets), weights, np.float32(0.7) if case.rated else None)


def by_optax(case: Case, data: Data, epochs: list[int]) -> list[Any]:
    """Parameters after each number of epochs, in the precision of the data."""
    transformation = case.optimizer.transformation

    @jax.jit
    def train(data: Data, count: jax.Array) -> Any:
        def loss(p: Any) -> jax.Array:
            return -policies.log_likelihood(case.policy, p, data.states, data.targets, data.weights)

        def epoch(_: Any, migrate_state: Any) -> Any:
            p, state = migrate_state
            updates, state = transformation.update(jax.grad(loss)(p), state, p)
            factor = 1.0 if data.rate is None else data.rate
            return optax.apply_updates(p, jax.tree.map(lambda leaf: factor * leaf, updates)), state

        return jax.lax.fori_loop(0, count, epoch, (data.params, transformation.init(data.params)))[0]

    return [jax.device_get(train(data, count)) for count in epochs]


def native(case: Case, epochs: int) -> Any:
    """data -> parameters."""

    def train(data: Data) -> Any:
        pairs, training = StateActionPairs(data.states, data.targets), TrainingSettings(case.optimizer, epochs, True)
        return native_cloning.clone(case.policy, data.params, pairs, training, data.rate, data.weights)

    return train


def flat(params: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(jax.device_get(params))])


def assert_same_bits(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(flat(a).view(np.int32), flat(b).view(np.int32))


def error(got: Any, wanted: Any) -> float:
    return float(np.sqrt(np.mean((flat(got).astype(np.float64) - flat(wanted)) ** 2)))


QUICK = ("one relu layer",)
"""What the fast lane has of them: a wide network takes long to compile."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]
)
def test_it_strays_from_float64_no_further_than_optax_in_float32(name):
    case = CASES[name]
    epochs = [1, 10, 100] if name in ("gaussian", "categorical") else [30]
    data = data_of(case)
    single = by_optax(case, data, epochs)
    with jax.enable_x64(True):
        double = by_optax(case, jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), data), epochs)
    assert flat(double[0]).dtype == np.float64
    for count, theirs, exact in zip(epochs, single, double, strict=True):
        ours = jax.jit(native(case, count))(data)
        assert error(ours, exact) <= 2.0 * error(theirs, exact) + 1e-8
        assert error(data.params, exact) > 1e3 * error(ours, exact), "it must have learnt"


@pytest.mark.slow
def test_a_gradient_of_nothing_is_not_clipped_to_less():
    """Labels that contradict each other: rounding may leave the square of the norm below zero."""
    case = Case(MLP(3, True, 160, 1, "tanh"), 400, 6, ADAM)
    train = jax.jit(native(case, 1))
    for seed in range(6):
        data = data_of(case, seed)
        data.params["params"]["Dense_1"] = jax.tree.map(np.zeros_like, data.params["params"]["Dense_1"])
        states, targets = np.repeat(data.states[:1], 6, axis=0), np.float32(np.tile(np.eye(3), (2, 1)))
        assert np.isfinite(flat(train(data._replace(states=states, targets=targets)))).all()


@pytest.mark.slow
def test_clone_routes_to_it_and_the_loss_is_that_of_the_trained_policy():
    case = CASES["gaussian"]
    data = data_of(case)
    arguments = (case.policy, data.params, StateActionPairs(data.states, data.targets))
    params, loss = jax.jit(lambda: cloning.clone(*arguments, TrainingSettings(case.optimizer, 20, native=True)))()
    assert_same_bits(params, jax.jit(native(case, 20))(data))
    assert float(loss) == pytest.approx(-float(policies.log_likelihood(case.policy, params, *data[1:3])), rel=1e-5)
    others, _ = jax.jit(lambda: cloning.clone(*arguments, TrainingSettings(case.optimizer, 20)))()
    np.testing.assert_allclose(flat(params), flat(others), atol=1e-4)


def test_only_dense_policies_are_trained_by_it():
    training = TrainingSettings(ADAM, 20, native=True)
    assert native_cloning.supported(SMALL, training)
    assert not native_cloning.supported(SMALL, TrainingSettings(ADAM, 20))
    assert not native_cloning.supported(CNN(3, True, 16, 1, "relu", 4), training)
    assert not native_cloning.supported(SwitchPolicy((SMALL, SMALL), jnp.int32(0)), training)


@pytest.mark.parametrize("policy", [SMALL, MLP(20, True, 33, 2, "relu")])
@pytest.mark.slow
def test_packed_parameters_unpack_to_what_they_were(policy):
    params = params_of(policy, 5, np.random.default_rng(0))
    network = native_cloning.network_of(policy, (5,))
    packed = native_cloning.pack(policy, network, params)
    assert packed.shape == (network.parameters,)
    assert_same_bits(native_cloning.unpack(policy, network, packed), params)


def batch_of(case: Case, count: int) -> Data:
    """`count` datasets, and as many parameters, stacked."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *[data_of(case, seed) for seed in range(count)])


@pytest.mark.parametrize("name", ["gaussian", "categorical", "a width of 50, gradients written down"])
def test_a_policys_bits_depend_neither_on_its_place_nor_on_how_many_there_are(name):
    case = CASES[name]
    many = batch_of(case, 5)
    train = native(case, 10)
    together = jax.device_get(jax.jit(jax.vmap(train))(many))
    backwards = jax.device_get(jax.jit(jax.vmap(train))(jax.tree.map(lambda leaf: leaf[::-1], many)))
    alone = jax.jit(train)
    for i in range(5):
        one = alone(jax.tree.map(lambda leaf, i=i: leaf[i], many))
        assert_same_bits(one, jax.tree.map(lambda leaf, i=i: leaf[i], together))
        assert_same_bits(one, jax.tree.map(lambda leaf, i=i: leaf[4 - i], backwards))


@pytest.mark.slow
def test_bits_do_not_depend_on_how_many_registers_a_cpu_has(monkeypatch):
    found = []
    for sums in (24, 6):
        monkeypatch.setattr(products, "accumulators", lambda sums=sums: sums)
        native_cloning._trainer.cache_clear()
        native_cloning._registered.cache_clear()
        native_cloning.cloning.trainer.cache_clear()
        cases = [CASES[name] for name in ("gaussian", "a width of 50, gradients written down")]
        found.append([jax.jit(native(case, 5))(data_of(case)) for case in cases])
    assert_same_bits(found[0], found[1])


@pytest.mark.parametrize("where", ["states", "targets"])
@pytest.mark.parametrize("name", ["gaussian", "one relu layer", "categorical", "many pairs"])
def test_what_is_not_a_number_shows_in_its_policy_alone(name, where):
    case = CASES[name]
    many = batch_of(case, 3)
    array = getattr(many, where)
    program = jax.jit(jax.vmap(native(case, 3)))
    whole = jax.device_get(program(many))
    array[1, 1, 0] = np.nan
    broken = jax.device_get(program(many))
    head = broken["params"][f"Dense_{case.policy.depth}"]["kernel"]
    assert np.isnan(head[1]).any()
    for i in (0, 2):
        assert_same_bits(*(jax.tree.map(lambda leaf, i=i: leaf[i], tree) for tree in (broken, whole)))


def test_infinite_data_show():
    case = CASES["gaussian"]
    data = data_of(case)
    data.states[2, 3] = np.inf
    assert not np.isfinite(flat(jax.jit(native(case, 3))(data))).all()


class Nested(NamedTuple):
    """candidates [N] of states, targets and weights; inits [k] of parameters and rate factors."""

    candidates: Any
    inits: Any


def nested_of(case: Case) -> Nested:
    many = batch_of(case, 3)
    inits = jax.tree.map(lambda *leaves: np.stack(leaves), *[data_of(case, 10 + i).params for i in range(2)])
    return Nested((many.states, many.targets, many.weights), (inits, np.float32([1.0, 0.5])))


def test_nested_maps_give_the_bits_of_single_calls_by_one_kernel():
    case = CASES["one relu layer"]
    nested = nested_of(case)
    train = native(case, 7)

    def candidate(data: Any) -> Any:
        states, targets, weights = data
        return jax.vmap(lambda init: train(Data(init[0], states, targets, weights, init[1])))(nested.inits)

    program = jax.jit(jax.vmap(candidate))
    together = jax.device_get(program(nested.candidates))
    assert program.lower(nested.candidates).as_text().count("stablehlo.custom_call @hades_") == 1
    for i in range(3):
        for j in range(2):
            states, targets, weights = (leaf[i] for leaf in nested.candidates)
            params, rate = jax.tree.map(lambda leaf, j=j: leaf[j], nested.inits)
            alone = jax.jit(train)(Data(params, states, targets, weights, rate))
            assert_same_bits(alone, jax.tree.map(lambda leaf, i=i, j=j: leaf[i, j], together))


@pytest.mark.parametrize("order", [("s", "p", "s"), ("p", "s", "p"), ("s", "p", "p"), ("b", "p", "b"), ("p", "s", "s")])
@pytest.mark.slow
def test_any_nesting_of_axes_gives_the_bits_of_single_calls(order):
    """s: an axis of the states, p: of the parameters, b: of both; from the outermost to the innermost."""
    case = Case(SMALL, 4, 3, ADAM)
    train = native(case, 3)
    shape = tuple(range(2, 2 + len(order)))
    data = data_of(case)
    has = {"params": [a in "pb" for a in order], "states": [a in "sb" for a in order]}
    rng = np.random.default_rng(0)

    def spread(leaf: Any, axes: list[bool]) -> np.ndarray:
        lead = [n for n, there in zip(shape, axes, strict=True) if there]
        return np.float32(leaf + 0.1 * rng.normal(size=(*lead, *np.shape(leaf))))

    params = jax.tree.map(lambda leaf: spread(leaf, has["params"]), data.params)
    states = spread(data.states, has["states"])
    run = functools.partial(lambda p, s: train(Data(p, s, data.targets)))
    for axis in reversed(range(len(order))):
        run = jax.vmap(run, in_axes=tuple(0 if has[name][axis] else None for name in ("params", "states")))
    together = jax.device_get(jax.jit(run)(params, states))
    alone = jax.jit(lambda p, s: train(Data(p, s, data.targets)))
    for where in np.ndindex(*shape):
        mine = {name: tuple(i for i, there in zip(where, axes, strict=True) if there) for name, axes in has.items()}
        one = alone(jax.tree.map(lambda leaf, at=mine["params"]: leaf[at], params), states[mine["states"]])
        assert_same_bits(one, jax.tree.map(lambda leaf, at=where: leaf[at], together))


@pytest.mark.slow
def test_it_works_under_scan_batched_map_and_shard_map():
    case = Case(SMALL, 4, 3, ADAM)
    many = batch_of(case, 4)
    train = native(case, 3)
    expected = jax.jit(jax.vmap(train))(many)
    chunks = jax.jit(lambda data: jax.lax.map(train, data, batch_size=3))(many)
    _, scanned = jax.jit(lambda data: jax.lax.scan(lambda _, one: (None, train(one)), None, data))(many)
    mesh = Mesh(np.asarray(jax.devices()), ("x",))
    along = PartitionSpec("x")
    sharded = jax.jit(jax.shard_map(jax.vmap(train), mesh=mesh, in_specs=(along,), out_specs=along, check_vma=False))(
        many
    )
    for tree in (chunks, scanned, sharded):
        assert_same_bits(tree, expected)
