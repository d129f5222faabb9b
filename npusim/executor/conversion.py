"""Say which conversions between dtypes lose nothing, and which dtypes the kernels know."""

from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from npusim.dtypes import DType, Kind

COMPUTABLE = frozenset(
    {"bool"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (1, 2, 4, 8, 16, 32, 64)}
    | {"float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "float16", "bfloat16", "float32", "float64"}
    | {"float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2"}
    | {"float8_e5m2fnuz", "float8_e8m0fnu"}
)
"""The dtypes that kernels/soft_float.h stores and loads."""

CARRIERS = ("float32", "float64")
"""The compute dtypes that a runtime computes in itself; every other one is rounded to after each primitive."""


@cache
def is_exact(source: DType, target: DType) -> bool:
    """Whether every value of `source` is one of `target`, infinities, NaN and -0 included; False where in doubt."""
    if source is target:
        return True
    match source.kind, target.kind:
        case (Kind.BOOL, _):
            return target.name != "float8_e8m0fnu"
        case (Kind.INTEGER, Kind.INTEGER):
            (low, high), (floor, ceiling) = _bounds(source), _bounds(target)
            return floor <= low and high <= ceiling
        case (Kind.INTEGER, Kind.FLOAT):
            return target.name in _WIDE and max(map(abs, _bounds(source))) <= 2 ** (_WIDE[target.name][0] + 1)
        case (Kind.FLOAT, Kind.FLOAT):
            return target.name in _WIDE and _fits(source, target)
        case _:
            return False


# Name -> bits of fraction, exponent of the largest value, exponent of the smallest: the formats that others widen to.
_WIDE = {"float16": (10, 15, -24), "bfloat16": (7, 127, -133), "float32": (23, 127, -149), "float64": (52, 1023, -1074)}


def _bounds(integer: DType) -> tuple[int, int]:
    if integer.name.startswith("u"):
        return 0, 2**integer.bits - 1
    return -(2 ** (integer.bits - 1)), 2 ** (integer.bits - 1) - 1


def _fits(source: DType, target: DType) -> bool:
    fraction, largest, smallest = _WIDE[target.name]
    if source.name in _WIDE:
        have = _WIDE[source.name]
        return have[0] <= fraction and have[1] <= largest and have[2] >= smallest
    limits: Any = ml_dtypes.finfo(source.storage)  # type: ignore[no-untyped-call]
    return bool(
        limits.nmant <= fraction
        and float(limits.max) < 2.0 ** (largest + 1 if largest < 1023 else 1023)
        and float(limits.smallest_subnormal) >= np.ldexp(1.0, smallest)
    )
