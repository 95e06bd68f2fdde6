"""A whole rollout as one kernel: policies act in environments that reset themselves, and their returns are counted.

Policies are taken in groups that fill the lanes of whole vectors with their environments, or that fit the cache where
their parameters are large. Everything that a group needs stays in cache for all of its steps. A policy's result does
not depend on the group that it is in: lanes do not meet.
"""

from dataclasses import dataclass
from math import gcd

from hadesd.native import dense, sparse, vector_math
from hadesd.native.dense import NetworkShape
from hadesd.native.ir import F32, I32, I64, LANES, PTR, VB, VF, VI, Function, Module, constant
from hadesd.native.products import padded

ROW = 4 * LANES
CACHE_BYTES = 1_500_000
"""Parameters of a group of policies: most of a core's second-level cache."""

EPSILON = 1e-8
"""Added to the variance of observations (hadesd.distill.normalise)."""


@dataclass(frozen=True)
class StepFunction:
    """Machine code of one environment step, on a block of 16 lanes: rows [rows, 16] of four bytes.

    name: of `void (moving, constant, action, key, moving out, observation, reward, done, scratch)`, all pointers.
        Moving and moving out must not overlap.
    moving, constant, observation: how many rows. actions: rows of an action, float32; or how many actions there are
        (discrete), of which one row of int32 names one. keyed: whether a step reads its key. scratch: bytes.
    bits: whether every entry of every observation is 0 or 1.
    """

    name: str
    moving: int
    constant: int
    observation: int
    actions: int
    discrete: bool
    keyed: bool
    scratch: int
    bits: bool

    @property
    def action_rows(self) -> int:
        """Rows of an action."""
        return 1 if self.discrete else self.actions


