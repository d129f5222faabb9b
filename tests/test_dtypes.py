"""The dtype table is complete, its spellings are unambiguous, and promotion is torch's."""

import copy
import pickle
from itertools import product

import ml_dtypes
import numpy as np
import pytest

from npusim.call import TensorType
from npusim.dtypes import DTYPES, DType, Kind, dtype, promote
from npusim.errors import CallError, UnknownDtypeError, UsageError
from npusim.operators.inference import result_dtype

ML_DTYPES = sorted(
    name for name, found in vars(ml_dtypes).items() if isinstance(found, type) and issubclass(found, np.generic)
)
NUMPY = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMPY += ("float16", "float32", "float64", "complex64", "complex128")

# graph/types.h of CANN: the names that messages print for the dtypes of its enumeration.
CANN = {
    "DT_FLOAT": "float32", "DT_FLOAT16": "float16", "DT_INT8": "int8", "DT_INT32": "int32", "DT_UINT8": "uint8",
    "DT_INT16": "int16", "DT_UINT16": "uint16", "DT_UINT32": "uint32", "DT_INT64": "int64", "DT_UINT64": "uint64",
    "DT_DOUBLE": "float64", "DT_BOOL": "bool", "DT_COMPLEX64": "complex64", "DT_COMPLEX128": "complex128",
    "DT_BF16": "bfloat16", "DT_BFLOAT16": "bfloat16", "DT_INT4": "int4", "DT_UINT1": "uint1", "DT_INT2": "int2",
    "DT_UINT2": "uint2", "DT_COMPLEX32": "complex32", "DT_HIFLOAT8": "hifloat8", "DT_FLOAT8_E5M2": "float8_e5m2",
    "DT_FLOAT8_E4M3FN": "float8_e4m3fn", "DT_FLOAT8_E8M0": "float8_e8m0fnu", "DT_FLOAT4_E2M1": "float4_e2m1fn",
    "DT_FLOAT4_E1M2": "float4_e1m2",
}  # fmt: skip


# Formats of one vendor that no library stores, and the bits of an element in the vendor's memory.
VENDORS_OWN = {
    "bfloat8_b": 8, "bfloat4_b": 4, "bfloat2_b": 2, "dlfloat16": 16, "tfloat32": 32, "int48": 48,
    "float8_e4m3fn_x4": 32, "float8_e5m2_x4": 32, "float4_e2m1fn_x4": 16,
}  # fmt: skip


@pytest.mark.parametrize("name", ML_DTYPES)
def test_every_format_of_ml_dtypes_is_in_the_table(name: str):
    assert DTYPES[name].storage == np.dtype(getattr(ml_dtypes, name))
    assert dtype(getattr(ml_dtypes, name)) is DTYPES[name]


@pytest.mark.parametrize("name", NUMPY)
def test_every_number_of_numpy_is_in_the_table(name: str):
    row = DTYPES[name]
    assert row.storage == np.dtype(name)
    assert row.bits == np.dtype(name).itemsize * 8
    assert dtype(np.dtype(name)) is dtype(np.dtype(name).type) is row
    assert dtype(np.dtype(name).newbyteorder(">")) is row


def test_the_table_holds_nothing_else_but_what_no_library_stores():
    others = set(DTYPES) - set(ML_DTYPES) - set(NUMPY)
    assert others == {"hifloat8", "float4_e1m2", *VENDORS_OWN}
    assert all(DTYPES[name].storage is None for name in others)


