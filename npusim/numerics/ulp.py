"""Measure how far apart two results are, in steps of their own format."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.dtypes import dtype

FARTHEST = np.iinfo(np.int64).max
"""The distance between a NaN and anything that is not one."""


def ulp_distance(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int64]:
    """Return, element by element, how many representable values one must step over to get from one to the other.

    Both arrays are of the same float dtype. -0 and +0 are the same place, infinity is one step beyond the largest
    finite value, two NaNs are 0 apart whatever their bits. Distances beyond int64 (float64 only) are FARTHEST, too.
    """
    if one.dtype != other.dtype:
        raise TypeError(f"ulp_distance compares one format with itself, not {one.dtype} with {other.dtype}")
    first, second = _position(one), _position(other)
    far, near = np.abs(first).astype(np.uint64), np.abs(second).astype(np.uint64)
    apart = np.where((first < 0) == (second < 0), np.maximum(far, near) - np.minimum(far, near), far + near)
    distance = np.minimum(apart, np.uint64(FARTHEST)).astype(np.int64)
    nan, other_nan = np.isnan(one.astype(np.float64)), np.isnan(other.astype(np.float64))
    return np.where(nan & other_nan, 0, np.where(nan | other_nan, FARTHEST, distance)).astype(np.int64)


def _position(array: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of each value on the number line: its code, negated where the sign bit is set."""
    row = dtype(array.dtype)
    sign = np.uint64(0 if row.name == "float8_e8m0fnu" else 1 << (row.bits - 1))
    bits = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}").astype(np.uint64)
    magnitude = (bits & ~sign).astype(np.int64)
    return np.where(bits & sign != 0, -magnitude, magnitude)
