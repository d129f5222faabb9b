"""One table of every dtype that a profile, a call or a kernel may name."""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np

from npusim.errors import UnknownDtypeError


class Kind(Enum):
    """What sort of number a dtype holds; promotion climbs from top to bottom."""

    BOOL = 0
    INTEGER = 1
    FLOAT = 2
    COMPLEX = 3


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """One number format.

    `bits` is the width of an element where elements lie densely: of the format itself, or of the word that it fills
    (tfloat32 uses 19 bits of its 32); a block's shared exponent is not counted. `storage` is the numpy type that holds
    one element of it in a buffer (a 4-bit element takes a byte there), or None where no library has one: such a dtype
    can be judged but not computed.
    Two DType objects are equal only if they are the same row of the table.
    """

    name: str
    kind: Kind
    bits: int
    storage: np.dtype[Any] | None
    cann: str | None
    spellings: tuple[str, ...] = ()

    @property
    def is_floating(self) -> bool:
        """Whether it is a real floating-point format."""
        return self.kind is Kind.FLOAT

    @property
    def is_integer(self) -> bool:
        """Whether it is a signed or unsigned integer (bool is not)."""
        return self.kind is Kind.INTEGER

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return dtype, (self.name,)


def _row(kind: Kind, bits: int, name: str, cann: str | None, *spellings: str) -> DType:
    scalar = getattr(ml_dtypes, name, None) or getattr(np, name, None)
    return DType(name, kind, bits, None if scalar is None else np.dtype(scalar), cann, spellings)


# name, CANN's spelling (graph/types.h, as printed in messages), further spellings. CANN names from hicann/opbase.
_ROWS = (
    _row(Kind.BOOL, 8, "bool", "DT_BOOL"),
    _row(Kind.INTEGER, 1, "int1", None),
    _row(Kind.INTEGER, 2, "int2", "DT_INT2"),
    _row(Kind.INTEGER, 4, "int4", "DT_INT4", "i4"),
    _row(Kind.INTEGER, 8, "int8", "DT_INT8", "i8"),
    _row(Kind.INTEGER, 16, "int16", "DT_INT16", "i16"),
    _row(Kind.INTEGER, 32, "int32", "DT_INT32", "i32", "int"),
    _row(Kind.INTEGER, 48, "int48", None, "i48"),  # TOSA's accumulator of 16-bit products
    _row(Kind.INTEGER, 64, "int64", "DT_INT64", "i64", "long"),
    _row(Kind.INTEGER, 1, "uint1", "DT_UINT1"),
    _row(Kind.INTEGER, 2, "uint2", "DT_UINT2"),
    _row(Kind.INTEGER, 4, "uint4", None, "u4"),
    _row(Kind.INTEGER, 8, "uint8", "DT_UINT8", "u8"),
    _row(Kind.INTEGER, 16, "uint16", "DT_UINT16", "u16"),
    _row(Kind.INTEGER, 32, "uint32", "DT_UINT32", "u32"),
    _row(Kind.INTEGER, 64, "uint64", "DT_UINT64", "u64"),
    _row(Kind.FLOAT, 4, "float4_e2m1fn", "DT_FLOAT4_E2M1"),
    _row(Kind.FLOAT, 4, "float4_e1m2", "DT_FLOAT4_E1M2"),
    _row(Kind.FLOAT, 6, "float6_e2m3fn", None),
    _row(Kind.FLOAT, 6, "float6_e3m2fn", None),
    _row(Kind.FLOAT, 8, "float8_e3m4", None),
    _row(Kind.FLOAT, 8, "float8_e4m3", None),
    _row(Kind.FLOAT, 8, "float8_e4m3b11fnuz", None),
    _row(Kind.FLOAT, 8, "float8_e4m3fn", "DT_FLOAT8_E4M3FN", "fp8e4m3"),
    _row(Kind.FLOAT, 8, "float8_e4m3fnuz", None),
    _row(Kind.FLOAT, 8, "float8_e5m2", "DT_FLOAT8_E5M2", "fp8e5m2"),
    _row(Kind.FLOAT, 8, "float8_e5m2fnuz", None),
    _row(Kind.FLOAT, 8, "float8_e8m0fnu", "DT_FLOAT8_E8M0"),
    _row(Kind.FLOAT, 8, "hifloat8", "DT_HIFLOAT8"),
    _row(Kind.FLOAT, 2, "bfloat2_b", None),  # Tenstorrent's block floats: 16 elements share an exponent of 8 bits
    _row(Kind.FLOAT, 4, "bfloat4_b", None),
    _row(Kind.FLOAT, 8, "bfloat8_b", None),
    _row(Kind.FLOAT, 16, "float4_e2m1fn_x4", None),  # NKI's packed dtypes: four numbers to an element
    _row(Kind.FLOAT, 32, "float8_e4m3fn_x4", None),
    _row(Kind.FLOAT, 32, "float8_e5m2_x4", None),
    _row(Kind.FLOAT, 16, "dlfloat16", None),  # IBM: 1 sign, 6 exponent and 9 fraction bits
    _row(Kind.FLOAT, 16, "float16", "DT_FLOAT16", "fp16", "f16", "half"),
    _row(Kind.FLOAT, 16, "bfloat16", "DT_BFLOAT16", "bf16", "DT_BF16"),
    _row(Kind.FLOAT, 32, "tfloat32", None, "tf32"),
    _row(Kind.FLOAT, 32, "float32", "DT_FLOAT", "fp32", "f32", "float"),
    _row(Kind.FLOAT, 64, "float64", "DT_DOUBLE", "fp64", "f64", "double"),
    _row(Kind.COMPLEX, 32, "bcomplex32", None),
    _row(Kind.COMPLEX, 32, "complex32", "DT_COMPLEX32", "chalf"),
    _row(Kind.COMPLEX, 64, "complex64", "DT_COMPLEX64"),
    _row(Kind.COMPLEX, 128, "complex128", "DT_COMPLEX128"),
)

