"""Round numbers to a storage dtype the slow and literal way: look up the nearest of all the values the format has."""

from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, NDArray

from npusim.dtypes import DTYPES, DType, Kind
from npusim.errors import UnknownDtypeError
from npusim.numerics.model import IEEE, Numerics, Overflow, Subnormals

_EXACT_IN_FLOAT64 = 2**53


def round_to(values: ArrayLike, name: str, numerics: Numerics = IEEE) -> NDArray[Any]:
    """Return `values` as an array of the storage dtype called `name`, rounded once, ties to even.

    values    floats of any format, integers or bools; taken exactly
    numerics  what becomes of subnormals and of overflow, as npusim.numerics.model says

    Without saturation a format that lacks infinities does as ml_dtypes' own conversion: an overflow is its NaN, or its
    largest value if it has no NaN. A NaN is canonical, and +0 where the format has none. -0 is kept where it exists.
    A float becomes an integer by truncation, NaN is 0 and what is out of range becomes the nearest bound; an integer
    becomes a narrower one by wrapping around. float8_e8m0fnu has no zero and no sign: what is not positive is NaN, even
    under saturation; ties go to the larger power and subnormal float32 values above its smallest power become the next
    one (as in ml_dtypes 0.6). Raises UnknownDtypeError for a dtype that no library stores.
    """
    row = DTYPES[name]
    array = np.asarray(values)
    if row.storage is None or row.kind is Kind.COMPLEX:
        raise UnknownDtypeError(name, ())
    if row.kind is Kind.BOOL:
        return np.asarray(_exact(array) != 0)
    if row.kind is Kind.INTEGER:
        return _to_integer(array, row)
    if row.bits > 16:
        return _to_wide_float(array, row, numerics)
    if name == "float8_e8m0fnu":
        return _to_power_of_two(array, row, numerics)
    return _to_small_float(_exact(array), row, numerics)


def flushes(row: DType, numerics: Numerics) -> bool:
    """Whether subnormal results of this format become zero."""
    return numerics.subnormals is Subnormals.FLUSH and row.bits in (8, 16, 32)


def _exact(array: NDArray[Any]) -> NDArray[Any]:
    """Return float64 values that every format of at most 24 bits of precision rounds as it rounds the argument.

    Only integers beyond 2**53 differ from their float64 value: all they lose is set as a last, sticky bit.
    """
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        sticky = ((array >> 11) | ((array & 0x7FF) != 0)).astype(np.float64) * 2.0**11
        small = (array < _EXACT_IN_FLOAT64) & (array > -_EXACT_IN_FLOAT64 if array.dtype.kind == "i" else True)
        return np.where(small, array.astype(np.float64), sticky)
    with np.errstate(invalid="ignore"):
        return array.astype(np.float64)


@cache
def _magnitudes(row: DType) -> NDArray[Any]:
    """Return every finite value without a sign; the index of a value is its code in the format."""
    count = 2 ** (row.bits - 1)
    codes = np.arange(count, dtype=np.uint16 if row.bits == 16 else np.uint8)
    with np.errstate(invalid="ignore"):  # some NaN bit patterns signal when they are converted
        values = codes.view(np.dtype(row.storage)).astype(np.float64)
    finite: NDArray[Any] = values[np.isfinite(values)]
    return finite


