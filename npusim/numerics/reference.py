"""Every elementwise operator under a Numerics, written out literally in numpy; what the kernels are tested against."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npusim.dtypes import DTYPES, DType, dtype, promote
from npusim.errors import CallError
from npusim.numerics.model import IEEE, Numerics, Rounding
from npusim.numerics.rounding import round_to

Array = NDArray[Any]

_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The primitives of one device, on arrays that hold values of the compute dtype in float32 or float64."""

    operand: str
    compute: str
    numerics: Numerics

    @property
    def carrier(self) -> type[np.floating[Any]]:
        """The numpy type that holds a compute value exactly."""
        return np.float64 if self.compute == "float64" else np.float32

    def load(self, array: Array) -> Array:
        """Convert an input to P, which rounds only if P does not hold all its values, and hold it in C."""
        source = dtype(array.dtype)
        exact = source.name == self.operand or _holds(DTYPES[self.operand], source)
        operand = array if exact else round_to(array, self.operand, self.numerics)
        return self.held(operand)

    def held(self, values: ArrayLike) -> Array:
        """Round to the compute dtype, as IEEE does."""
        return round_to(values, self.compute).astype(self.carrier)

    def rounded(self, values: Array) -> Array:
        """Round one primitive's result: to C, and also to P where the device rounds after every primitive."""
        result = self.held(values)
        if self.numerics.rounding is Rounding.PRIMITIVE:
            result = self.held(round_to(result, self.operand, self.numerics))
        return result

    def wide(self, function: Callable[..., Any], *operands: Array) -> Array:
        """Evaluate in float64, round to float32 unless the compute dtype is wider, then as any primitive."""
        return self.rounded(np.asarray(function(*(x.astype(np.float64) for x in operands))).astype(self.carrier))

    def constant(self, value: float) -> Array:
        """Return a constant of the compute dtype."""
        return self.held(np.float64(value))


def elementwise(
    operator: str,
    inputs: Sequence[Array],
    attributes: Mapping[str, Any],
    output: str,
    numerics: Numerics = IEEE,
) -> Array:
    """Return the operator's result in the dtype called `output`, with numpy's broadcasting.

    The inputs are converted to their promoted dtype (`output` if that is no float but the operator computes in floats),
    computed in its compute dtype and rounded as `numerics` says; see the operators below for the formulas.
    Raises CallError for an operator that is not elementwise or dtypes that do not promote.
    """
    with np.errstate(all="ignore"):
        if operator == "cast":
            (array,) = inputs
            same = dtype(array.dtype).name == output
            return array.copy() if same else round_to(array, output, numerics)
        if operator == "where":
            return _where(inputs, output, numerics)
        promoted = _promoted(inputs)
        if operator in _REAL and not promoted.is_floating:
            promoted = DTYPES[output]
        if promoted.is_floating:
            unit = Arithmetic(promoted.name, numerics.compute_dtype(promoted.name), numerics)
            return _on_floats(operator, inputs, attributes, output, unit)
        return _on_integers(operator, inputs, attributes, output, promoted)


def _on_floats(
    operator: str, inputs: Sequence[Array], attributes: Mapping[str, Any], output: str, unit: Arithmetic
) -> Array:
    values = [unit.load(array) for array in inputs]
    if operator in _COMPARISONS:
        return np.asarray(_COMPARISONS[operator](*values))
    if operator not in _FORMULAS:
        raise CallError(f"{operator} has no elementwise reference")
    return round_to(_FORMULAS[operator](unit, attributes, *values), output, unit.numerics)


def _on_integers(
    operator: str, inputs: Sequence[Array], attributes: Mapping[str, Any], output: str, operand: DType
) -> Array:
    carrier = np.uint64 if operand.name == "uint64" else np.int64
    values = [round_to(array, operand.name).astype(carrier) for array in inputs]
    if operator in _COMPARISONS:
        return np.asarray(_COMPARISONS[operator](*values))
    if operator not in _INTEGER_FORMULAS:
        raise CallError(f"{operator} has no elementwise reference on integers")
    return round_to(_INTEGER_FORMULAS[operator](attributes, *values), output)


def _where(inputs: Sequence[Array], output: str, numerics: Numerics) -> Array:
    condition, *choices = inputs
    one, other = (x if dtype(x.dtype).name == output else round_to(x, output, numerics) for x in choices)
    return np.where(condition.astype(np.bool_), one, other)


def _promoted(inputs: Sequence[Array]) -> DType:
    rows = [dtype(array.dtype) for array in inputs]
    promoted = reduce(lambda one, other: one and promote(one, other), rows[1:], rows[0] if rows else None)
    if promoted is None:
        raise CallError(f"{' and '.join(map(str, rows))} have no common dtype")
    return promoted


@cache
def _holds(target: DType, source: DType) -> bool:
    """Whether every value of `source` survives a conversion to `target`: by trying them all, where they are few."""
    if source.name in ("float32", "float64") or source.bits > 16:
        return target.name == "float64" and (source.is_floating or source.bits == 32)
    width = np.uint16 if source.bits == 16 else np.uint8
    codes = np.arange(2 if source.name == "bool" else 2**source.bits).astype(width).view(np.dtype(source.storage))
    with np.errstate(invalid="ignore"):  # some NaN bit patterns signal when they are converted
        before, after = codes.astype(np.float64), round_to(codes, target.name).astype(np.float64)
    signs = np.isnan(before) | (np.signbit(before) == np.signbit(after))
    return bool(np.array_equal(before, after, equal_nan=True) and np.all(signs))