DTYPES = MappingProxyType({row.name: row for row in _ROWS})
"""Every dtype by its canonical name."""

_BY_SPELLING = {
    spelling.lower(): row for row in _ROWS for spelling in (row.name, row.cann, *row.spellings) if spelling is not None
}
_BY_STORAGE = {row.storage: row for row in _ROWS if row.storage is not None}


def dtype(spelling: "str | DType | np.dtype[Any] | type") -> DType:
    """Return the table's row for a canonical name, a vendor's spelling or a numpy type.

    Spellings are matched without regard to case (`bfloat16`, `bf16`, `DT_BFLOAT16`, `np.float16`, `ml_dtypes.int4`).
    Raises UnknownDtypeError, naming the nearest spellings, for anything else.
    """
    if isinstance(spelling, np.dtype):
        return _of_numpy(spelling)
    if isinstance(spelling, DType):
        return spelling
    if isinstance(spelling, str):
        row = _BY_SPELLING.get(spelling.lower())
        if row is None:
            near = get_close_matches(spelling.lower(), _BY_SPELLING, n=3)
            raise UnknownDtypeError(spelling, tuple(dict.fromkeys(_BY_SPELLING[name].name for name in near)))
        return row
    return _of_numpy(spelling)


def _of_numpy(numpy_type: Any) -> DType:
    if not isinstance(numpy_type, np.dtype | type):  # numpy would take None for float64
        raise UnknownDtypeError(str(numpy_type), ())
    return _of_numpy_type(numpy_type)


@cache
def _of_numpy_type(numpy_type: "np.dtype[Any] | type") -> DType:
    try:
        row = _BY_STORAGE.get(np.dtype(numpy_type).newbyteorder("="))
    except TypeError:
        row = None
    if row is None:
        raise UnknownDtypeError(str(numpy_type), ())
    return row


# Where two different formats of equal width meet, the narrowest that holds both. torch and ml_dtypes agree on the first
# pair; other pairs of 16 bits and less have no common format that both libraries name, and are refused.
_JOIN = MappingProxyType(
    {
        frozenset({"float16", "bfloat16"}): "float32",
        frozenset({"tfloat32", "float32"}): "float32",
        frozenset({"complex32", "bcomplex32"}): "complex64",
    }
)
_PACKED = frozenset({"float4_e2m1fn_x4", "float8_e4m3fn_x4", "float8_e5m2_x4"})  # several numbers meet no single one
_COMPLEX_OF = MappingProxyType(
    {"float16": "complex32", "bfloat16": "bcomplex32", "float32": "complex64", "float64": "complex128"}
)
_SIGNED_HOLDING = {8: "int16", 16: "int32", 32: "int64"}


@cache
def promote(first: DType, second: DType) -> DType | None:
    """Return the dtype in which an operation on both is computed, or None where no common one is defined.

    The lattice is that of torch.promote_types for the dtypes torch has: bool, then integers, then floats, then complex;
    a wider kind wins whatever its width (int64 with float16 is float16).
    """
    if first is second:
        return first
    if not _PACKED.isdisjoint({first.name, second.name}):
        return None
    low, high = sorted((first, second), key=lambda row: (row.kind.value, row.bits))
    if low.kind is not high.kind:
        return _promote_kinds(low, high)
    match high.kind:
        case Kind.INTEGER:
            return _promote_integers(low, high)
        case _ if low.bits == high.bits or (high.bits <= 16 and low.bits < 16):
            joined = _JOIN.get(frozenset({low.name, high.name}))
            return DTYPES[joined] if joined else None
        case _:
            return high


def _promote_kinds(low: DType, high: DType) -> DType | None:
    if high.kind is Kind.COMPLEX and low.kind is Kind.FLOAT:
        complex_of = _COMPLEX_OF.get(low.name)
        return promote(DTYPES[complex_of], high) if complex_of else None
    return high


def _promote_integers(low: DType, high: DType) -> DType | None:
    low_signed, high_signed = low.name.startswith("int"), high.name.startswith("int")
    if low_signed == high_signed or (high_signed and high.bits > low.bits):
        return high
    unsigned = low if high_signed else high
    name = _SIGNED_HOLDING.get(unsigned.bits)
    return DTYPES[name] if name else None