def _to_small_float(exact: NDArray[Any], row: DType, numerics: Numerics) -> NDArray[Any]:
    values = _magnitudes(row)
    largest = len(values) - 1
    beyond = values[-1] + (values[-1] - values[-2])
    grid = np.append(values, beyond)
    magnitude = np.minimum(np.abs(np.nan_to_num(exact, nan=0.0, posinf=np.inf, neginf=-np.inf)), beyond)
    below = np.clip(np.searchsorted(grid, magnitude, side="right") - 1, 0, largest)
    middle = (grid[below] + grid[below + 1]) / 2
    up = (magnitude > middle) | ((magnitude == middle) & (below % 2 == 1))
    code = below + up
    if flushes(row, numerics):
        limits: Any = ml_dtypes.finfo(row.storage)  # type: ignore[no-untyped-call]
        code = np.where(grid[code] < float(limits.smallest_normal), 0, code)
    bits = code.astype(np.uint16 if row.bits == 16 else np.uint8)
    overflowed = code > largest
    has_negative_zero = not row.name.endswith("fnuz")
    negative = np.signbit(exact) & (has_negative_zero | (code != 0))
    bits = np.where(negative, bits | (1 << (row.bits - 1)), bits).astype(bits.dtype)
    result = bits.view(np.dtype(row.storage))
    result = np.where(overflowed, _overflow(row, numerics, np.signbit(exact)), result)
    rounded: NDArray[Any] = np.where(np.isnan(exact), _nan(row, numerics), result)
    return rounded


def _overflow(row: DType, numerics: Numerics, negative: NDArray[Any]) -> NDArray[Any]:
    large = _magnitudes(row)[-1] if numerics.overflow is Overflow.SATURATE else np.inf
    either: NDArray[Any] = np.array([large, -large]).astype(row.storage)
    return either[negative.astype(np.intp)]


def _nan(row: DType, numerics: Numerics) -> Any:
    either: NDArray[Any] = np.array([np.nan, 0.0]).astype(row.storage)
    has_nan = bool(np.isnan(either[0].astype(np.float64)))
    return either[0] if has_nan and numerics.overflow is not Overflow.SATURATE else either[1]


def _to_wide_float(array: NDArray[Any], row: DType, numerics: Numerics) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        result = array.astype(row.storage)
    limits = np.finfo(result.dtype)
    if flushes(row, numerics):
        result = np.where(np.abs(result) < limits.smallest_normal, np.copysign(result.dtype.type(0), result), result)
    if numerics.overflow is Overflow.SATURATE:
        result = np.where(np.isnan(result), result.dtype.type(0), np.clip(result, limits.min, limits.max))
    return result


def _to_power_of_two(array: NDArray[Any], row: DType, numerics: Numerics) -> NDArray[Any]:
    exact = _exact(array)
    positive = np.where(exact > 0, exact, 1.0)
    fraction, exponent = np.frexp(np.where(np.isfinite(positive), positive, 1.0))
    code = exponent - 1 + 127 + (fraction >= 0.75)
    code = np.where(positive < 2.0**-126, np.where(positive > 2.0**-127, 1, 0), code)
    code = np.where(np.isinf(positive) | (code > 254), 254 if numerics.overflow is Overflow.SATURATE else 255, code)
    return np.where(exact > 0, code, 255).astype(np.uint8).view(np.dtype(row.storage))


def _to_integer(array: NDArray[Any], row: DType) -> NDArray[Any]:
    wraps = array.dtype.kind in "iub" or array.dtype.name.startswith(("int", "uint"))
    signed = not row.name.startswith("u")
    low, high = (-(2 ** (row.bits - 1)), 2 ** (row.bits - 1) - 1) if signed else (0, 2**row.bits - 1)
    if wraps:
        wide = array.astype(np.uint64 if array.dtype == np.uint64 else np.int64).view(np.uint64)
        whole = wide & np.uint64(2**row.bits - 1)
        sign = np.uint64(2 ** (row.bits - 1) if signed else 0)
        extended = (whole ^ sign) - sign
        return (extended.view(np.int64) if signed else extended).astype(row.storage)
    exact = np.trunc(np.nan_to_num(_exact(array), nan=0.0, posinf=np.inf, neginf=-np.inf))
    inside = (exact > low) & (exact < high)
    middle = np.where(inside, exact, 0.0).astype(np.int64 if signed else np.uint64)
    bounded = np.where(
        exact >= high, np.array(high, middle.dtype), np.where(inside, middle, np.array(low, middle.dtype))
    )
    return bounded.astype(row.storage)
