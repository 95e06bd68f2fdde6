"""Behaviour cloning of dense policies in machine code: all epochs of one policy, then the next.

So a policy's parameters, moments and gradients stay in the cache. An epoch: the forward pass, the loss's gradient at
the head, the deltas of all layers from back to front, the gradient's norm, and the step. With few pairs the gradients
of large kernels are never written down as a whole: a product of a few numbers costs less than memory does. Their norm
comes from products of activations and of deltas, and the step forms a few rows at a time.
"""

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hadesd.native import backward, dense, machine_code, stepping
from hadesd.native.backward import row_bytes
from hadesd.native.dense import Layer, NetworkShape
from hadesd.native.ir import F32, I64, LANES, VF, Function, Module, constant
from hadesd.native.products import VECTOR, padded
from hadesd.native.stepping import KEPT, NORM_SUMS, RATE, ROOT, SCALE, StepRule

FEW_PAIRS_NEAR, FEW_PAIRS_FAR, NEAR = 2, 12, 2**19
"""Up to so many pairs gradients are not written down: where parameters, moments and gradients together take up to NEAR
bytes, and lie in the second cache, and where they take more."""

_NAME = "clone_one"


@dataclass(frozen=True)
class CloneSetting:
    """What is trained, and how; see hadesd.distill.cloning.clone.

    pairs: D. clip_norm: 0 for none. epsilon: Adam's. weighted: whether the pairs have weights.
    """

    network: NetworkShape
    pairs: int
    epochs: int
    adam: bool
    learning_rate: float
    clip_norm: float
    epsilon: float
    weighted: bool = False
    weight_decay: float = 0.0

    @property
    def written_down(self) -> bool:
        """Whether gradients of the layers are stored before the step, rather than formed in it."""
        near = 4 * 4 * self.network.parameters <= NEAR
        return self.pairs > (FEW_PAIRS_NEAR if near else FEW_PAIRS_FAR)

    @property
    def rule(self) -> StepRule:
        """How a gradient step is taken."""
        return StepRule(self.adam, bool(self.clip_norm), self.epsilon, bool(self.weight_decay))

    @property
    def operands(self) -> dict[str, int]:
        """What policies are given beside a rate, and the floats of each one's entry."""
        sizes = self.network.sizes
        entries = {"params_in": self.network.parameters, "states": self.pairs * sizes[0]}
        entries["targets"] = self.pairs * sizes[-1]
        return {**entries, "weights": self.pairs} if self.weighted else entries


@dataclass(frozen=True)
class Sharing:
    """Which entry of an operand belongs to policy i: (i // repeat) % count; count 0: i // repeat."""

    repeat: int = 1
    count: int = 0


