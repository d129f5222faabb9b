"""Softmax and the norms lie within the bound that their own data gives."""

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from npusim.numerics.model import IEEE
from npusim.numerics.row_bounds import layer_norm_enclosure, rms_norm_enclosure, softmax_enclosure
from tests.executor.kernel_cases import CLAMPING, DEVICES, FLOATS, NARROW, awkward, normal, run, storage

HALF_STATISTICS = replace(IEEE, accumulate=MappingProxyType({"float16": "float16"}))
NORM_SHAPES = {
    "row": ((4, 37), 1),
    "two": ((3, 5, 7), 2),
    "one": ((2, 1), 1),
    "none": ((0, 4), 1),
    "wide": ((2, 9000), 1),
}


def softmax(numerics, x, dim, output):
    result = run(numerics, "softmax", [x], (output, x.shape), dim=dim)
    operand = np.dtype(x.dtype).name
    enclosure = softmax_enclosure(np.atleast_1d(x), dim, operand=operand, output=output, numerics=numerics)
    assert enclosure.holds(np.atleast_1d(result)).all()
    return result


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(
    ("shape", "dim"),
    [((3, 4, 5), 0), ((3, 4, 5), 1), ((3, 4, 5), -1), ((2, 20000), 1), ((0, 4), 1), ((4, 0), 1), ((), 0)],
)
def test_softmax_is_within_the_bound_along_any_axis(name, shape, dim):
    softmax(IEEE, (4 * normal(shape, "float32")).astype(storage(name)), dim, name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FLOATS)
def test_softmax_of_special_values_is_within_the_bound_on_every_device(name, device):
    softmax(DEVICES[device], awkward((60, 5), name, 1), 1, name)


def test_softmax_takes_views_and_a_wider_output():
    x = normal((9, 8), "float16")
    softmax(IEEE, x[::-2].T, 0, "float32")


@pytest.mark.parametrize("name", FLOATS)
def test_softmax_does_not_overflow(name):
    x = np.array([[60000, 60000, -60000]], storage(name))
    assert softmax(IEEE, x, 1, name).astype(float).tolist() == [[0.5, 0.5, 0]]


@pytest.mark.parametrize("name", FLOATS)
def test_a_fully_masked_row_is_nan_and_leaves_the_others_alone(name):
    x = np.array([[-np.inf, -np.inf], [0, -np.inf]], storage(name))
    result = softmax(IEEE, x, 1, name).astype(float)
    assert np.isnan(result[0]).all()
    assert result[1].tolist() == [1, 0]
    assert softmax(CLAMPING, x, 1, name).astype(float).tolist() == [[0, 0], [1, 0]]


def layer_norm(numerics, x, weight, bias, dims, name):
    shape = x.shape[x.ndim - dims :]
    result = run(numerics, "layer_norm", [x, weight, bias], (name, x.shape), normalized_shape=shape, eps=1e-5)
    enclosure = layer_norm_enclosure(
        x, weight, bias, dims=dims, epsilon=1e-5, operand=name, output=name, numerics=numerics
    )
    assert enclosure.holds(result).all()


def rms_norm(numerics, x, weight, dims, name):
    shape = x.shape[x.ndim - dims :]
    result = run(numerics, "rms_norm", [x, weight], (name, x.shape), normalized_shape=shape, eps=1e-6)
    enclosure = rms_norm_enclosure(x, weight, dims=dims, epsilon=1e-6, operand=name, output=name, numerics=numerics)
    assert enclosure.holds(result).all()


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("case", NORM_SHAPES)
def test_norms_are_within_the_bound(name, case):
    shape, dims = NORM_SHAPES[case]
    x = normal(shape, name, 1) + np.ones((), storage(name))
    weight, bias = normal(shape[-dims:], name, 2), normal(shape[-dims:], name, 3)
    layer_norm(IEEE, x, weight, bias, dims, name)
    rms_norm(IEEE, x, weight, dims, name)


@pytest.mark.parametrize("given", [(True, False), (False, True), (False, False)])
def test_weight_and_bias_are_optional_and_may_be_of_another_dtype(given):
    x = normal((6, 50), "bfloat16", 1)
    weight, bias = (normal(50, "float32", seed) if there else None for seed, there in enumerate(given))
    layer_norm(IEEE, x, weight, bias, 1, "bfloat16")
    rms_norm(IEEE, x, weight, 1, "bfloat16")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FLOATS)
def test_norms_of_special_values_are_within_the_bound_on_every_device(name, device):
    x, weight = awkward((60, 8), name, 4), normal(8, name, 5)
    layer_norm(DEVICES[device], x, weight, weight, 1, name)
    rms_norm(DEVICES[device], x, weight, 1, name)


def test_norms_take_views():
    x = normal((12, 9), "float16").T[:, ::2]
    layer_norm(IEEE, x, None, None, 1, "float16")
    rms_norm(IEEE, x, normal(12, "float16")[::2], 1, "float16")


def test_a_constant_row_normalises_to_the_bias():
    x, bias = np.full((1, 64), 3, np.float16), normal(64, "float16")
    result = run(IEEE, "layer_norm", [x, None, bias], ("float16", x.shape), normalized_shape=(64,), eps=1e-5)
    assert np.array_equal(result[0], bias)


@pytest.mark.parametrize("numerics", [NARROW, HALF_STATISTICS], ids=["all_half", "half_statistics"])
def test_half_precision_squares_overflow_to_a_row_of_finite_zeros(numerics):
    x = np.full((1, 8), 300, np.float16)  # 300**2 > 65504: the mean square is inf and its reciprocal root 0
    result = run(numerics, "rms_norm", [x, None], ("float16", x.shape), normalized_shape=(8,), eps=1e-6)
    assert (result == 0).all()
    right = run(IEEE, "rms_norm", [x, None], ("float16", x.shape), normalized_shape=(8,), eps=1e-6)
    assert (right == 1).all()
    assert math.isfinite(float(x.astype(np.float32).max() ** 2))
