"""The literal rounding agrees with the libraries, with exact arithmetic and with the policies' words."""

from dataclasses import replace
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.dtypes import DTYPES
from npusim.errors import UnknownDtypeError
from npusim.numerics.model import IEEE, Numerics, Overflow, Subnormals
from npusim.numerics.rounding import round_to
from npusim.numerics.ulp import FARTHEST, ulp_distance

SATURATING = replace(IEEE, overflow=Overflow.SATURATE)
FLUSHING = replace(IEEE, subnormals=Subnormals.FLUSH)
SMALL = sorted(n for n, row in DTYPES.items() if row.is_floating and row.storage is not None and row.bits <= 16)
SIGNED = [name for name in SMALL if name != "float8_e8m0fnu"]


def every(name):
    row = DTYPES[name]
    return np.arange(2**row.bits).astype(f"u{row.storage.itemsize}").view(row.storage)


def values(array):
    with np.errstate(invalid="ignore"):
        return array.astype(np.float64)


@pytest.mark.parametrize("name", SMALL)
def test_a_value_of_the_format_stays_itself(name):
    x = every(name)
    found = round_to(values(x), name)
    kept = ~np.isnan(values(x))
    assert found.dtype == x.dtype
    assert np.array_equal(found.view(np.uint8), x.view(np.uint8)) or np.array_equal(
        found[kept].view(f"u{x.itemsize}"), x[kept].view(f"u{x.itemsize}")
    )


@pytest.mark.parametrize("name", SIGNED)
def test_random_float32_values_are_rounded_as_the_library_rounds(name):
    random = np.random.default_rng(1)
    x = np.concatenate(
        [
            random.integers(0, 2**32, 50_000, dtype=np.uint32).view(np.float32),
            random.standard_normal(50_000).astype(np.float32) * np.float32(values(every(name))[:100].max() or 1),
        ]
    )
    x = x[~np.isnan(x)]
    with np.errstate(all="ignore"):
        expected = x.astype(DTYPES[name].storage)
    both_nan = np.isnan(values(round_to(x, name))) & np.isnan(values(expected))
    unsigned = f"u{expected.itemsize}"
    assert np.all((round_to(x, name).view(unsigned) == expected.view(unsigned)) | both_nan)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["float16", "bfloat16", "float8_e5m2"]))
def test_the_result_is_the_nearest_value_by_exact_arithmetic(x, name):
    found = float(values(round_to(np.float64(x), name)))
    finite = values(every(name))
    finite = finite[np.isfinite(finite)]
    if not np.isfinite(found):
        assert abs(Fraction(x)) >= Fraction(finite.max())
        return
    near = finite[np.clip(np.searchsorted(np.sort(np.unique(finite)), x) + np.arange(-2, 3), 0, None) % len(finite)]
    candidates = [Fraction(float(v)) for v in np.unique(np.append(near, finite[np.argsort(np.abs(finite - x))[:3]]))]
    best = min(abs(Fraction(x) - candidate) for candidate in candidates)
    assert abs(Fraction(x) - Fraction(found)) == best


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2fnuz"])
def test_saturation(name):
    top = float(ml_dtypes.finfo(DTYPES[name].storage).max)
    found = values(round_to(np.array([np.inf, -np.inf, np.nan, 1.0, -1.0]), name, SATURATING))
    assert found.tolist() == [top, -top, 0.0, 1.0, -1.0]
    assert not np.signbit(found[2])


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"])
def test_flushing_makes_zeros_of_the_same_sign(name):
    limits = ml_dtypes.finfo(DTYPES[name].storage)
    normal, tiny = float(limits.smallest_normal), float(limits.smallest_subnormal)
    x = np.array([normal, -normal, normal - tiny, tiny - normal, tiny, -tiny])
    found = values(round_to(x, name, FLUSHING))
    assert found.tolist() == [normal, -normal, 0, 0, 0, 0]
    assert np.signbit(found).tolist() == [False, True] * 3
    assert values(round_to(x, name)).tolist() == x.tolist()


def test_formats_of_4_and_6_bits_and_float64_are_not_flushed():
    for name in ("float4_e2m1fn", "float6_e2m3fn", "float64"):
        tiny = float(ml_dtypes.finfo(DTYPES[name].storage).smallest_subnormal)
        assert float(round_to(tiny, name, FLUSHING)) == tiny


def test_unknown_acts_as_kept_and_ieee():
    x = np.array([1e9, 1e-8, np.nan])
    assert round_to(x, "float16", Numerics()).tobytes() == round_to(x, "float16", IEEE).tobytes()


def test_overflow_begins_halfway_to_the_next_power():
    x = np.array([65504, 65519.99, 65520, 1e6])
    assert round_to(x, "float16").tolist() == [65504, 65504, np.inf, np.inf]


def test_a_format_without_nan_takes_zero():
    for name in ("float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn"):
        assert round_to(np.nan, name).view(np.uint8) == 0


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_integers_beyond_float64_are_rounded_once(kind):
    tie = (1 << 62) + (1 << 54)
    found = round_to(np.array([tie, tie + 1, tie - 1], kind), "bfloat16")
    assert values(found).tolist() == [2.0**62, 2.0**62 + 2.0**55, 2.0**62]


def test_powers_of_two():
    x = np.array([1, 1.49, 1.5, 3, 0, -1, np.inf, np.nan, 2.0**-127], np.float32)
    with np.errstate(all="ignore"):
        expected = x.astype(ml_dtypes.float8_e8m0fnu)
    assert round_to(x, "float8_e8m0fnu").tobytes() == expected.tobytes()
    assert values(round_to(np.inf, "float8_e8m0fnu", SATURATING)) == 2.0**127


def test_a_dtype_that_no_library_stores_is_refused():
    with pytest.raises(UnknownDtypeError, match="hifloat8"):
        round_to(1.0, "hifloat8")


def test_shapes_and_scalars():
    assert round_to(1.5, "float16").shape == ()
    assert round_to(np.zeros((0, 3)), "bfloat16").shape == (0, 3)
    assert round_to([[True]], "int4").shape == (1, 1)


def test_ulp_distance_counts_steps():
    x = np.array([1.0, 0.0, -0.0, np.inf, np.nan, np.nan, 65504, 5.96e-08], np.float16)
    y = np.array([1.0 + 2**-10, -0.0, 5.96e-08, 65504, np.nan, 0, -65504, -5.96e-08], np.float16)
    assert ulp_distance(x, y).tolist() == [1, 0, 1, 1, 0, FARTHEST, 2 * 0x7BFF, 2]
    with pytest.raises(TypeError, match="float16 with bfloat16"):
        ulp_distance(x, x.astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2fnuz"])
def test_ulp_distance_of_neighbours_is_one(name):
    x = np.unique(values(every(name))[np.isfinite(values(every(name)))]).astype(DTYPES[name].storage)
    assert np.all(ulp_distance(x[:-1], x[1:]) == 1)


def test_ulp_distance_of_opposite_doubles_is_the_farthest():
    top = np.finfo(np.float64).max
    assert ulp_distance(np.array([top]), np.array([-top])).tolist() == [FARTHEST]
    assert ulp_distance(np.array([1.0]), np.array([np.nextafter(1, 2)])).tolist() == [1]
