"""The bounds hold for correct results of any order of summation, and are tight enough to catch wrong ones."""

import math
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.numerics.bounds import enclose, format_of, growth, matmul_enclosure, sum_enclosure
from npusim.numerics.model import IEEE, Numerics, Overflow, Subnormals
from npusim.numerics.row_bounds import (
    attention_enclosure,
    layer_norm_enclosure,
    rms_norm_enclosure,
    softmax_enclosure,
)

BF16 = np.dtype(ml_dtypes.bfloat16)
HALF_SUMS = replace(IEEE, accumulate=MappingProxyType({"float16": "float16", "bfloat16": "bfloat16"}))
SATURATING = replace(IEEE, overflow=Overflow.SATURATE)
FLUSHING = replace(IEEE, subnormals=Subnormals.FLUSH)


def normal(shape, kind, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(kind)


def test_formats_are_those_of_the_standards():
    assert format_of("float16").unit == 2.0**-11
    assert format_of("bfloat16").unit == 2.0**-8
    assert format_of("float32").smallest == 2.0**-149
    assert format_of("float64").smallest_normal == 2.0**-1022
    assert format_of("float16").largest == 65504


def test_growth_is_gamma_for_registers_and_linear_for_narrow_accumulators():
    u = 2.0**-24
    assert growth(1000, "float32") == 1000 * u / (1 - 1000 * u)
    assert growth(2**24, "float32") == math.inf
    assert growth(4096, "bfloat16") == 4096 * (2.0**-8 + u)


def in_order(terms, kind):
    total = np.zeros((), kind)
    for term in terms:
        total = total + term
    return total


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from([np.float16, BF16, np.float32]))
def test_a_sum_in_any_order_is_enclosed(seed, count, kind):
    kind = np.dtype(kind)
    x = normal(count, kind, seed)
    numerics = Numerics()
    for order in (x, x[::-1], np.sort(x)):
        result = in_order(order, kind)
        assert sum_enclosure(x, None, operand=kind.name, output=kind.name, numerics=numerics).holds(result).all()


def test_the_reference_is_the_exact_sum():
    x = np.array([1e30, 1, -1e30, 2.0**-60], np.float32)
    enclosure = sum_enclosure(x, None, operand="float32", output="float64", numerics=IEEE)
    exact = float(sum(map(Fraction, x.tolist())))
    assert enclosure.low <= exact <= enclosure.high


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_one_wrong_element_of_a_product_is_found(name):
    kind = np.dtype(getattr(ml_dtypes, name, None) or getattr(np, name))
    a, b = normal((12, 64), kind, 1), normal((64, 10), kind, 2)
    enclosure = matmul_enclosure(a, b, operand=name, output=name, numerics=IEEE)
    right = (a.astype(np.float64) @ b.astype(np.float64)).astype(kind)
    assert enclosure.holds(right).all()
    wrong = right.copy()
    wrong.view(np.uint16)[3, 4] += 2
    assert np.argwhere(~enclosure.holds(wrong)).tolist() == [[3, 4]]


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_a_product_with_a_narrow_accumulator_is_found(name):
    kind = np.dtype(getattr(ml_dtypes, name, None) or getattr(np, name))
    a, b = normal((12, 64), kind, 1), normal((64, 10), kind, 2)
    narrow = np.zeros((12, 10), kind)
    for k in range(64):
        narrow = narrow + a[:, k, np.newaxis] * b[k]
    assert not matmul_enclosure(a, b, operand=name, output=name, numerics=IEEE).holds(narrow).all()
    assert matmul_enclosure(a, b, operand=name, output=name, numerics=HALF_SUMS).holds(narrow).all()


def test_a_dropped_term_is_found():
    a, b = normal((4, 300), np.float32, 1), normal((300, 5), np.float32, 2)
    enclosure = matmul_enclosure(a, b, operand="float32", output="float32", numerics=IEEE)
    assert enclosure.holds(a @ b).all()
    assert not enclosure.holds(a[:, 1:] @ b[1:]).any()


def test_a_bias_rounded_too_early_is_found():
    a, b, bias = normal((8, 16), BF16, 1), normal((16, 8), BF16, 2), normal(8, BF16, 3)
    enclosure = matmul_enclosure(a, b, operand="bfloat16", output="bfloat16", numerics=IEEE, addends=[bias])
    exact = a.astype(np.float64) @ b.astype(np.float64)
    assert enclosure.holds((exact + bias.astype(np.float64)).astype(BF16)).all()
    assert not enclosure.holds(exact.astype(BF16) + bias).all()


def test_4096_ones_tell_the_accumulators_apart():
    ones = np.ones(4096, BF16)
    wide = sum_enclosure(ones, None, operand="bfloat16", output="bfloat16", numerics=IEEE)
    assert wide.holds(np.asarray(4096, BF16))
    assert not wide.holds(np.asarray(256, BF16))
    narrow = sum_enclosure(ones, None, operand="bfloat16", output="bfloat16", numerics=HALF_SUMS)
    assert narrow.holds(np.asarray(256, BF16))


def test_a_mean_divided_by_the_wrong_count_is_found():
    x = normal(100, np.float32) + 5
    enclosure = sum_enclosure(x, None, operand="float32", output="float32", numerics=IEEE, mean=True)
    assert enclosure.holds(x.mean())
    assert not enclosure.holds(x.sum() / np.float32(99))