@pytest.mark.parametrize("row", DTYPES.values(), ids=str)
def test_the_width_is_that_of_the_format(row: DType):
    if row.kind is Kind.FLOAT and row.storage is not None:
        assert row.bits == ml_dtypes.finfo(row.storage).bits
    elif row.kind is Kind.INTEGER and row.storage is not None:
        assert row.bits == ml_dtypes.iinfo(row.storage).bits
    elif row.kind is Kind.COMPLEX:
        assert row.bits == row.storage.itemsize * 8
    assert row.storage is None or row.storage.itemsize == -(-row.bits // 8)
    assert row.bits == VENDORS_OWN.get(row.name, row.bits)


@pytest.mark.parametrize("row", DTYPES.values(), ids=str)
def test_the_kind_is_exactly_one_claim(row: DType):
    assert row.is_floating is (row.kind is Kind.FLOAT)
    assert row.is_integer is (row.kind is Kind.INTEGER)
    assert row.is_integer is row.name.lstrip("u").startswith("int")


def test_no_spelling_means_two_dtypes():
    spellings = [s.lower() for row in DTYPES.values() for s in {row.name, *row.spellings, row.cann} if s is not None]
    assert len(spellings) == len(set(spellings))
    assert all(dtype(s) is row for row in DTYPES.values() for s in (row.name, *row.spellings, row.name.upper()))


@pytest.mark.parametrize(("spelling", "name"), CANN.items())
def test_canns_names_are_known(spelling: str, name: str):
    assert dtype(spelling) is DTYPES[name]
    assert dtype(spelling.lower()) is DTYPES[name]


@pytest.mark.parametrize("row", DTYPES.values(), ids=str)
def test_cann_prints_the_name_that_it_reads(row: DType):
    assert row.cann is None or CANN[row.cann] == row.name


@pytest.mark.parametrize("row", DTYPES.values(), ids=str)
def test_a_copy_is_the_same_row(row: DType):
    assert pickle.loads(pickle.dumps(row)) is copy.deepcopy(row) is row


def test_an_unknown_dtype_is_an_error_that_names_the_nearest():
    with pytest.raises(UnknownDtypeError, match=r"unknown dtype 'flaot16'; did you mean float16 or") as caught:
        dtype("flaot16")
    assert caught.value.near[0] == "float16"
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "wrong", ["", "DT_", None, 3, object, str, [("a", "f4")], {}, np.dtype("U3"), np.dtype("M8[s]")]
)
def test_anything_else_is_an_unknown_dtype(wrong: object):
    with pytest.raises(UnknownDtypeError):
        dtype(wrong)


# torch.promote_types, as the table in c10/core/ScalarType.cpp has it. u1 uint8, i* intN, c2 complex32, ...
TORCH_NAMES = {
    "u1": "uint8", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "f2": "float16", "f4": "float32",
    "f8": "float64", "c2": "complex32", "c4": "complex64", "c8": "complex128", "b1": "bool", "bf": "bfloat16",
}  # fmt: skip
TORCH = """
      u1 i1 i2 i4 i8 f2 f4 f8 c2 c4 c8 b1 bf
  u1  u1 i2 i2 i4 i8 f2 f4 f8 c2 c4 c8 u1 bf
  i1  i2 i1 i2 i4 i8 f2 f4 f8 c2 c4 c8 i1 bf
  i2  i2 i2 i2 i4 i8 f2 f4 f8 c2 c4 c8 i2 bf
  i4  i4 i4 i4 i4 i8 f2 f4 f8 c2 c4 c8 i4 bf
  i8  i8 i8 i8 i8 i8 f2 f4 f8 c2 c4 c8 i8 bf
  f2  f2 f2 f2 f2 f2 f2 f4 f8 c2 c4 c8 f2 f4
  f4  f4 f4 f4 f4 f4 f4 f4 f8 c4 c4 c8 f4 f4
  f8  f8 f8 f8 f8 f8 f8 f8 f8 c8 c8 c8 f8 f8
  c2  c2 c2 c2 c2 c2 c2 c4 c8 c2 c4 c8 c2 c4
  c4  c4 c4 c4 c4 c4 c4 c4 c8 c4 c4 c8 c4 c4
  c8  c8 c8 c8 c8 c8 c8 c8 c8 c8 c8 c8 c8 c8
  b1  u1 i1 i2 i4 i8 f2 f4 f8 c2 c4 c8 b1 bf
  bf  bf bf bf bf bf f4 f4 f8 c4 c4 c8 bf bf
"""
_COLUMNS, *_LINES = (line.split() for line in TORCH.strip().splitlines())
PROMOTIONS = [(line[0], column, found) for line in _LINES for column, found in zip(_COLUMNS, line[1:], strict=True)]