class _Memory:
    """Where things lie in the scratch memory, in bytes from its first multiple of 64.

    The first `cleared` bytes are set to zero for every policy.
    """

    def __init__(self, s: CloneSetting) -> None:
        self._end = 0
        sizes = s.network.sizes
        self.moments = [self._take(4 * s.network.parameters) for _ in range(2 if s.adam else 0)]
        self.deltas = [self._take(s.pairs * row_bytes(n)) for n in sizes[1:]]
        self.activations = [self._take(s.pairs * row_bytes(n)) for n in sizes]
        self.targets = self._take(s.pairs * 4 * padded(sizes[-1]))
        gram = 0 if s.written_down else 4 * s.pairs * s.pairs
        self.grams = [self._take(gram) for _ in s.network.layers]
        self.delta_gram = self._take(gram)
        self.cleared = self._end
        self.gradient = self._take(4 * s.network.parameters if s.written_down else 4 * padded(sizes[-1]))
        self.weights = self._take(4 * s.pairs)
        self.scalars = self._take(4 * 4)
        self.sums = self._take(NORM_SUMS * VECTOR)
        rooms = [backward.room_bytes(layer, s.pairs) for layer in s.network.layers[1:]]
        self.room = self._take(max(rooms, default=0))
        self.panel = self._take(max(map(stepping.panel_bytes, s.network.layers)))
        self.total = self._end

    def _take(self, size: int) -> int:
        start, self._end = self._end, self._end + -(-size // VECTOR) * VECTOR
        return start


def scratch_bytes(s: CloneSetting) -> int:
    """Bytes of the entry's scratch memory; it need not be aligned."""
    return _Memory(s).total + VECTOR


def _double(value: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def _fill(f: Function, place: str, count: int, value: str, step: int) -> None:
    """Write one float `count` times, every `step` bytes."""

    def one(i: str, _: list[str]) -> list[str]:
        f.store(F32, value, f.offset(place, i, step))
        return []

    f.loop(str(count), one)


def _copy(f: Function, source: str, target: str, count: int) -> None:
    """Copy `count` floats from a pointer to another."""
    whole = count - count % LANES
    for kind, start, end, step in ((VF, 0, whole, LANES), (F32, whole, count, 1)):

        def one(i: str, _: list[str], kind: str = kind) -> list[str]:
            f.store(kind, f.load(kind, f.offset(source, i, 4)), f.offset(target, i, 4))
            return []

        if start < end:
            f.loop(str(end), one, start=str(start), step=step)


def _copy_rows(f: Function, source: str, target: str, rows: int, count: int, row: int) -> None:
    """Copy rows of `count` floats to places that are `row` bytes apart."""

    def one(r: str, _: list[str]) -> list[str]:
        _copy(f, f.offset(source, r, 4 * count), f.offset(target, r, row), count)
        return []

    f.loop(str(rows), one)


def _write_shares(f: Function, weights: str, shares: str, count: int) -> None:
    """Weights over their sum."""

    def add(i: str, total: list[str]) -> list[str]:
        return [f.binary("fadd", F32, total[0], f.load(F32, f.offset(weights, i, 4)))]

    (total,) = f.loop(str(count), add, [(F32, constant(F32, 0.0))])

    def share(i: str, _: list[str]) -> list[str]:
        value = f.binary("fdiv", F32, f.load(F32, f.offset(weights, i, 4)), total)
        f.store(F32, value, f.offset(shares, i, 4))
        return []

    f.loop(str(count), share)


class _Policy:
    """The function that trains one policy: void name(float rate, ptr params, ptr states, ptr targets, ptr weights,
    ptr scratch), whose params are trained in place."""

    def __init__(self, module: Module, s: CloneSetting, name: str) -> None:
        self.module, self.s, self.memory = module, s, _Memory(s)
        pointers = [("ptr", p) for p in ("params", "states", "targets", "weights", "scratch")]
        self.f = Function(module, name, [(F32, "rate"), *pointers], linkage="")
        self.layers = s.network.layers
        self._prepare()
        self.f.loop(str(s.epochs), self._epoch, [("double", "1.0"), ("double", "1.0")])
        self.f.finish()

    def at(self, place: int) -> str:
        return self.f.offset("%scratch", str(place), 1)

    def _call(self, name: str, *pointers: str) -> None:
        self.f.call("void", name, [("ptr", p) for p in pointers])

    def _prepare(self) -> None:
        """Clear the memory, copy the pairs, put ones beside the states, normalise the weights."""
        f, s, memory = self.f, self.s, self.memory

        def clear(i: str, _: list[str]) -> list[str]:
            f.store(VF, constant(VF, 0.0), f.offset("%scratch", i, VECTOR))
            return []

        f.loop(str(memory.cleared // VECTOR), clear)
        observation, actions = s.network.sizes[0], s.network.sizes[-1]
        states = self.at(memory.activations[0])
        _copy_rows(f, "%states", states, s.pairs, observation, row_bytes(observation))
        _copy_rows(f, "%targets", self.at(memory.targets), s.pairs, actions, 4 * padded(actions))
        self._ones(0)
        if s.clip_norm and not s.written_down:
            self._gram(states, observation + 1, memory.grams[0])
        weights = self.at(memory.weights)
        if s.weighted:
            _write_shares(f, "%weights", weights, s.pairs)
        else:
            _fill(f, weights, s.pairs, constant(F32, 1.0 / s.pairs), 4)

    def _ones(self, layer: int) -> None:
        """A 1 after the inputs of a layer, whose weight is the bias."""
        entries = self.s.network.sizes[layer]
        place = self.f.offset(self.at(self.memory.activations[layer]), str(entries), 4)
        _fill(self.f, place, self.s.pairs, constant(F32, 1.0), row_bytes(entries))

    def _params(self, layer: Layer) -> str:
        return self.f.offset("%params", str(layer.offset), 4)

    def _epoch(self, _: str, powers: list[str]) -> list[str]:
        self._forward()
        self._deltas()
        if self.s.written_down:
            for layer, x, delta in self._with_places():
                gradient = self.f.offset(self.at(self.memory.gradient), str(layer.offset), 4)
                self._call(stepping.add_gradient(self.module, layer, self.s.pairs), x, delta, gradient)
        if self.s.clip_norm:
            self._norm()
        following = self._correct(powers)
        self._steps()
        return following

    def _with_places(self) -> list[tuple[Layer, str, str]]:
        """Each layer, its inputs, and the deltas behind it."""
        memory = self.memory
        places = zip(memory.activations[:-1], memory.deltas, strict=True)
        return [(layer, self.at(x), self.at(d)) for layer, (x, d) in zip(self.layers, places, strict=True)]

    def _forward(self) -> None:
        for i, layer in enumerate(self.layers):
            last = i == len(self.layers) - 1
            rows = row_bytes(layer.inputs), row_bytes(layer.outputs)
            activation = "" if last else self.s.network.activation
            name = dense.add_layer(self.module, layer, self.s.pairs, *rows, activation)
            x, y = (self.at(self.memory.activations[j]) for j in (i, i + 1))
            self._call(name, self._params(layer), x, y)
        # After all layers: of a row's last vector a transposed one reads what follows its inputs.
        for i in range(1, len(self.layers)):
            self._ones(i)

    def _deltas(self) -> None:
        s, memory = self.s, self.memory
        head, targets, weights, delta = (
            self.at(p) for p in (memory.activations[-1], memory.targets, memory.weights, memory.deltas[-1])
        )
        if s.network.discrete:
            if "loss" not in self.module:
                backward.add_categorical(self.module, s.network, s.pairs, "loss")
            self._call("loss", head, targets, weights, delta)
        else:
            if "loss" not in self.module:
                backward.add_gaussian(self.module, s.network, s.pairs, "loss")
            log_std = self.f.offset("%params", str(s.network.log_std), 4)
            self._call("loss", log_std, head, targets, weights, delta, self._log_std_gradient())
        for i in reversed(range(1, len(self.layers))):
            name = backward.add_backward(self.module, self.layers[i], s.pairs, s.network.activation)
            places = (memory.deltas[i], memory.activations[i], memory.deltas[i - 1], memory.room)
            self._call(name, self._params(self.layers[i]), *(self.at(p) for p in places))

    def _log_std_gradient(self) -> str:
        start = 4 * self.s.network.log_std if self.s.written_down else 0
        return self.at(self.memory.gradient + start)

    def _norm(self) -> None:
        """The factor that clips the gradient to its norm, as optax.clip_by_global_norm; NaN stays NaN."""
        f, s = self.f, self.s
        sums = self.at(self.memory.sums)
        for i in range(NORM_SUMS):
            f.store(VF, constant(VF, 0.0), f.offset(sums, str(i), VECTOR))
        if s.written_down:
            self._add_products(self.memory.gradient, self.memory.gradient, s.network.parameters, sums)
        else:
            self._add_squares(sums)
        parts = backward.vectors_at(f, sums, NORM_SUMS)
        low, high = (f.binary("fadd", VF, parts[i], parts[i + 1]) for i in (0, 2))
        total, zero = f.sum_lanes(f.binary("fadd", VF, low, high)), constant(F32, 0.0)
        # Products of Gram matrices cancel, and may leave less than nothing of a gradient that is nearly zero.
        norm = f.call1("sqrt", F32, f.select("i1", f.compare("olt", F32, total, zero), F32, zero, total))
        most, one = constant(F32, s.clip_norm), constant(F32, 1.0)
        within = f.compare("olt", F32, norm, most)
        scale = f.select("i1", within, F32, one, f.binary("fdiv", F32, most, norm))
        f.store(F32, scale, self.at(self.memory.scalars + SCALE))

    def _gram(self, rows: str, entries: int, place: int) -> None:
        self._call(stepping.add_gram(self.module, self.s.pairs, entries), rows, self.at(place))

    def _add_products(self, a: int, b: int, count: int, sums: str) -> None:
        """Add the products of `count` floats at two places of the memory."""
        name = stepping.add_flat_products(self.module, padded(count) // LANES)
        self._call(name, self.at(a), self.at(b), sums)

    def _add_squares(self, sums: str) -> None:
        """Add the squares of gradients that are not written down.

        A layer's gradient is a sum over pairs d of x_d delta_d^T; its square is one over pairs of pairs,
        (x_d . x_e) (delta_d . delta_e).
        """
        s, memory = self.s, self.memory
        for i, (layer, x, delta) in enumerate(self._with_places()):
            if i > 0:  # the states stay as they are
                self._gram(x, layer.inputs + 1, memory.grams[i])
            self._gram(delta, layer.outputs, memory.delta_gram)
            self._add_products(memory.grams[i], memory.delta_gram, s.pairs * s.pairs, sums)
        if not s.network.discrete:
            self._add_products(memory.gradient, memory.gradient, s.network.sizes[-1], sums)

    def _correct(self, powers: list[str]) -> list[str]:
        """Write the step's numbers. Carries beta^t, in float64: 1 - beta^t loses digits."""
        f, s = self.f, self.s
        rate = f.binary("fmul", "double", f.let("fpext float %rate to double"), _double(s.learning_rate))
        if s.weight_decay:
            lost = f.binary("fmul", "double", rate, _double(s.weight_decay))
            kept = f.let(f"fptrunc double {f.binary('fsub', 'double', _double(1.0), lost)} to float")
            f.store(F32, kept, self.at(self.memory.scalars + KEPT))
        if s.adam:
            f.module.declare("llvm.sqrt.f64", "declare double @llvm.sqrt.f64(double)")
            powers = [
                f.binary("fmul", "double", p, _double(b))
                for p, b in zip(powers, (stepping.BETA_1, stepping.BETA_2), strict=True)
            ]
            first, second = (f.binary("fsub", "double", _double(1.0), p) for p in powers)
            rate = f.binary("fdiv", "double", rate, first)
            root = f.call("double", "llvm.sqrt.f64", [("double", second)])
            root = f.let(f"fptrunc double {f.binary('fdiv', 'double', _double(1.0), root)} to float")
            f.store(F32, root, self.at(self.memory.scalars + ROOT))
        f.store(F32, f.let(f"fptrunc double {rate} to float"), self.at(self.memory.scalars + RATE))
        return powers

    def _steps(self) -> None:
        s = self.s
        whole = replace(s.rule, decayed=False)
        end = s.network.parameters
        if s.written_down:
            decayed = s.network.log_std if s.weight_decay else end
            self._flat_step(s.rule, 0, decayed, self.at(self.memory.gradient))
            if decayed < end:
                self._flat_step(whole, decayed, end - decayed, self._log_std_gradient())
            return
        for layer, x, delta in self._with_places():
            name = stepping.add_layer_step(self.module, s.rule, layer, s.pairs)
            self._call(name, *self._step_places(layer.offset), x, delta, self.at(self.memory.panel))
        if not s.network.discrete:
            self._flat_step(whole, s.network.log_std, end - s.network.log_std, self._log_std_gradient())

    def _flat_step(self, rule: StepRule, offset: int, count: int, gradient: str) -> None:
        name = stepping.add_flat_step(self.module, rule, count // LANES)
        self._call(name, *self._step_places(offset), gradient)

    def _step_places(self, offset: int) -> list[str]:
        """Parameters, moments (where there are any) and the step's numbers, for parameters from `offset` on."""
        moments = [self.f.offset(self.at(m), str(offset), 4) for m in self.memory.moments] or ["null", "null"]
        return [self.f.offset("%params", str(offset), 4), *moments, self.at(self.memory.scalars)]


class Trainer(NamedTuple):
    """Machine code that trains one policy: the name of its function, and the object file that holds it."""

    name: str
    body: bytes


@functools.cache
def trainer(s: CloneSetting) -> Trainer:
    """Compile what trains one policy, under a name that its content decides.

    Raises:
        NativeError: machine code cannot be made here.
    """
    module = Module()
    _Policy(module, s, _NAME)
    text = module.text()
    name = f"clone_{machine_code.digest(text)}"
    return Trainer(name, machine_code.obtain_object(text.replace(f"@{_NAME}(", f"@{name}(")))


def add_kernel(module: Module, s: CloneSetting, one: str, sharing: Sequence[Sharing]) -> str:
    """Add the entry `void clone(ptr rates, ptr *operands, ptr params_out, ptr scratch, i64 n)`; its name.

    It trains n policies; `one`: the trainer's function. float32 all of them: rates [n], factors of the learning rate;
    operands (CloneSetting.operands): params_in [*, P], states [*, D, observation], targets [*, D, actions] and, if
    there are any, weights [*, D]; sharing: of each operand, which of its entries are whose. Results: params_out
    [n, P] and scratch, `scratch_bytes` bytes.
    """
    pointers = [*s.operands, "params_out", "scratch"]
    module.declare(one, f"declare void @{one}({F32}, ptr, ptr, ptr, ptr, ptr)")
    f = Function(module, "clone", [("ptr", "rates"), *[("ptr", name) for name in pointers], (I64, "n")])
    scratch = f.aligned("%scratch")

    def policy(i: str, _: list[str]) -> list[str]:
        params = f.offset("%params_out", i, 4 * s.network.parameters)
        given = [_entry(f, share, f"%{name}", i, size)
                 for share, (name, size) in zip(sharing, s.operands.items(), strict=True)]  # fmt: skip
        _copy(f, given[0], params, s.network.parameters)
        data = given[1:] if s.weighted else [*given[1:], "null"]
        rate = f.load(F32, f.offset("%rates", i, 4))
        f.call("void", one, [(F32, rate), *[("ptr", p) for p in (params, *data, scratch)]])
        return []

    f.loop("%n", policy)
    f.finish()
    return "clone"


def _entry(f: Function, sharing: Sharing, base: str, policy: str, size: int) -> str:
    """Where the entry of `size` floats that belongs to a policy begins."""
    index = policy
    if sharing.repeat > 1:
        index = f.binary("udiv", I64, index, str(sharing.repeat))
    if sharing.count:
        index = f.binary("urem", I64, index, str(sharing.count))
    return f.offset(base, index, 4 * size)
