"""Between which two values a sum or a matrix product must lie, computed from the data: what tests and reports judge by.

A fixed relative tolerance is too wide for a dot product of ones and too narrow for one that cancels. Here the rounding
errors of the accumulator give an absolute bound around the exact result, and the rounding to the output dtype, which is
monotone, is applied to both ends of that interval. Notation: u is the unit roundoff of the accumulator.

- A sum of n floats, in any order:          |error| <= (n-1) u sum|x|    (Rump, "Error estimation of floating-point
  summation and dot product", BIT 52, 2012, theorem 3.1: no condition on n)
- An inner product of length n, any order:  |error| <= n u sum|a||b|     (Jeannerod and Rump, "Improved error bounds for
  inner products in floating-point arithmetic", SIAM J. Matrix Anal. Appl. 34, 2013, theorem 3.1: no condition on n)
- With fused multiply-add, as float32 and float64 may use it:  gamma_n sum|a||b|, gamma_n = n u / (1 - n u)   (Higham,
  Accuracy and Stability of Numerical Algorithms, 2nd edition, 2002, sections 3.1 and 2.6; n u < 1)
- Underflow adds at most half the smallest subnormal for each product or quotient and nothing to a sum (Higham, section
  2.8): inside an operator underflow is gradual; flushing belongs to storage dtypes, so to the ends of the interval.
- Where sum|a||b| may exceed the accumulator's largest value a partial sum may overflow: nothing is promised.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from npusim.dtypes import dtype
from npusim.numerics.model import IEEE, Numerics
from npusim.numerics.rounding import round_to

Float64s = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Format:
    """What error analysis asks of a float format: unit roundoff, least subnormal and normal, greatest finite value."""

    unit: float
    smallest: float
    smallest_normal: float
    largest: float


@cache
def format_of(name: str) -> Format:
    """Return the Format of a float dtype's name. Raises ValueError for other kinds."""
    finfo: Any = ml_dtypes.finfo
    info = finfo(dtype(name).storage)
    return Format(float(info.eps) / 2, float(info.smallest_subnormal), float(info.smallest_normal), float(info.max))


@dataclass(frozen=True, slots=True, eq=False)
class Enclosure:
    """The values of the output dtype between which each element of a result must lie, ends included.

    Where both ends are NaN only a NaN will do; where `free` is true nothing is promised, because an intermediate value
    may have overflowed.
    """

    low: Float64s
    high: Float64s
    free: NDArray[np.bool_]

    def holds(self, result: NDArray[Any]) -> NDArray[np.bool_]:
        """Return, for each element of a result of any float dtype, whether it lies inside."""
        value = np.asarray(result).astype(np.float64)
        if value.shape != self.low.shape:
            raise ValueError(f"a result of shape {value.shape} cannot lie in an enclosure of shape {self.low.shape}")
        both_nan = np.isnan(value) & np.isnan(self.low)
        inside: NDArray[np.bool_] = self.free | both_nan | ((self.low <= value) & (value <= self.high))
        return inside


def growth(length: int, accumulate: str) -> float:
    """Return by how much, relative to the sum of magnitudes, `length` roundings in this accumulator may be wrong.

    n u where every operation is rounded by itself: with accumulators below 32 bits, whose operations may be rounded to
    float32 first; gamma_n where contraction is allowed, infinite from n u = 1 on.
    """
    if dtype(accumulate).bits < 32:
        return length * (format_of(accumulate).unit + format_of("float32").unit)
    total = length * format_of(accumulate).unit
    return total / (1 - total) if total < 1 else float("inf")