@dataclass(frozen=True)
class RolloutSetting:
    """What a kernel is made for.

    network: of the policies; None: actions are given. environments: E, per policy; steps: T. starts: first states
    that there are, a multiple of E; policy i has those from (i mod starts / E) * E on. running: observations are
    normalised by statistics that each policy's own environments make; else by constants. greedy: no noise.
    measured: such statistics are made where constants normalise, too.
    """

    step: StepFunction
    network: NetworkShape | None
    environments: int
    steps: int
    starts: int
    running: bool
    greedy: bool
    measured: bool = False

    @property
    def observing(self) -> bool:
        """Whether statistics of the observations are made."""
        return self.running or self.measured

    @property
    def sparse(self) -> bool:
        """Whether the first layer adds up only what is not as usual in an observation (hadesd.native.sparse)."""
        return self.network is not None and self.step.bits and not self.observing

    @property
    def group(self) -> int:
        """Policies that are rolled out together."""
        full = LANES // gcd(LANES, self.environments)
        if self.network is None:
            return full
        read = self.network.parameters - (self.network.layers[0].parameters if self.sparse else 0)
        return min(full, max(1, CACHE_BYTES // (4 * max(read, 1))))

    @property
    def blocks(self) -> int:
        """Blocks of lanes of a group."""
        return -(-self.group * self.environments // LANES)

    @property
    def noise_rows(self) -> int:
        """Rows of noise that a step reads: one per action (or logit)."""
        return self.step.actions if self.network is not None else self.step.action_rows

    @property
    def wide(self) -> int:
        """Length of an observation's row in memory."""
        return padded(self.step.observation)


class _Memory:
    """Places in scratch memory, each at a multiple of 64 bytes."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, size: int) -> str:
        """The offset of so many bytes."""
        at, self.size = self.size, self.size + -(-size // 64) * 64
        return str(at)


class _Places:
    """Where a group's values lie."""

    def __init__(self, s: RolloutSetting) -> None:
        m, blocks, step = _Memory(), s.blocks, s.step
        lanes = blocks * LANES
        heads = padded(step.actions)
        self.moving = max(step.moving, 1)
        self.constant = max(step.constant, 1)
        self.lane_start = m.take(4 * lanes)
        self.state = (m.take(blocks * self.moving * ROW), m.take(blocks * self.moving * ROW))
        self.fixed = m.take(blocks * self.constant * ROW)
        self.observation = m.take(blocks * s.wide * ROW)
        self.rows = m.take(lanes * s.wide * 4)  # sparse: of each lane which entries are not as usual
        self.head_rows = m.take(lanes * heads * 4)
        self.head = m.take(blocks * heads * ROW)
        self.spread = m.take(blocks * heads * ROW)
        self.action = m.take(blocks * max(step.action_rows, 1) * ROW)
        self.key = m.take(blocks * 2 * ROW)
        self.reward, self.done = m.take(blocks * ROW), m.take(blocks * ROW)
        self.running, self.completed, self.episodes = (m.take(blocks * ROW) for _ in range(3))
        self.mean, self.variance = (m.take(s.group * s.wide * 4) for _ in range(2))
        self.sample_count = m.take(s.group * 4)
        self.usual, self.scale, self.rest = (m.take(s.wide * 4) for _ in range(3))
        self.found = m.take(lanes * 8)
        hidden = 4 * padded(s.network.sizes[1]) if s.network else 0
        self.rest_sums, self.hidden = m.take(s.group * hidden), m.take(s.environments * hidden)
        self.forward = m.take(dense.forward_scratch(s.network, s.environments) if s.network else 64)
        self.step = m.take(max(step.scratch, 64))
        self.heads = heads
        self.total = m.size


ARGUMENTS = ("params", "moving", "constant", "observation", "noise", "keys", "mean", "variance")
RESULTS = ("running", "completed", "episodes", "mean_out", "variance_out", "sample_count_out", "memory")


def memory_bytes(setting: RolloutSetting) -> int:
    """Scratch memory that a kernel needs."""
    return _Places(setting).total + 64


def add_kernel(module: Module, setting: RolloutSetting) -> str:
    """Add the kernel; its name. Its arguments and results, all float32 unless said:

    params [N, parameters of a policy], moving int32 [R, moving], constant int32 [R, constant], observation [R, O],
    noise [T, noise rows, R], keys uint32 [T, 2, R], mean [wide], variance [wide];
    running, completed [N, E], episodes int32 [N, E], mean_out, variance_out [N, wide], sample_count_out [N] (all three
    only where statistics are made), memory uint8 [memory_bytes].
    """
    return _Rollout(module, setting).add()


class _Rollout:
    def __init__(self, module: Module, setting: RolloutSetting) -> None:
        self.module, self.s, self.at = module, setting, _Places(setting)
        self.step = setting.step
        module.declare(self.step.name, f"declare void @{self.step.name}({', '.join([PTR] * 9)})")
        if setting.network is not None:
            dense.add_forward(module, "forward", setting.network, setting.environments, int(setting.sparse))
            if setting.sparse:
                self._add_sparse(setting.network)
        self._add_transpose()

    # -- helpers

    def place(self, f: Function, offset: str, index: str = "0", size: int = 0) -> str:
        """A pointer into memory: an offset, and an index of things of so many bytes."""
        return f.offset(f.offset(self.memory, offset, 1), index, size)

    def _add_transpose(self) -> None:
        """`transpose(in, in stride, out, out stride)`: 16 x 16 values of four bytes, strides in bytes."""
        f = Function(self.module, "transpose", [(PTR, "in"), (I64, "a"), (PTR, "out"), (I64, "b")])
        rows = [f.load(VF, f.let(f"getelementptr i8, ptr %in, i64 {self._times(f, '%a', i)}")) for i in range(LANES)]
        for half in (8, 4, 2, 1):
            low = [i if not i & half else LANES + i - half for i in range(LANES)]
            high = [i + half if not i & half else LANES + i for i in range(LANES)]
            for i in (i for i in range(LANES) if not i & half):
                pair = rows[i], rows[i + half]
                rows[i], rows[i + half] = (self._shuffle(f, *pair, order) for order in (low, high))
        for i, row in enumerate(rows):
            f.store(VF, row, f.let(f"getelementptr i8, ptr %out, i64 {self._times(f, '%b', i)}"))
        f.finish()

    def _add_sparse(self, network: NetworkShape) -> None:
        first = network.layers[0]
        self.rest_layer = dense.add_layer(self.module, first, 1, 4 * self.s.wide, first.output_row, "")
        sparse.add_find(self.module, self.s.wide)
        sparse.add_first_layer(self.module, first, network.activation if len(network.layers) > 1 else "")

    @staticmethod
    def _times(f: Function, stride: str, count: int) -> str:
        return f.binary("mul", I64, stride, str(count))

    @staticmethod
    def _shuffle(f: Function, a: str, b: str, order: list[int]) -> str:
        mask = ", ".join(f"i32 {i}" for i in order)
        return f.let(f"shufflevector {VF} {a}, {VF} {b}, <{LANES} x i32> <{mask}>")

    def gather(self, f: Function, kind: str, base: str, index: str) -> str:
        """Values of four bytes at base + 4 * index, an int32 per lane."""
        pointers = f"<{LANES} x ptr>"
        places = f.let(f"getelementptr i32, ptr {base}, {VI} {index}")
        short = "f32" if kind == VF else "i32"
        name = f"llvm.masked.gather.v{LANES}{short}.v{LANES}p0"
        self.module.declare(name, f"declare {kind} @{name}({pointers}, i32 immarg, {VB}, {kind})")
        return f.let(
            f"call {kind} @{name}({pointers} {places}, i32 4, {VB} {constant(VB, True)}, {kind} zeroinitializer)"
        )

    # -- the kernel

    def add(self) -> str:
        pointers = [*ARGUMENTS, *RESULTS]
        f = Function(self.module, "rollout", [*[(PTR, p) for p in pointers], (I64, "n")], linkage="")
        self.memory = f.aligned("%memory")
        groups = f.binary("sdiv", I64, f.binary("add", I64, "%n", str(self.s.group - 1)), str(self.s.group))
        self._clear(f)
        if self.s.sparse:
            self._begin_usual(f)

        def group(index: str, carried: list[str]) -> list[str]:
            first = f.binary("mul", I64, index, str(self.s.group))
            self._begin(f, first)
            self._steps(f, first)
            self._write(f, first)
            return []

        f.loop(groups, group)
        f.finish()
        return "rollout"

    def _clear(self, f: Function) -> None:
        """Zero rows behind the observations, which are never written."""
        for row in range(self.step.observation, self.s.wide):

            def block(b: str, carried: list[str], row: int = row) -> list[str]:
                here = self.place(f, self.at.observation, b, self.s.wide * ROW)
                f.store(VF, "zeroinitializer", f.offset(here, str(row), ROW), 64)
                return []

            f.loop(str(self.s.blocks), block)

    def _policy(self, f: Function, first: str, j: str) -> str:
        """The policy at place j of a group: the last one again where there are no more."""
        index, last = f.binary("add", I64, first, j), f.binary("sub", I64, "%n", "1")
        return f.select("i1", f.compare("slt", I64, index, last), I64, index, last)

    def _params(self, f: Function, policy: str) -> str:
        assert self.s.network is not None
        return f.offset("%params", policy, 4 * self.s.network.parameters)

    def _lane(self, f: Function, first: str, lane: str) -> tuple[str, str]:
        """The policy and the environment of a lane."""
        e = str(self.s.environments)
        j = f.binary("sdiv", I64, lane, e)
        capped = f.select("i1", f.compare("slt", I64, j, str(self.s.group)), I64, j, str(self.s.group - 1))
        return self._policy(f, first, capped), f.binary("srem", I64, lane, e)

    def _begin(self, f: Function, first: str) -> None:
        """First states and observations, spreads of the actions, statistics and counts of a group."""
        kinds = self.s.starts // self.s.environments

        def lane(g: str, carried: list[str]) -> list[str]:
            policy, environment = self._lane(f, first, g)
            start = f.binary("srem", I64, policy, str(kinds))
            start = f.binary("add", I64, f.binary("mul", I64, start, str(self.s.environments)), environment)
            f.store(I32, f.let(f"trunc i64 {start} to i32"), self.place(f, self.at.lane_start, g, 4))
            return []

        f.loop(str(self.s.blocks * LANES), lane)

        def block(b: str, carried: list[str]) -> list[str]:
            step, at = self.step, self.at
            for source, width, target, size in (
                ("%moving", step.moving, at.state[0], at.moving),
                ("%constant", step.constant, at.fixed, at.constant),
                ("%observation", step.observation, at.observation, self.s.wide),
            ):
                self._load_rows(f, source, width, self.place(f, target, b, size * ROW), b)
            for target in (at.running, at.completed, at.episodes):
                f.store(VF, "zeroinitializer", self.place(f, target, b, ROW), 64)
            return []

        f.loop(str(self.s.blocks), block)
        if self.s.network is not None and not self.step.discrete:
            self._spread(f, first)
        if self.s.observing:
            self._begin_statistics(f)
        if self.s.sparse:
            self._begin_sums(f, first)

    def _load_rows(self, f: Function, source: str, width: int, target: str, b: str) -> None:
        """A block's rows from [R, width]."""
        lanes = f.load(VI, self.place(f, self.at.lane_start, b, ROW), 64)
        scaled = f.binary("mul", VI, lanes, constant(VI, max(width, 1)))

        def row(i: str, carried: list[str]) -> list[str]:
            f.store(VI, self.gather(f, VI, f.offset(source, i, 4), scaled), f.offset(target, i, ROW), 64)
            return []

        f.loop(str(width), row)

    def _spread(self, f: Function, first: str) -> None:
        """exp(log_std) of every policy, in its environments' lanes."""
        network, heads = self.s.network, self.at.heads
        assert network is not None
        exponential = vector_math.add(self.module, "exp")

        def lane(g: str, carried: list[str]) -> list[str]:
            policy, _ = self._lane(f, first, g)
            source = f.offset(self._params(f, policy), str(network.log_std), 4)
            for column in range(0, heads, LANES):
                value = f.call(VF, exponential, [(VF, f.load(VF, f.offset(source, str(column), 4)))])
                row = self.place(f, self.at.head_rows, g, 4 * heads)
                f.store(VF, value, f.offset(row, str(column), 4))
            return []

        f.loop(str(self.s.blocks * LANES), lane)
        self._turn_heads(f, self.at.spread)

    def _turn_heads(self, f: Function, target: str) -> None:
        """Rows of heads, one per lane, to blocks of lanes."""
        heads = self.at.heads

        def block(b: str, carried: list[str]) -> list[str]:
            for column in range(0, heads, LANES):
                source = f.offset(self.place(f, self.at.head_rows, b, LANES * heads * 4), str(column), 4)
                there = f.offset(self.place(f, target, b, heads * ROW), str(column), ROW)
                f.call("void", "transpose", [(PTR, source), (I64, str(4 * heads)), (PTR, there), (I64, str(ROW))])
            return []

        f.loop(str(self.s.blocks), block)

    def _begin_statistics(self, f: Function) -> None:
        def policy(j: str, carried: list[str]) -> list[str]:
            def column(c: str, carried: list[str]) -> list[str]:
                for target, source in ((self.at.mean, "%mean"), (self.at.variance, "%variance")):
                    there = f.offset(self.place(f, target, j, 4 * self.s.wide), c, ROW)
                    f.store(VF, f.load(VF, f.offset(source, c, ROW)), there, 64)
                return []

            f.loop(str(self.s.wide // LANES), column)
            f.store(F32, constant(F32, 1e-4), self.place(f, self.at.sample_count, j, 4))
            return []

        f.loop(str(self.s.group), policy)

    def _begin_usual(self, f: Function) -> None:
        """Of each entry of an observation: its usual value, its scale, and what it adds where it is as usual."""
        half, one = constant(VF, 0.5), constant(VF, 1.0)

        def column(c: str, carried: list[str]) -> list[str]:
            mean, scale = self._normalisation(f, "0", c)
            usual = f.select(VB, f.compare("ogt", VF, mean, half), VF, one, constant(VF, 0.0))
            rest = f.binary("fmul", VF, f.binary("fsub", VF, usual, mean), scale)
            for value, offset in ((usual, self.at.usual), (scale, self.at.scale), (rest, self.at.rest)):
                f.store(VF, value, self.place(f, offset, c, ROW), 64)
            return []

        f.loop(str(self.s.wide // LANES), column)

    def _begin_sums(self, f: Function, first: str) -> None:
        """The first layer's sums of a group's policies for an observation that is as usual."""
        assert self.s.network is not None
        row = self.s.network.layers[0].output_row

        def policy(j: str, carried: list[str]) -> list[str]:
            arguments = [
                self._params(f, self._policy(f, first, j)),
                self.place(f, self.at.rest),
                self.place(f, self.at.rest_sums, j, row),
            ]
            f.call("void", self.rest_layer, [(PTR, a) for a in arguments])
            return []

        f.loop(str(self.s.group), policy)

    # -- a step

    def _steps(self, f: Function, first: str) -> None:
        self._see(f)
        states = [(PTR, self.place(f, offset)) for offset in self.at.state]

        def step(t: str, carried: list[str]) -> list[str]:
            now, after = carried
            if self.s.network is not None:
                self._decide(f, first)

            def block(b: str, carried: list[str]) -> list[str]:
                self._act(f, t, b)
                self._advance(f, t, b, now, after)
                self._count(f, b)
                return []

            f.loop(str(self.s.blocks), block)
            self._see(f)
            return [after, now]

        f.loop(str(self.s.steps), step, states)

    def _see(self, f: Function) -> None:
        """Observations as rows, one per lane, normalised."""
        if self.s.network is None and not self.s.observing:
            return
        if self.s.sparse:
            self._find(f)
            return
        wide = self.s.wide

        def block(b: str, carried: list[str]) -> list[str]:
            def tile(c: str, carried: list[str]) -> list[str]:
                source = f.offset(self.place(f, self.at.observation, b, wide * ROW), c, LANES * ROW)
                target = f.offset(self.place(f, self.at.rows, b, LANES * wide * 4), c, ROW)
                f.call("void", "transpose", [(PTR, source), (I64, str(ROW)), (PTR, target), (I64, str(4 * wide))])
                return []

            f.loop(str(wide // LANES), tile)
            return []

        f.loop(str(self.s.blocks), block)
        if self.s.observing:
            self._update_statistics(f)

        def policy(j: str, carried: list[str]) -> list[str]:
            def column(c: str, carried: list[str]) -> list[str]:
                mean, scale = self._normalisation(f, j, c)

                def environment(e: str, carried: list[str]) -> list[str]:
                    row = f.offset(self._rows(f, j), e, 4 * wide)
                    here = f.offset(row, c, ROW)
                    value = f.binary("fsub", VF, f.load(VF, here, 64), mean)
                    f.store(VF, f.binary("fmul", VF, value, scale), here, 64)
                    return []

                f.loop(str(self.s.environments), environment)
                return []

            f.loop(str(wide // LANES), column)
            return []

        if self.s.network is not None:
            f.loop(str(self.s.group), policy)

    def _find(self, f: Function) -> None:
        """Which entries of the observations are not as usual."""

        def block(b: str, carried: list[str]) -> list[str]:
            arguments = [
                self.place(f, self.at.observation, b, self.s.wide * ROW),
                self.place(f, self.at.usual),
                self.place(f, self.at.rows, b, LANES * self.s.wide * 4),
                self.place(f, self.at.found, b, LANES * 8),
            ]
            f.call("void", "find", [(PTR, a) for a in arguments])
            return []

        f.loop(str(self.s.blocks), block)

    def _rows(self, f: Function, j: str) -> str:
        """The rows of a policy's environments."""
        return self.place(f, self.at.rows, j, 4 * self.s.wide * self.s.environments)

    def _normalisation(self, f: Function, j: str, c: str) -> tuple[str, str]:
        """Mean and 1 / sqrt(variance + epsilon) of 16 entries of an observation."""
        if self.s.running:
            mean = f.load(VF, f.offset(self.place(f, self.at.mean, j, 4 * self.s.wide), c, ROW), 64)
            variance = f.load(VF, f.offset(self.place(f, self.at.variance, j, 4 * self.s.wide), c, ROW), 64)
        else:
            mean, variance = (f.load(VF, f.offset(p, c, ROW)) for p in ("%mean", "%variance"))
        root = f.call1("sqrt", VF, f.binary("fadd", VF, variance, constant(VF, EPSILON)))
        return mean, f.binary("fdiv", VF, constant(VF, 1.0), root)

    def _update_statistics(self, f: Function) -> None:
        """Merge the environments' observations into each policy's statistics (Chan et al. 1979)."""
        count = constant(VF, self.s.environments)

        def policy(j: str, carried: list[str]) -> list[str]:
            seen = f.splat(f.load(F32, self.place(f, self.at.sample_count, j, 4)))
            total = f.binary("fadd", VF, seen, count)

            def column(c: str, carried: list[str]) -> list[str]:
                batch_mean, batch_variance = self._moments(f, j, c)
                mean_at, variance_at = (
                    f.offset(self.place(f, p, j, 4 * self.s.wide), c, ROW) for p in (self.at.mean, self.at.variance)
                )
                mean, variance = f.load(VF, mean_at, 64), f.load(VF, variance_at, 64)
                delta = f.binary("fsub", VF, batch_mean, mean)
                spread = f.binary("fmul", VF, variance, seen)
                spread = f.binary("fadd", VF, spread, f.binary("fmul", VF, batch_variance, count))
                between = f.binary("fmul", VF, f.binary("fmul", VF, delta, delta), seen)
                between = f.binary("fdiv", VF, f.binary("fmul", VF, between, count), total)
                spread = f.binary("fadd", VF, spread, between)
                moved = f.binary("fdiv", VF, f.binary("fmul", VF, delta, count), total)
                f.store(VF, f.binary("fadd", VF, mean, moved), mean_at, 64)
                f.store(VF, f.binary("fdiv", VF, spread, total), variance_at, 64)
                return []

            f.loop(str(self.s.wide // LANES), column)
            one = f.let(f"extractelement {VF} {total}, i64 0")
            f.store(F32, one, self.place(f, self.at.sample_count, j, 4))
            return []

        f.loop(str(self.s.group), policy)

    def _moments(self, f: Function, j: str, c: str) -> tuple[str, str]:
        """Mean and variance over a policy's environments, of 16 entries of an observation."""
        environments = str(self.s.environments)
        share = constant(VF, 1.0 / self.s.environments)

        def value(e: str) -> str:
            return f.load(VF, f.offset(f.offset(self._rows(f, j), e, 4 * self.s.wide), c, ROW), 64)

        (total,) = f.loop(environments, lambda e, s: [f.binary("fadd", VF, s[0], value(e))], [(VF, constant(VF, 0))])
        mean = f.binary("fmul", VF, total, share)

        def square(e: str, s: list[str]) -> list[str]:
            off = f.binary("fsub", VF, value(e), mean)
            return [f.binary("fadd", VF, s[0], f.binary("fmul", VF, off, off))]

        (squares,) = f.loop(environments, square, [(VF, constant(VF, 0))])
        return mean, f.binary("fmul", VF, squares, share)

    def _decide(self, f: Function, first: str) -> None:
        """The networks' heads for all lanes, turned to blocks."""

        def policy(j: str, carried: list[str]) -> list[str]:
            params = self._params(f, self._policy(f, first, j))
            head = self.place(f, self.at.head_rows, j, 4 * self.at.heads * self.s.environments)
            seen = self._first_layer(f, j, params, head) if self.s.sparse else self._rows(f, j)
            arguments = [params, seen, head, self.place(f, self.at.forward)]
            f.call("void", "forward", [(PTR, a) for a in arguments])
            return []

        f.loop(str(self.s.group), policy)
        self._turn_heads(f, self.at.head)

    def _first_layer(self, f: Function, j: str, params: str, head: str) -> str:
        """The first layer of a policy in its environments, by what is not as usual there; where its values are."""
        assert self.s.network is not None
        row, environments = self.s.network.layers[0].output_row, str(self.s.environments)
        values = self.place(f, self.at.hidden) if len(self.s.network.layers) > 1 else head

        def environment(e: str, carried: list[str]) -> list[str]:
            lane = f.binary("add", I64, f.binary("mul", I64, j, environments), e)
            b, within = (f.binary(op, I64, lane, str(LANES)) for op in ("sdiv", "srem"))
            block = self.place(f, self.at.observation, b, self.s.wide * ROW)
            arguments = [
                params,
                self.place(f, self.at.rest_sums, j, row),
                f.offset(block, within, 4),
                self.place(f, self.at.rows, lane, 4 * self.s.wide),
                self.place(f, self.at.usual),
                self.place(f, self.at.scale),
                f.offset(values, e, row),
            ]
            count = f.load(I64, self.place(f, self.at.found, lane, 8), 8)
            f.call("void", "first_layer", [*[(PTR, a) for a in arguments], (I64, count)])
            return []

        f.loop(environments, environment)
        return values

    def _noise(self, f: Function, t: str, row: str, lanes: str) -> str:
        """Noise [T, rows, R] of a step and a row, in the lanes of a block."""
        index = f.binary("add", I64, f.binary("mul", I64, t, str(self.s.noise_rows)), row)
        return self.gather(f, VF, f.offset("%noise", index, 4 * self.s.starts), lanes)

    def _act(self, f: Function, t: str, b: str) -> None:
        """Actions of a block: given, drawn around the heads, or the index of the highest logit."""
        lanes = f.load(VI, self.place(f, self.at.lane_start, b, ROW), 64)
        heads = self.place(f, self.at.head, b, self.at.heads * ROW)
        actions = self.place(f, self.at.action, b, max(self.step.action_rows, 1) * ROW)
        if self.step.discrete and self.s.network is not None:
            self._choose(f, t, lanes, heads, actions)
            return

        def row(a: str, carried: list[str]) -> list[str]:
            if self.s.network is None:
                value = self._noise(f, t, a, lanes)
                if self.step.discrete:
                    value = f.let(f"fptosi {VF} {value} to {VI}")
                    f.store(VI, value, f.offset(actions, a, ROW), 64)
                    return []
            else:
                value = f.load(VF, f.offset(heads, a, ROW), 64)
                if not self.s.greedy:
                    spread = self.place(f, self.at.spread, b, self.at.heads * ROW)
                    scaled = f.binary("fmul", VF, f.load(VF, f.offset(spread, a, ROW), 64), self._noise(f, t, a, lanes))
                    value = f.binary("fadd", VF, value, scaled)
                for condition, bound in (("ogt", -1.0), ("olt", 1.0)):  # a NaN stays one
                    edge = constant(VF, bound)
                    value = f.select(VB, f.compare(condition, VF, edge, value), VF, edge, value)
            f.store(VF, value, f.offset(actions, a, ROW), 64)
            return []

        f.loop(str(self.step.action_rows), row)

    def _choose(self, f: Function, t: str, lanes: str, heads: str, actions: str) -> None:
        """The first of the highest logits plus noise; a NaN is higher than any number, as for jax.numpy.argmax."""

        def score(a: str) -> str:
            logit = f.load(VF, f.offset(heads, a, ROW), 64)
            return logit if self.s.greedy else f.binary("fadd", VF, logit, self._noise(f, t, a, lanes))

        def action(a: str, carried: list[str]) -> list[str]:
            best, where = carried
            value = score(a)
            higher = f.compare("ugt", VF, value, best)
            better = f.binary("and", VB, higher, f.compare("ord", VF, best, best))
            number = f.let(f"trunc i64 {a} to i32")
            one = f.let(f"insertelement {VI} poison, i32 {number}, i64 0")
            all_lanes = f.let(f"shufflevector {VI} {one}, {VI} poison, {VI} zeroinitializer")
            return [f.select(VB, better, VF, value, best), f.select(VB, better, VI, all_lanes, where)]

        start = [(VF, score("0")), (VI, "zeroinitializer")]
        _, where = f.loop(str(self.step.actions), action, start, start="1")
        f.store(VI, where, actions, 64)

    def _advance(self, f: Function, t: str, b: str, now: str, after: str) -> None:
        """The environments of a block."""
        at, step = self.at, self.step
        key = self.place(f, at.key, b, 2 * ROW)
        if step.keyed:
            lanes = f.load(VI, self.place(f, at.lane_start, b, ROW), 64)
            for word in range(2):
                index = f.binary("add", I64, f.binary("mul", I64, t, "2"), str(word))
                value = self.gather(f, VI, f.offset("%keys", index, 4 * self.s.starts), lanes)
                f.store(VI, value, f.offset(key, str(word), ROW), 64)
        pointers = [
            f.offset(now, b, at.moving * ROW),
            self.place(f, at.fixed, b, at.constant * ROW),
            self.place(f, at.action, b, max(step.action_rows, 1) * ROW),
            key,
            f.offset(after, b, at.moving * ROW),
            self.place(f, at.observation, b, self.s.wide * ROW),
            self.place(f, at.reward, b, ROW),
            self.place(f, at.done, b, ROW),
            self.place(f, at.step),
        ]
        f.call("void", step.name, [(PTR, p) for p in pointers])

    def _count(self, f: Function, b: str) -> None:
        """Returns: of the running episode, the sum over completed ones, and their number."""
        at = self.at
        running, completed, episodes = (self.place(f, p, b, ROW) for p in (at.running, at.completed, at.episodes))
        reward = f.load(VF, self.place(f, at.reward, b, ROW), 64)
        done = f.compare("ne", VI, f.load(VI, self.place(f, at.done, b, ROW), 64), "zeroinitializer")
        zero = constant(VF, 0)
        total = f.binary("fadd", VF, f.load(VF, running, 64), reward)
        f.store(VF, f.select(VB, done, VF, zero, total), running, 64)
        ended = f.select(VB, done, VF, total, zero)
        f.store(VF, f.binary("fadd", VF, f.load(VF, completed, 64), ended), completed, 64)
        more = f.let(f"zext {VB} {done} to {VI}")
        f.store(VI, f.binary("add", VI, f.load(VI, episodes, 64), more), episodes, 64)

    # -- the end

    def _write(self, f: Function, first: str) -> None:
        """A group's results. The last policy may be in a group several times: it is written over by the same."""
        at = self.at

        def lane(g: str, carried: list[str]) -> list[str]:
            policy, environment = self._lane(f, first, g)
            index = f.binary("add", I64, f.binary("mul", I64, policy, str(self.s.environments)), environment)
            for source, target in ((at.running, "running"), (at.completed, "completed"), (at.episodes, "episodes")):
                f.store(I32, f.load(I32, self.place(f, source, g, 4)), f.offset(f"%{target}", index, 4))
            return []

        f.loop(str(self.s.group * self.s.environments), lane)
        if not self.s.observing:
            return

        def statistics(j: str, carried: list[str]) -> list[str]:
            policy = self._policy(f, first, j)

            def column(c: str, carried: list[str]) -> list[str]:
                for source, target in ((at.mean, "%mean_out"), (at.variance, "%variance_out")):
                    value = f.load(VF, f.offset(self.place(f, source, j, 4 * self.s.wide), c, ROW), 64)
                    f.store(VF, value, f.offset(f.offset(target, policy, 4 * self.s.wide), c, ROW))
                return []

            f.loop(str(self.s.wide // LANES), column)
            f.store(F32, f.load(F32, self.place(f, at.sample_count, j, 4)), f.offset("%sample_count_out", policy, 4))
            return []

        f.loop(str(self.s.group), statistics)