def _maximum(x: Array, y: Array) -> Array:
    """Return the greater; +0 is greater than -0 and NaN wins."""
    zero = np.where((x == 0) & (y == 0), x + y, x)
    return np.where(x > y, x, np.where(y > x, y, np.where(x == y, zero, np.nan))).astype(x.dtype)


def _add(unit: Arithmetic, attributes: Mapping[str, Any], x: Array, y: Array) -> Array:
    return unit.rounded(x + _scaled(unit, attributes, y))


def _sub(unit: Arithmetic, attributes: Mapping[str, Any], x: Array, y: Array) -> Array:
    return unit.rounded(x - _scaled(unit, attributes, y))


def _scaled(unit: Arithmetic, attributes: Mapping[str, Any], y: Array) -> Array:
    alpha = attributes.get("alpha", 1)
    return y if alpha == 1 else unit.rounded(unit.constant(alpha) * y)


def _one_plus_exp_neg(unit: Arithmetic, x: Array) -> Array:
    return unit.rounded(1 + unit.wide(np.exp, -x))


def _gelu(unit: Arithmetic, attributes: Mapping[str, Any], x: Array) -> Array:
    if attributes.get("approximate", "none") == "tanh":
        cube = unit.rounded(unit.rounded(unit.rounded(unit.constant(0.044715) * x) * x) * x)
        inner = unit.rounded(unit.constant(math.sqrt(2 / math.pi)) * unit.rounded(x + cube))
        spread = unit.wide(np.tanh, inner)
    else:
        spread = unit.wide(_erf, unit.rounded(x * unit.constant(math.sqrt(0.5))))
    half = unit.rounded(unit.carrier(0.5) * x)
    return unit.rounded(half * unit.rounded(1 + spread))


_FORMULAS: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        "neg": lambda _unit, _attributes, x: -x,
        "abs": lambda _unit, _attributes, x: np.abs(x),
        "relu": lambda _unit, _attributes, x: np.where(np.isnan(x), x, np.where(x > 0, x, 0)),
        "sqrt": lambda unit, _attributes, x: unit.rounded(np.sqrt(x)),
        "reciprocal": lambda unit, _attributes, x: unit.rounded(1 / x),
        "rsqrt": lambda unit, _attributes, x: unit.rounded(1 / unit.rounded(np.sqrt(x))),
        "exp": lambda unit, _attributes, x: unit.wide(np.exp, x),
        "log": lambda unit, _attributes, x: unit.wide(np.log, x),
        "sin": lambda unit, _attributes, x: unit.wide(np.sin, x),
        "cos": lambda unit, _attributes, x: unit.wide(np.cos, x),
        "tanh": lambda unit, _attributes, x: unit.wide(np.tanh, x),
        "sigmoid": lambda unit, _attributes, x: unit.rounded(1 / _one_plus_exp_neg(unit, x)),
        "silu": lambda unit, _attributes, x: unit.rounded(x / _one_plus_exp_neg(unit, x)),
        "gelu": _gelu,
        "add": _add,
        "sub": _sub,
        "mul": lambda unit, _attributes, x, y: unit.rounded(x * y),
        "div": lambda unit, _attributes, x, y: unit.rounded(x / y),
        "pow": lambda unit, _attributes, x, y: unit.wide(np.power, x, y),
        "maximum": lambda _unit, _attributes, x, y: _maximum(x, y),
        "minimum": lambda _unit, _attributes, x, y: -_maximum(-x, -y),
    }
)

_REAL = frozenset({"sqrt", "reciprocal", "rsqrt", "exp", "log", "sin", "cos", "tanh", "sigmoid", "silu", "gelu", "div"})

_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
)


def _integer_power(base: Array, exponent: Array) -> Array:
    """Return the power, wrapped to 64 bits; a negative exponent gives 0, except for the bases 1 and -1."""

    def power(b: int, e: int) -> int:
        whole = pow(b, e, 2**64) if e >= 0 else {1: 1, -1: -1 if e % 2 else 1}.get(b, 0)
        return whole % 2**64

    result = np.vectorize(lambda b, e: power(int(b), int(e)), otypes=[np.uint64])(base, exponent)
    return np.asarray(result).view(base.dtype)


_INTEGER_FORMULAS: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        "neg": lambda _attributes, x: -x,
        "abs": lambda _attributes, x: np.abs(x),
        "relu": lambda _attributes, x: np.maximum(x, 0),
        "add": lambda attributes, x, y: x + x.dtype.type(attributes.get("alpha", 1)) * y,
        "sub": lambda attributes, x, y: x - x.dtype.type(attributes.get("alpha", 1)) * y,
        "mul": lambda _attributes, x, y: x * y,
        "maximum": lambda _attributes, x, y: np.maximum(x, y),
        "minimum": lambda _attributes, x, y: np.minimum(x, y),
        "pow": lambda _attributes, x, y: _integer_power(x, y),
    }
)
