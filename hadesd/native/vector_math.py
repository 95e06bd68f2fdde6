"""Elementary functions of 16 floats at a time, from plain instructions: no maths library is called.

Accuracy: 1 to 2.5 units in the last place (tan 3, tanh 4) over the normal range, the values that C's functions give
at zeros, infinities and NaN. sin, cos and tan: up to |x| = 1e5; beyond it they lose digits, but sin and cos stay
within -1 to 1. Where XLA has the CPU flush subnormal numbers, they count as zeros here as well.
Polynomials: our own minimax fits of the relative error (Lawson's iteration, then rounded to float32); tanh is the
rational function of Eigen (MathFunctionsImpl.h, ptanh_float). Reductions: Cody and Waite, with fused multiply-adds.
"""

import struct
from collections.abc import Callable, Sequence

from hadesd.native.ir import LANES, VB, VF, VI, Function, Module, constant

VD = f"<{LANES} x double>"

_ROUND = 12582912.0
"""1.5 * 2^23: adding it to a small float rounds that to an integer, which the sum's low bits then hold."""
_ROUND_BITS = 0x4B400000
_SIGN = -(2**31)
_LN2 = (0.6931471805599453, 0.693147182464599609375)
_LN2_LOW = _LN2[0] - _LN2[1]
_HALF_PI = (1.57079637050628662109375, -4.37113900018624283e-8)
"""Pi / 2 as a float and what is missing."""
_HALF_PI_PARTS = (1.57079637050628662109375, -4.371138828673792886547744274e-8, -1.7151245100058819e-15)
_INFINITY = float("inf")
_NAN = float("nan")