def test_the_ends_are_rounded_as_the_numerics_say():
    big, tiny = np.array([60000, 60000], np.float16), np.array([2.0**-24], np.float16)
    cases = [
        (big, IEEE, np.inf),
        (big, SATURATING, 65504),
        (tiny, IEEE, 2.0**-24),
        (tiny, FLUSHING, 0),
        (np.array([np.inf, -np.inf], np.float16), IEEE, np.nan),
        (np.array([np.inf, -np.inf], np.float16), SATURATING, 0),
    ]
    for x, numerics, expected in cases:
        enclosure = sum_enclosure(x, None, operand="float16", output="float16", numerics=numerics)
        assert enclosure.holds(np.asarray(expected, np.float16))
        assert not enclosure.holds(np.asarray(1, np.float16))


def test_a_nan_is_right_only_where_the_exact_result_is_one():
    enclosure = sum_enclosure(np.array([1, 2], np.float32), None, operand="float32", output="float32", numerics=IEEE)
    assert not enclosure.holds(np.asarray(np.nan, np.float32))
    enclosure = sum_enclosure(np.array([1, np.nan]), None, operand="float64", output="float64", numerics=IEEE)
    assert enclosure.holds(np.asarray(np.nan))
    assert not enclosure.holds(np.asarray(3.0))


def test_nothing_is_promised_where_a_partial_sum_may_overflow():
    x = np.array([60000, 60000, -60000], np.float16)
    enclosure = sum_enclosure(x, None, operand="float16", output="float16", numerics=HALF_SUMS)
    assert enclosure.free
    assert enclosure.holds(np.asarray(np.inf, np.float16))
    enclosure = sum_enclosure(x, None, operand="float16", output="float16", numerics=IEEE)
    assert not enclosure.holds(np.asarray(np.inf, np.float16))


def test_a_result_of_another_shape_is_refused():
    zero = np.zeros(3)
    enclosure = enclose(zero, zero, zero, accumulate="float32", output="float32", numerics=IEEE)
    with pytest.raises(ValueError, match=r"shape \(2,\) .* shape \(3,\)"):
        enclosure.holds(np.zeros(2))


def softmax(x, exponent=np.exp):
    e = exponent(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_a_softmax_without_one_element_or_of_coarse_exponentials_is_found():
    x = normal((6, 50), np.float32)
    enclosure = softmax_enclosure(x, -1, operand="float32", output="float32", numerics=IEEE)
    assert enclosure.holds(softmax(x)).all()
    short = softmax(x)
    short[:, :-1] = softmax(x[:, :-1])
    assert not enclosure.holds(short).all(axis=1).any()
    coarse = softmax(x, lambda y: np.exp(y).astype(np.float16).astype(np.float32))
    assert not enclosure.holds(coarse).all(axis=1).any()


def test_norms_with_a_biased_variance_or_a_coarse_mean_are_found():
    x = normal((6, 40), np.float32) + 3
    enclosure = layer_norm_enclosure(
        x, None, None, dims=1, epsilon=1e-5, operand="float32", output="float32", numerics=IEEE
    )
    centred = x - x.mean(1, keepdims=True)
    assert enclosure.holds(centred / np.sqrt(x.var(1, keepdims=True) + np.float32(1e-5))).all()
    assert not enclosure.holds(centred / np.sqrt(x.var(1, keepdims=True, ddof=1) + np.float32(1e-5))).any()
    coarse = x - x.mean(1, keepdims=True).astype(np.float16)
    assert not enclosure.holds(coarse / np.sqrt(x.var(1, keepdims=True) + np.float32(1e-5))).all(axis=1).any()


def test_an_rms_norm_that_forgets_epsilon_or_the_weight_is_found():
    x, weight = 0.01 * normal((6, 40), np.float32), normal(40, np.float32, 1)
    enclosure = rms_norm_enclosure(x, weight, dims=1, epsilon=1e-5, operand="float32", output="float32", numerics=IEEE)
    mean_square = (x * x).mean(1, keepdims=True)
    assert enclosure.holds(x / np.sqrt(mean_square + np.float32(1e-5)) * weight).all()
    assert not enclosure.holds(x / np.sqrt(mean_square) * weight).any()
    assert not enclosure.holds(x / np.sqrt(mean_square + np.float32(1e-5))).any()


def test_attention_with_a_wrong_scale_mask_or_accumulator_is_found():
    q, k, v = (normal((2, 30, 16), np.float32, seed) for seed in range(3))
    enclosure = attention_enclosure(q, k, v, None, scale=0.25, operand="float32", output="float32", numerics=IEEE)
    scores = q @ k.swapaxes(1, 2)
    assert enclosure.holds(softmax(scores * np.float32(0.25)) @ v).all()
    assert not enclosure.holds(softmax(scores * np.float32(0.26)) @ v).all(axis=2).any()
    assert not enclosure.holds(softmax((scores * np.float32(0.25))[..., 1:]) @ v[:, 1:]).all(axis=2).any()
    coarse = softmax((scores * np.float32(0.25)).astype(np.float16).astype(np.float32)) @ v
    assert not enclosure.holds(coarse).all(axis=2).any()
