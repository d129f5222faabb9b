"""How a chip computes, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from npusim.dtypes import DTYPES


class Rounding(StrEnum):
    """Where a result is rounded to its storage dtype."""

    OPERATOR = "operator"
    PRIMITIVE = "primitive"


class Subnormals(StrEnum):
    """What becomes of a result below the smallest normal value."""

    KEEP = "keep"
    FLUSH = "flush"
    UNKNOWN = "unknown"


class Overflow(StrEnum):
    """What becomes of a result beyond the largest finite value, and of NaN."""

    INF_NAN = "inf_nan"
    SATURATE = "saturate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Numerics:
    """The arithmetic of one device. Dtypes are canonical names.

    A dtype that a mapping lacks computes in itself, a float of fewer than 16 bits in float32.

    compute     storage dtype -> the dtype in which elementwise work and reductions are done
    rounding    once per operator, or after every primitive (+, exp, ...) of it, to the storage dtype
    accumulate  operand dtype -> the dtype in which sums (reductions, matmul) are carried
    matmul      operand dtype -> the dtype to which matmul operands are rounded before they are multiplied
    subnormals  kept, or flushed to a zero of the same sign, in results of the 8- and 16-bit float dtypes and float32;
                unknown is computed as kept
    overflow    IEEE infinities and NaN, or saturation (inf -> the largest finite value of that sign, nan -> 0) in
                results of float dtypes; unknown is computed as inf_nan
    """

    compute: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    rounding: Rounding = Rounding.OPERATOR
    accumulate: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    matmul: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    subnormals: Subnormals = Subnormals.UNKNOWN
    overflow: Overflow = Overflow.UNKNOWN

    def compute_dtype(self, storage: str) -> str:
        """Return the dtype in which elementwise work on `storage` is done."""
        return self.compute.get(storage, _itself(storage))

    def accumulate_dtype(self, operand: str) -> str:
        """Return the dtype in which sums over `operand` are carried."""
        return self.accumulate.get(operand, self.compute_dtype(operand))

    def matmul_dtype(self, operand: str) -> str:
        """Return the dtype to which a matmul operand is rounded before it is multiplied."""
        return self.matmul.get(operand, operand)


def _itself(name: str) -> str:
    row = DTYPES[name]
    return "float32" if row.is_floating and row.bits < 16 else name


IEEE = Numerics(
    compute=MappingProxyType({"float16": "float32", "bfloat16": "float32"}),
    accumulate=MappingProxyType({"float16": "float32", "bfloat16": "float32"}),
    subnormals=Subnormals.KEEP,
    overflow=Overflow.INF_NAN,
)
"""Computed in float32, rounded once, gradual underflow, infinities and NaN: what most documents assume."""
