"""A cast rounds once, as ml_dtypes and numpy round."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from npusim.call import TensorType
from npusim.dtypes import DTYPES, dtype
from npusim.executor import Executor
from npusim.executor.conversion import COMPUTABLE
from npusim.numerics.model import IEEE, Overflow, Subnormals
from npusim.numerics.rounding import round_to

FLOATS = sorted(name for name in COMPUTABLE if DTYPES[name].is_floating)
SMALL_FLOATS = [name for name in FLOATS if DTYPES[name].bits <= 16]
INTEGERS = sorted(name for name in COMPUTABLE if DTYPES[name].is_integer)
DEVICES = {
    "ieee": IEEE,
    "saturating": replace(IEEE, overflow=Overflow.SATURATE),
    "flushing": replace(IEEE, subnormals=Subnormals.FLUSH),
}
LACKING_NAN = ("float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn")


def cast(array, target, numerics=IEEE):
    (found,) = Executor(numerics).run("cast", [array], {"dtype": target}, [TensorType(dtype(target), array.shape)])
    return found


def same(found, expected):
    """NaN as NaN, everything else by its bits."""
    if not dtype(found.dtype).is_floating:
        return np.array_equal(found, expected)
    with np.errstate(invalid="ignore"):
        nan = np.isnan(found.astype(np.float64)) & np.isnan(expected.astype(np.float64))
    unsigned = f"u{found.itemsize}"
    return found.dtype == expected.dtype and bool(np.all((found.view(unsigned) == expected.view(unsigned)) | nan))


def float32_samples():
    """All bfloat16 values, the float32 neighbours of every float16 and of the middles between them, and noise."""
    halves = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    near = np.concatenate([halves + np.uint32(d % 2**32) for d in (-1, 0, 1, 0x0FFF, 0x1000, 0x1001)])
    brain = np.arange(65536, dtype=np.uint32) << 16
    middles = np.concatenate([brain + np.uint32(d) for d in (0, 1, 0x7FFF, 0x8000, 0x8001)])
    noise = np.random.default_rng(0).integers(0, 2**32, 1 << 18, dtype=np.uint32)
    return np.concatenate([near, middles, noise]).view(np.float32)


@pytest.mark.parametrize("target", SMALL_FLOATS)
def test_float32_to_small_floats_is_what_the_libraries_do(target):
    x = float32_samples()
    if target in LACKING_NAN:
        x = x[~np.isnan(x)]
    with np.errstate(all="ignore"):
        expected = x.astype(DTYPES[target].storage)
    assert same(cast(x, target), expected)
    assert same(round_to(x, target), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("target", SMALL_FLOATS)
@pytest.mark.parametrize("source", ["float16", "bfloat16"])
def test_16_bit_floats_to_small_floats_under_every_policy(source, target, device):
    x = np.arange(65536, dtype=np.uint16).view(DTYPES[source].storage)
    assert same(cast(x, target, DEVICES[device]), x if source == target else round_to(x, target, DEVICES[device]))


@pytest.mark.parametrize("source", SMALL_FLOATS)
@pytest.mark.parametrize("target", ["float32", "float64"])
def test_widening_is_exact(source, target):
    storage = DTYPES[source].storage
    x = np.arange(2 ** DTYPES[source].bits).astype(f"u{storage.itemsize}").view(storage)
    with np.errstate(invalid="ignore"):
        assert same(cast(x, target), x.astype(target))


@pytest.mark.parametrize("target", ["float16", "bfloat16", "float8_e4m3fn", "float32"])
def test_float64_is_rounded_once(target):
    middle = np.arange(1, 2, 2.0**-9)
    x = np.concatenate([middle * (1 + d) for d in (0, 2.0**-52, -(2.0**-52), 2.0**-40)] + [[1e300, -1e300, 5e-324]])
    assert same(cast(x, target), round_to(x, target))
    if target == "float16":
        with np.errstate(all="ignore"):
            assert same(cast(x, target), x.astype(np.float16))


@pytest.mark.parametrize("target", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("source", ["int32", "int64", "uint64", "int4", "bool"])
def test_integers_to_floats_round_once(source, target):
    storage = DTYPES[source].storage
    if source in ("int4", "bool"):
        x = np.arange(2).astype(storage)
    else:
        tie = (1 << 62) + (1 << 54)
        x = np.array([0, 1, 2**24 + 1, 2**31 - 1, *((tie, tie + 1, tie - 1) if storage.itemsize == 8 else ())], storage)
    expected = np.array([float(round_exactly(int(v), target)) for v in x], np.float64)
    assert np.array_equal(cast(x, target).astype(np.float64), expected)


def round_exactly(value, target):
    """Round an integer to a float format with integer arithmetic alone."""
    precision = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[target]
    shift = max(0, value.bit_length() - precision)
    kept, lost = divmod(value, 1 << shift)
    kept += 2 * lost > (1 << shift) or (2 * lost == (1 << shift) and kept % 2 == 1)
    rounded = kept << shift
    return np.inf if target == "float16" and rounded > 65504 else rounded


@pytest.mark.parametrize("target", INTEGERS)
def test_floats_to_integers_truncate_and_stay_in_range(target):
    bits, signed = DTYPES[target].bits, not target.startswith("u")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    x = np.array([0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 3e38, -3e38, np.inf, -np.inf, np.nan, 7, 8, 127, 128], np.float32)
    expected = [0 if np.isnan(v) else high if v >= high else low if v <= low else int(v) for v in x.tolist()]
    assert [int(v) for v in cast(x, target)] == expected
    assert [int(v) for v in round_to(x, target)] == expected


@pytest.mark.parametrize("target", [*INTEGERS, "bool"])
def test_integers_wrap(target):
    x = np.array([0, 1, -1, 7, 8, 255, 256, 2**31, -(2**40) + 5, 2**63 - 1], np.int64)
    bits, signed = DTYPES[target].bits, not target.startswith("u")
    wrapped = [v % 2**bits - (2**bits if signed and v % 2**bits >= 2 ** (bits - 1) else 0) for v in x.tolist()]
    expected = [bool(v) for v in x] if target == "bool" else wrapped
    assert [int(v) for v in cast(x, target)] == expected


def test_to_the_same_dtype_moves_bits():
    x = np.array([0x7FC1, 0xFFFF, 0x0001], np.uint16).view(ml_dtypes.bfloat16)
    found = cast(x, "bfloat16", DEVICES["saturating"])
    assert found.tobytes() == x.tobytes()
    assert not np.shares_memory(found, x)


def test_saturation_and_flushing_act_on_wider_results_too():
    x = np.array([np.inf, -np.inf, np.nan, 1], np.float16)
    top = np.finfo(np.float32).max
    assert cast(x, "float32", DEVICES["saturating"]).tolist() == [top, -top, 0, 1]
    tiny = np.array([0x0001, 0x8001], np.uint16).view(ml_dtypes.bfloat16)
    assert cast(tiny, "float32", DEVICES["flushing"]).view(np.uint32).tolist() == [0, 0x80000000]


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3, 5)])
def test_shapes_survive(shape):
    assert cast(np.zeros(shape, np.float32), "float16").shape == shape