@pytest.mark.parametrize(("first", "second", "expected"), PROMOTIONS)
def test_promotion_is_that_of_torch(first: str, second: str, expected: str):
    found = promote(DTYPES[TORCH_NAMES[first]], DTYPES[TORCH_NAMES[second]])
    assert found is DTYPES[TORCH_NAMES[expected]]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("bcomplex32", "bfloat16", "bcomplex32"),
        ("bcomplex32", "float16", "complex64"),
        ("bcomplex32", "complex32", "complex64"),
        ("bcomplex32", "float64", "complex128"),
        ("float8_e4m3fn", "float8_e5m2", None),
        ("float8_e4m3fn", "float16", None),
        ("float8_e4m3fn", "float32", "float32"),
        ("float8_e4m3fn", "complex64", None),
        ("int4", "float8_e5m2", "float8_e5m2"),
        ("uint4", "int8", "int8"),
        ("uint16", "int8", "int32"),
        ("uint64", "int8", None),
        ("int48", "int64", "int64"),
        ("int48", "uint32", "int48"),
        ("int48", "uint64", None),
        ("int48", "float16", "float16"),
        ("bfloat8_b", "bfloat16", None),
        ("bfloat8_b", "float32", "float32"),
        ("bfloat8_b", "int32", "bfloat8_b"),
        ("dlfloat16", "float16", None),
        ("dlfloat16", "float32", "float32"),
        ("tfloat32", "bfloat16", "tfloat32"),
        ("tfloat32", "float32", "float32"),
        ("tfloat32", "float64", "float64"),
        ("float8_e4m3fn_x4", "float64", None),
        ("float4_e2m1fn_x4", "float8_e5m2_x4", None),
        ("float8_e5m2_x4", "bool", None),
    ],
)
def test_promotion_beyond_torch(first: str, second: str, expected: str | None):
    assert promote(DTYPES[first], DTYPES[second]) is (DTYPES[expected] if expected else None)


def test_promotion_is_commutative_and_never_loses_a_kind():
    for first, second in product(DTYPES.values(), repeat=2):
        found = promote(first, second)
        assert found is promote(second, first)
        if found is not None:
            assert found.kind is max(first.kind, second.kind, key=lambda kind: kind.value)
            assert promote(found, first) is promote(found, second) is found


def test_promotion_with_itself_changes_nothing():
    assert all(promote(row, row) is row for row in DTYPES.values())


def _result(*types: str) -> str:
    return result_dtype([TensorType(dtype(t.removesuffix("[]")), () if t.endswith("[]") else (2,)) for t in types]).name


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (("bfloat16", "float32[]"), "bfloat16"),
        (("float32[]", "bfloat16"), "bfloat16"),
        (("float16", "float64[]", "int64[]"), "float16"),
        (("int8", "int64[]"), "int8"),
        (("int64", "float16[]"), "float16"),
        (("bool", "int8[]"), "int8"),
        (("uint8", "complex64[]"), "complex64"),
        (("float64", "complex64[]"), "complex128"),
        (("bfloat16[]", "float32[]"), "float32"),
        (("bfloat16", "float32"), "float32"),
        (("float16", "bfloat16"), "float32"),
        (("float32",), "float32"),
    ],
)
def test_a_0d_operand_counts_only_by_its_kind(types: tuple[str, ...], expected: str):
    assert _result(*types) == expected


def test_dtypes_without_a_common_one_are_an_error_that_names_both():
    with pytest.raises(CallError, match="float8_e4m3fn and float8_e5m2 have no common dtype"):
        _result("float8_e4m3fn", "float8_e5m2")