# Coefficients from the lowest power on.
_EXP = (0.4999999403953552, 0.16666515171527863, 0.04166845604777336, 0.008369418792426586, 0.0013813144760206342)
_EXPM1 = (0.4999999701976776, 0.16666539013385773, 0.04166722297668457, 0.008367180824279785, 0.0013882395578548312)
_EXP2 = (
    *(0.6931471824645996, 0.24022647738456726, 0.05550329387187958),
    *(0.009618449956178665, 0.0013400169555097818, 0.0001535231713205576),
)
_LOG = (
    *(0.3333333432674408, -0.24999819695949554, 0.1999959796667099, -0.1667957901954651, 0.14304456114768982),
    *(-0.12195776402950287, 0.10754235833883286, -0.1284506767988205, 0.12007151544094086),
)
_LOG1P = (
    *(0.33333340287208557, -0.2500016391277313, 0.19999605417251587, -0.16655296087265015, 0.14276239275932312),
    *(-0.12727779150009155, 0.11700661480426788, -0.09116190671920776, 0.037672918289899826),
)
_SIN = (-0.16666653752326965, 0.00833211001008749, -0.00019508345576468855)
_COS = (0.04166664555668831, -0.0013887302484363317, 2.4430766643490642e-05)
_ATAN = (
    *(-0.33333298563957214, 0.19998548924922943, -0.14264242351055145, 0.10952185839414597, -0.0840345099568367),
    *(0.05795760080218315, -0.03117785044014454, 0.010914608836174011, -0.0017936222720891237),
)
_ASIN = (0.16666752099990845, 0.07495297491550446, 0.04547037556767464, 0.02417951449751854, 0.04216630756855011)
_SINH = (0.1666666716337204, 0.008333349600434303, 0.0001983615948120132, 2.8169513370812638e-06)
_TANH_ABOVE = (
    *(4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08),
    *(-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16),
)
_TANH_BELOW = (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
_TANH_ONE = 7.90531110763549805
"""From here on the rational function gives 1."""
_RECIPROCAL = (3.0931496620178223, -3.187453508377075, 1.0942819118499756)
_LOG2_ATANH = (
    *(2.885390081777417, 0.9617966948361548, 0.5770777532319477),
    *(0.41222635393603846, 0.31927944549001896, 0.29089153990670713),
)
"""2 atanh(s) / (s ln 2) in s^2, for float64."""

Value = str | float


class _Lanes:
    """Instructions on 16 floats under short names; an operand that is a number stands for 16 times that number."""

    def __init__(self, function: Function) -> None:
        self.f = function

    def operand(self, value: Value) -> str:
        return value if isinstance(value, str) else constant(VF, value)

    def _binary(self, op: str, a: Value, b: Value) -> str:
        return self.f.binary(op, VF, self.operand(a), self.operand(b))

    def add(self, a: Value, b: Value) -> str:
        return self._binary("fadd", a, b)

    def sub(self, a: Value, b: Value) -> str:
        return self._binary("fsub", a, b)

    def mul(self, a: Value, b: Value) -> str:
        return self._binary("fmul", a, b)

    def div(self, a: Value, b: Value) -> str:
        return self._binary("fdiv", a, b)

    def fma(self, a: Value, b: Value, c: Value) -> str:
        return self.f.fma(VF, self.operand(a), self.operand(b), self.operand(c))

    def abs(self, a: Value) -> str:
        return self.f.call1("fabs", VF, self.operand(a))

    def sqrt(self, a: Value) -> str:
        return self.f.call1("sqrt", VF, self.operand(a))

    def copysign(self, a: Value, sign: Value) -> str:
        return self.f.call1("copysign", VF, self.operand(a), self.operand(sign))

    def compare(self, condition: str, a: Value, b: Value) -> str:
        return self.f.compare(condition, VF, self.operand(a), self.operand(b))

    def select(self, mask: str, then: Value, otherwise: Value) -> str:
        return self.f.select(VB, mask, VF, self.operand(then), self.operand(otherwise))

    def clamp(self, x: str, low: float, high: float) -> str:
        """x within bounds; NaN stays NaN."""
        x = self.select(self.compare("ogt", x, high), high, x)
        return self.select(self.compare("olt", x, low), low, x)

    def bits(self, x: str) -> str:
        return self.f.let(f"bitcast {VF} {x} to {VI}")

    def floats(self, x: str) -> str:
        return self.f.let(f"bitcast {VI} {x} to {VF}")

    def whole(self, op: str, a: str, b: int | str) -> str:
        """An instruction on 16 int32."""
        return self.f.binary(op, VI, a, b if isinstance(b, str) else constant(VI, b))

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """A polynomial by Horner's scheme; coefficients from the constant term up."""
        value: Value = coefficients[-1]
        for c in reversed(coefficients[:-1]):
            value = self.fma(x, value, c)
        return self.operand(value)

    def rounded(self, x: str, factor: float) -> tuple[str, str]:
        """The integer next to x * factor: as floats, and as the bits whose low part is it."""
        shifted = self.fma(x, factor, _ROUND)
        return self.sub(shifted, _ROUND), self.bits(shifted)

    def power_of_two(self, exponent: str) -> str:
        """2^exponent for int32 from -126 to 127."""
        return self.floats(self.whole("shl", self.whole("add", exponent, 127), 23))

    def scaled(self, x: str, exponent: str) -> str:
        """x * 2^exponent for int32 from -252 to 254: in two steps, so that results can be infinite or subnormal."""
        half = self.whole("ashr", exponent, 1)
        first = self.mul(x, self.power_of_two(half))
        return self.mul(first, self.power_of_two(self.whole("sub", exponent, half)))


def _exponential(v: _Lanes, x: str, doublings: int = 0) -> str:
    """exp(x) * 2^doublings, without an overflow on the way."""
    x = v.clamp(x, -105.0, 90.0)
    n, bits = v.rounded(x, 1.0 / _LN2[0])
    r = v.fma(n, -_LN2_LOW, v.fma(n, -_LN2[1], x))
    p = v.add(v.fma(v.mul(r, r), v.polynomial(r, _EXP), r), 1.0)
    return v.scaled(p, v.whole("sub", bits, _ROUND_BITS - doublings))


def _exp(v: _Lanes, x: str) -> str:
    return _exponential(v, x)


def _two_to(v: _Lanes, r: str, bits: str) -> str:
    """2^(n + r) for |r| about 1/2 and the bits of n from `rounded`."""
    p = v.fma(r, v.polynomial(r, _EXP2), 1.0)
    return v.scaled(p, v.whole("sub", bits, _ROUND_BITS))


def _exp2(v: _Lanes, x: str) -> str:
    x = v.clamp(x, -152.0, 129.0)
    n, bits = v.rounded(x, 1.0)
    return _two_to(v, v.sub(x, n), bits)


def _expm1(v: _Lanes, x: str) -> str:
    """2^n (e^r - 1) + 2^n - 1, all of it halved until the end for the sake of n = 128."""
    y = v.clamp(x, -25.0, 89.0)
    n, bits = v.rounded(y, 1.0 / _LN2[0])
    r = v.fma(n, -_LN2_LOW, v.fma(n, -_LN2[1], y))
    p = v.fma(v.mul(r, r), v.polynomial(r, _EXPM1), r)
    half = v.power_of_two(v.whole("sub", bits, _ROUND_BITS + 1))
    result = v.fma(half, p, v.sub(half, 0.5))
    return v.copysign(v.add(result, result), x)


def _from_reduced(v: _Lanes, f: str, exponent: str, coefficients: Sequence[float]) -> str:
    """log((1 + f) * 2^exponent)."""
    e = v.f.let(f"sitofp {VI} {exponent} to {VF}")
    tail = v.fma(v.mul(f, f), v.fma(f, v.polynomial(f, coefficients), -0.5), v.mul(e, _LN2_LOW))
    return v.fma(e, _LN2[1], v.add(f, tail))


def _mantissa(v: _Lanes, x: str) -> tuple[str, str]:
    """m from 2/3 to 4/3 and int32 e with x = m * 2^e, for x > 0."""
    small = v.compare("olt", x, 2.0**-126)
    bits = v.bits(v.select(small, v.mul(x, 2.0**23), x))
    e = v.whole("ashr", v.whole("sub", bits, 0x3F2AAAAB), 23)
    m = v.floats(v.whole("sub", bits, v.whole("shl", e, 23)))
    lower = v.f.select(VB, small, VI, constant(VI, 23), constant(VI, 0))
    return m, v.whole("sub", e, lower)


def _log_edges(v: _Lanes, argument: str, result: str) -> str:
    """A logarithm where its argument is positive and finite; -inf at 0, NaN below."""
    edge = v.select(v.compare("oeq", argument, 0.0), -_INFINITY, _NAN)
    result = v.select(v.compare("ogt", argument, 0.0), result, edge)
    return v.select(v.compare("oeq", argument, _INFINITY), argument, result)


def _log(v: _Lanes, x: str) -> str:
    m, e = _mantissa(v, x)
    return _log_edges(v, x, _from_reduced(v, v.sub(m, 1.0), e, _LOG))


def _log1p(v: _Lanes, x: str) -> str:
    """The exponent of 1 + x, and 1 + f = (1 + x) * 2^-e without the rounding of 1 + x."""
    u = v.add(x, 1.0)
    e = v.whole("ashr", v.whole("sub", v.bits(u), 0x3F400000), 23)
    shift = v.whole("shl", e, 23)
    part = v.floats(v.whole("sub", v.bits(x), shift))
    four = v.floats(v.f.binary("sub", VI, constant(VI, 0x40800000), shift))
    f = v.add(part, v.fma(four, 0.25, -1.0))
    return v.copysign(_log_edges(v, u, _from_reduced(v, f, e, _LOG1P)), x)


def _quarter_turns(v: _Lanes, a: str) -> tuple[str, str, str]:
    """sin and cos of a >= 0 less the next multiple of pi / 2, and the bits whose low two count the multiples."""
    n, bits = v.rounded(a, 1.0 / (_HALF_PI_PARTS[0] + _HALF_PI_PARTS[1]))
    r = a
    for part in _HALF_PI_PARTS:
        r = v.fma(n, -part, r)
    r = v.clamp(r, -0.79, 0.79)
    z = v.mul(r, r)
    sine = v.fma(v.mul(z, v.polynomial(z, _SIN)), r, r)
    cosine = v.fma(v.mul(z, z), v.polynomial(z, _COS), v.fma(z, -0.5, 1.0))
    return sine, cosine, bits


def _is_odd(v: _Lanes, bits: str) -> str:
    return v.f.compare("ne", VI, v.whole("and", bits, 1), constant(VI, 0))


def _flip(v: _Lanes, x: str, sign: str) -> str:
    """x, with its sign changed where bit 31 of `sign` is set."""
    return v.floats(v.whole("xor", v.bits(x), v.whole("and", sign, _SIGN)))


def _sin(v: _Lanes, x: str) -> str:
    sine, cosine, bits = _quarter_turns(v, v.abs(x))
    value = v.select(_is_odd(v, bits), cosine, sine)
    return _flip(v, value, v.whole("xor", v.whole("shl", bits, 30), v.bits(x)))


def _cos(v: _Lanes, x: str) -> str:
    sine, cosine, bits = _quarter_turns(v, v.abs(x))
    value = v.select(_is_odd(v, bits), sine, cosine)
    return _flip(v, value, v.whole("shl", v.whole("add", bits, 1), 30))


def _tan(v: _Lanes, x: str) -> str:
    sine, cosine, bits = _quarter_turns(v, v.abs(x))
    odd = _is_odd(v, bits)
    value = v.div(v.select(odd, cosine, sine), v.select(odd, sine, cosine))
    return _flip(v, value, v.whole("xor", v.whole("shl", bits, 31), v.bits(x)))


def _tanh(v: _Lanes, x: str) -> str:
    y = v.clamp(x, -_TANH_ONE, _TANH_ONE)
    z = v.mul(y, y)
    return v.div(v.mul(y, v.polynomial(z, _TANH_ABOVE)), v.polynomial(z, _TANH_BELOW))


def _logistic(v: _Lanes, x: str) -> str:
    return v.div(1.0, v.add(_exponential(v, v.sub(-0.0, x)), 1.0))


def _hyperbolic_halves(v: _Lanes, x: str) -> tuple[str, str]:
    """exp(|x|) / 2 and exp(-|x|) / 2."""
    half = _exponential(v, v.abs(x), -1)
    return half, v.div(0.25, half)


def _sinh(v: _Lanes, x: str) -> str:
    growing, falling = _hyperbolic_halves(v, x)
    z = v.mul(x, x)
    near = v.fma(v.mul(x, z), v.polynomial(z, _SINH), x)
    value = v.select(v.compare("olt", v.abs(x), 1.0), near, v.sub(growing, falling))
    return v.copysign(value, x)


def _cosh(v: _Lanes, x: str) -> str:
    return v.add(*_hyperbolic_halves(v, x))


def _from_half_pi(v: _Lanes, x: Value) -> str:
    """pi / 2 - x, with pi / 2 in two parts to keep the last bits."""
    return v.sub(_HALF_PI[0], v.sub(x, _HALF_PI[1]))


def _from_pi(v: _Lanes, x: Value) -> str:
    """pi - x, with pi in two parts to keep the last bits."""
    return v.sub(2.0 * _HALF_PI[0], v.sub(x, 2.0 * _HALF_PI[1]))


def _first_quadrant(v: _Lanes, a: str, b: Value) -> str:
    """atan(a / b) for a, b >= 0; 0 / 0 counts as 0, inf / inf as 1."""
    steep = v.compare("ogt", a, b)
    low, high = v.select(steep, b, a), v.select(steep, a, b)
    q = v.select(v.compare("oeq", low, high), 1.0, v.div(low, high))
    q = v.select(v.compare("oeq", high, 0.0), low, q)
    z = v.mul(q, q)
    p = v.fma(v.mul(q, z), v.polynomial(z, _ATAN), q)
    return v.select(steep, _from_half_pi(v, p), p)


def _atan(v: _Lanes, x: str) -> str:
    return v.copysign(_first_quadrant(v, v.abs(x), 1.0), x)


def _atan2(v: _Lanes, y: str, x: str) -> str:
    angle = _first_quadrant(v, v.abs(y), v.abs(x))
    negative = v.f.compare("slt", VI, v.bits(x), constant(VI, 0))
    return v.copysign(v.select(negative, _from_pi(v, angle), angle), y)


def _arcus(v: _Lanes, x: str) -> tuple[str, str]:
    """Where |x| > 1/2: the mask; and asin(|x|) elsewhere, asin(sqrt((1 - |x|) / 2)) there."""
    a = v.abs(x)
    big = v.compare("ogt", a, 0.5)
    z = v.select(big, v.fma(a, -0.5, 0.5), v.mul(a, a))
    s = v.select(big, v.sqrt(z), a)
    return big, v.fma(v.mul(s, z), v.polynomial(z, _ASIN), s)


def _asin(v: _Lanes, x: str) -> str:
    big, p = _arcus(v, x)
    return v.copysign(v.select(big, _from_half_pi(v, v.add(p, p)), p), x)


def _acos(v: _Lanes, x: str) -> str:
    big, p = _arcus(v, x)
    twice = v.add(p, p)
    far = v.select(v.compare("olt", x, 0.0), _from_pi(v, twice), twice)
    return v.select(big, far, _from_half_pi(v, v.copysign(p, x)))


def _double(value: float) -> str:
    return f"splat (double 0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X})"


def _log2_double(v: _Lanes, a: str) -> str:
    """log2 of a >= 0, float64: a float's power needs more digits of the logarithm than a float has."""
    f = v.f
    m, e = _mantissa(v, a)
    wide = f.let(f"fpext {VF} {m} to {VD}")
    s = f.binary("fdiv", VD, f.binary("fsub", VD, wide, _double(1.0)), f.binary("fadd", VD, wide, _double(1.0)))
    z = f.binary("fmul", VD, s, s)
    p = _double(_LOG2_ATANH[-1])
    for c in reversed(_LOG2_ATANH[:-1]):
        p = f.binary("fadd", VD, f.binary("fmul", VD, p, z), _double(c))
    exponent = f.let(f"sitofp {VI} {e} to {VD}")
    value = f.binary("fadd", VD, f.binary("fmul", VD, p, s), exponent)
    value = f.select(VB, v.compare("oeq", a, 0.0), VD, _double(-_INFINITY), value)
    return f.select(VB, v.compare("oeq", a, _INFINITY), VD, _double(_INFINITY), value)


def _power_of_size(v: _Lanes, a: str, y: str) -> str:
    """a^y for a >= 0, but for 0 * inf in y log2(a); NaN where y is NaN, and not always where a is."""
    f = v.f
    t = f.binary("fmul", VD, _log2_double(v, a), f.let(f"fpext {VF} {y} to {VD}"))
    for condition, bound in (("ogt", 200.0), ("olt", -200.0)):
        t = f.select(VB, f.let(f"fcmp {condition} {VD} {t}, {_double(bound)}"), VD, _double(bound), t)
    n, bits = v.rounded(f.let(f"fptrunc {VD} {t} to {VF}"), 1.0)
    r = f.binary("fsub", VD, t, f.let(f"fpext {VF} {n} to {VD}"))
    return _two_to(v, f.let(f"fptrunc {VD} {r} to {VF}"), bits)


def _pow(v: _Lanes, x: str, y: str) -> str:
    f = v.f
    a = v.abs(x)
    value = _power_of_size(v, a, y)
    floor = f.call1("floor", VF, y)
    half = v.mul(y, 0.5)
    whole = v.compare("oeq", floor, y)
    odd = f.binary("and", VB, whole, v.compare("one", f.call1("floor", VF, half), half))
    value = v.select(odd, _flip(v, value, v.bits(x)), value)
    below = f.binary("and", VB, v.compare("olt", x, 0.0), v.compare("ogt", x, -_INFINITY))
    broken = f.binary("and", VB, below, v.compare("one", floor, y))
    broken = f.binary("or", VB, broken, v.compare("uno", x, y))
    value = v.select(broken, _NAN, value)
    unit = f.binary("and", VB, v.compare("oeq", a, 1.0), v.compare("oeq", v.abs(y), _INFINITY))
    unit = f.binary("or", VB, unit, v.compare("oeq", x, 1.0))
    return v.select(f.binary("or", VB, unit, v.compare("oeq", y, 0.0)), 1.0, value)


_WRITERS: dict[str, Callable[..., str]] = {
    **{"sin": _sin, "cos": _cos, "tan": _tan, "asin": _asin, "acos": _acos, "atan": _atan, "atan2": _atan2},
    **{"exp": _exp, "exp2": _exp2, "expm1": _expm1, "log": _log, "log1p": _log1p, "pow": _pow},
    **{"sinh": _sinh, "cosh": _cosh, "tanh": _tanh, "logistic": _logistic},
}

ARGUMENTS = {name: 2 if name in ("atan2", "pow") else 1 for name in _WRITERS}
"""How many arguments each function takes: atan2(y, x), pow(base, exponent)."""


def emit(function: Function, name: str, *arguments: str) -> str:
    """Write a function's instructions here and now; the operand of its value."""
    return _WRITERS[name](_Lanes(function), *arguments)


def reciprocal(function: Function, x: str) -> str:
    """1 / x to 1 unit in the last place, for x from 2^-125 to 2^125; faster than a division where many are done.

    A line through the bits, off by 4 %, then a fitted parabola, 2.5e-5, then one step of Newton's.
    """
    v = _Lanes(function)
    y = v.floats(function.binary("sub", VI, constant(VI, 0x7EECF747), v.bits(x)))
    y = v.mul(y, v.polynomial(v.mul(x, y), _RECIPROCAL))
    return v.fma(y, v.fma(v.sub(-0.0, x), y, 1.0), y)


def add(module: Module, name: str) -> str:
    """Add the function over <16 x float>, unless it is there already; its name in the IR."""
    called = f"v_{name}"
    if called not in module:
        names = [f"x{i}" for i in range(ARGUMENTS[name])]
        function = Function(module, called, [(VF, n) for n in names], returns=VF)
        function.finish(emit(function, name, *[f"%{n}" for n in names]))
    return called