def enclose(
    exact: NDArray[Any],
    error: NDArray[Any],
    magnitude: NDArray[Any],
    *,
    accumulate: str,
    output: str,
    numerics: Numerics,
) -> Enclosure:
    """Return the enclosure of `exact` +- `error`, rounded to the output dtype as the numerics say.

    `magnitude` bounds every intermediate value. Where `exact` is infinite or NaN, because an operand is, the result
    must be the same (as the numerics render it); the error is then of no account.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        margin = np.where(np.isfinite(exact), error, 0)
        ends = (np.asarray(exact - margin, np.float64), np.asarray(exact + margin, np.float64))
        low, high = (np.asarray(round_to(end, output, numerics)).astype(np.float64) for end in ends)
    largest = format_of(accumulate).largest / (1 + 4 * format_of(accumulate).unit)
    return Enclosure(low, high, np.asarray(magnitude > largest) | np.isnan(margin))


def sum_enclosure(
    x: NDArray[Any],
    axes: tuple[int, ...] | None,
    *,
    operand: str,
    output: str,
    numerics: Numerics,
    keepdims: bool = False,
    mean: bool = False,
) -> Enclosure:
    """Enclose `sum` or `mean` of `x` over `axes` (None: all), accumulated as the numerics say for `operand`.

    An empty axis sums to 0 and has the mean NaN.
    """
    accumulate = numerics.accumulate_dtype(operand)
    terms = exactly(x, accumulate, IEEE)
    count = x.size if axes is None else math.prod(x.shape[axis] for axis in axes)
    magnitude = finite_magnitude(terms).sum(axis=axes, keepdims=keepdims)
    error = (growth(max(count - 1, 0), accumulate) + slack(count)) * magnitude
    with np.errstate(invalid="ignore", divide="ignore"):
        total = terms.sum(axis=axes, keepdims=keepdims)
        if mean:  # the count itself may round, then the quotient
            unit = format_of(accumulate).unit
            total = total / count
            error = (error + 3 * unit * (magnitude + error)) / count + format_of(accumulate).smallest
    return enclose(total, error, magnitude, accumulate=accumulate, output=output, numerics=numerics)


def matmul_enclosure(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    operand: str,
    output: str,
    numerics: Numerics,
    addends: Sequence[NDArray[Any]] = (),
) -> Enclosure:
    """Enclose `a @ b` plus the addends (bias, ...), all broadcast, for operands promoted to the dtype `operand`."""
    multiplied = numerics.matmul_dtype(operand)
    accumulate = numerics.accumulate_dtype(multiplied)
    left, right = (exactly(x, multiplied, numerics) for x in (a, b))
    terms = [exactly(addend, accumulate, IEEE) for addend in addends]
    total, magnitude = product(left, right), product(finite_magnitude(left), finite_magnitude(right))
    with np.errstate(invalid="ignore"):
        for term in terms:
            total, magnitude = total + term, magnitude + finite_magnitude(term)
    length = a.shape[-1] + len(terms)
    error = (growth(length, accumulate) + slack(length)) * magnitude
    error = error + length * format_of(accumulate).smallest
    return enclose(total, error, magnitude, accumulate=accumulate, output=output, numerics=numerics)


def exactly(x: NDArray[Any], to: str, numerics: Numerics) -> NDArray[Any]:
    """Return `x`, rounded to the dtype `to` if it has another, in a float wide enough for the exact result."""
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = x if x.dtype == dtype(to).storage else round_to(x, to, numerics)
        wide = np.asarray(rounded).astype(np.float64)
    return wide.astype(np.longdouble) if to == "float64" else wide


def finite_magnitude(x: NDArray[Any]) -> NDArray[Any]:
    """Return |x|, with 0 in place of infinities and NaN: they reach the result exactly and bound nothing."""
    return np.asarray(np.where(np.isfinite(x), np.abs(x), x.dtype.type(0)))


def product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return numpy.matmul(a, b); infinities of both signs make NaN without a warning."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.matmul(a, b))


def slack(length: int) -> float:
    """Return the relative error of the reference itself, which is summed in float64 or, for float64, in long double.

    Where long double is no wider than float64 the reference is as wrong as the accumulator: this covers that too.
    """
    return (length + 2) * float(np.finfo(np.float64).eps) / 2
