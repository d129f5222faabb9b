"""The literal reference is right where something else says what is right."""

from dataclasses import replace

import ml_dtypes
import mpmath
import numpy as np
import pytest

from npusim.dtypes import DTYPES
from npusim.errors import CallError
from npusim.numerics.model import IEEE, Numerics, Overflow, Rounding
from npusim.numerics.reference import elementwise

EACH = replace(IEEE, rounding=Rounding.PRIMITIVE)
ITSELF = Numerics()
FLOAT16 = np.arange(65536, dtype=np.uint16).view(np.float16)


def assert_same(found, expected):
    assert found.dtype == expected.dtype
    nan = np.isnan(found.astype(np.float64)) & np.isnan(expected.astype(np.float64))
    assert np.all((found.view(np.uint16) == expected.view(np.uint16)) | nan)


@pytest.mark.parametrize("numerics", [IEEE, EACH, ITSELF], ids=["once", "each", "itself"])
@pytest.mark.parametrize("operator", ["add", "sub", "mul", "div"])
def test_float16_arithmetic_is_numpys(operator, numerics):
    function = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[operator]
    other = np.random.default_rng(0).permutation(FLOAT16)
    with np.errstate(all="ignore"):
        expected = function(FLOAT16, other)
    assert_same(elementwise(operator, [FLOAT16, other], {"alpha": 1}, "float16", numerics), expected)


def test_float16_square_root_is_numpys():
    with np.errstate(all="ignore"):
        assert_same(elementwise("sqrt", [FLOAT16], {}, "float16"), np.sqrt(FLOAT16))


def test_rounding_every_primitive_is_a_chain_of_float16_operations():
    one = np.float16(1)
    with np.errstate(all="ignore"):
        grown = np.exp(-FLOAT16.astype(np.float64)).astype(np.float32).astype(np.float16)
        expected = FLOAT16 / (one + grown)
    assert_same(elementwise("silu", [FLOAT16], {}, "float16", EACH), expected)
    with np.errstate(all="ignore"):
        root = one / np.sqrt(FLOAT16)
    assert_same(elementwise("rsqrt", [FLOAT16], {}, "float16", EACH), root)


EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "sqrt": mpmath.sqrt,
    "reciprocal": lambda x: 1 / x,
}


@pytest.mark.parametrize("operator", EXACT)
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_functions_are_correctly_rounded_to_float32_first(operator, name):
    random = np.random.default_rng(1)
    x = random.integers(1, 0x7C00, 300, dtype=np.uint16).view(DTYPES[name].storage)
    with mpmath.workprec(300):
        exact = [float(EXACT[operator](mpmath.mpf(float(v)))) for v in x]
    with np.errstate(all="ignore"):
        expected = np.array(exact).astype(np.float32).astype(x.dtype)
    assert_same(elementwise(operator, [x], {}, name), expected)


@pytest.mark.parametrize(
    ("operator", "attributes", "exact"),
    [
        ("sigmoid", {}, lambda x: 1 / (1 + mpmath.exp(-x))),
        ("silu", {}, lambda x: x / (1 + mpmath.exp(-x))),
        ("gelu", {"approximate": "none"}, lambda x: x * (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2),
        (
            "gelu",
            {"approximate": "tanh"},
            lambda x: x * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))) / 2,
        ),
    ],
)
def test_formulas_are_what_they_are_called(operator, attributes, exact):
    x = np.linspace(-3, 8, 400).astype(np.float32)
    with mpmath.workprec(120):
        expected = np.array([float(exact(mpmath.mpf(float(v)))) for v in x])
    found = elementwise(operator, [x], attributes, "float32")
    assert np.all(np.abs(found - expected) <= 4 * 2.0**-23 * np.maximum(np.abs(expected), np.abs(x) * 2.0**-3))


def test_zeros_and_nans_of_maximum_and_minimum():
    zero, minus, nan = (np.array([v], np.float32) for v in (0.0, -0.0, np.nan))
    for one, other in ((zero, minus), (minus, zero)):
        assert not np.signbit(elementwise("maximum", [one, other], {}, "float32"))[0]
        assert np.signbit(elementwise("minimum", [one, other], {}, "float32"))[0]
    for one, other in ((nan, zero), (zero, nan)):
        assert np.isnan(elementwise("maximum", [one, other], {}, "float32"))[0]
        assert np.isnan(elementwise("minimum", [one, other], {}, "float32"))[0]


def test_relu_keeps_nan_and_drops_the_sign_of_zero():
    found = elementwise("relu", [np.array([-0.0, np.nan, -1, 2], np.float16)], {}, "float16")
    assert np.isnan(found[1])
    assert found[[0, 2, 3]].tolist() == [0, 0, 2]
    assert not np.signbit(found[0])


def test_saturation_reaches_every_result():
    saturating = replace(IEEE, overflow=Overflow.SATURATE)
    x = np.array([60000, -60000, np.inf, np.nan], np.float16)
    assert elementwise("add", [x, x], {"alpha": 1}, "float16", saturating).tolist() == [65504, -65504, 65504, 0]
    assert elementwise("neg", [x], {}, "float16", saturating).tolist() == [-60000, 60000, -65504, 0]


def test_alpha_is_multiplied_only_if_it_is_not_one():
    x, y = np.float32([1.0]), np.float32([np.inf])
    assert elementwise("add", [x, y], {"alpha": 1}, "float32")[0] == np.inf
    assert np.isnan(elementwise("add", [x, y], {"alpha": 0}, "float32")[0])
    assert elementwise("sub", [x, x], {"alpha": 0.5}, "float32")[0] == 0.5


def test_what_meets_is_promoted():
    found = elementwise("add", [np.float16([1]), np.ones(1, ml_dtypes.bfloat16)], {"alpha": 1}, "float32")
    assert (found.dtype, found[0]) == (np.float32, 2)
    with pytest.raises(CallError, match="have no common dtype"):
        elementwise("add", [np.ones(1, ml_dtypes.float8_e5m2), np.ones(1, ml_dtypes.float8_e4m3fn)], {}, "float32")


@pytest.mark.parametrize(("operator", "kind"), [("softmax", np.float32), ("sum", np.int32)])
def test_an_operator_that_is_not_elementwise_is_named(operator, kind):
    with pytest.raises(CallError, match=operator):
        elementwise(operator, [np.ones(1, kind)], {}, "float32")
