"""Sums and means lie within the bound that their own data gives; a maximum is exact."""

import numpy as np
import pytest

from npusim.numerics.bounds import sum_enclosure
from npusim.numerics.model import IEEE
from npusim.numerics.rounding import round_to
from tests.executor.kernel_cases import CLAMPING, DEVICES, FLOATS, NARROW, awkward, normal, raw, run, storage

AXES = {
    "all": ((3, 4, 5), None),
    "last": ((3, 4, 5), (-1,)),
    "first": ((6, 7), (0,)),
    "outer_two": ((3, 4, 5), (2, 0)),
    "scalar": ((), None),
    "long": ((2, 9001), (1,)),
    "many_rows": ((5000, 3), (1,)),
    "empty_axis": ((3, 0), (1,)),
    "no_rows": ((0, 3), (1,)),
}


def reduced_shape(shape, dim, keepdim):
    return np.zeros(shape).sum(axis=dim, keepdims=keepdim).shape


def add(numerics, operator, x, dim, output, *, keepdim=False, dtype=None):
    shape = reduced_shape(x.shape, dim, keepdim)
    return run(numerics, operator, [x], (output, shape), dim=dim, keepdim=keepdim, dtype=dtype)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("case", AXES)
@pytest.mark.parametrize("name", FLOATS)
def test_sum_and_mean_are_within_the_bound(name, case, keepdim):
    shape, dim = AXES[case]
    x = normal(shape, name, 1)
    for operator in ("sum", "mean"):
        result = add(IEEE, operator, x, dim, name, keepdim=keepdim)
        enclosure = sum_enclosure(
            x, dim, operand=name, output=name, numerics=IEEE, keepdims=keepdim, mean=operator == "mean"
        )
        assert enclosure.holds(result).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FLOATS)
def test_special_values_are_within_the_bound_on_every_device(name, device):
    x = awkward((60, 11), name, 2)
    for operator in ("sum", "mean"):
        result = add(DEVICES[device], operator, x, (1,), name)
        enclosure = sum_enclosure(x, (1,), operand=name, output=name, numerics=DEVICES[device], mean=operator == "mean")
        assert enclosure.holds(result).all()


def test_views_of_any_strides_are_taken():
    x = normal((9, 8, 7), "float32")
    for seen in (x[::-2, :, 1::3], x.transpose(2, 0, 1), np.broadcast_to(x[:1], x.shape)):
        np.testing.assert_allclose(add(IEEE, "sum", seen, (1,), "float32"), seen.sum(1), rtol=1e-5, atol=1e-5)


def test_4096_bfloat16_ones_sum_to_256_in_bfloat16_and_to_4096_in_float32():
    ones = np.ones((2, 4096), storage("bfloat16"))
    assert (add(NARROW, "sum", ones, (1,), "bfloat16") == 256).all()
    assert (add(IEEE, "sum", ones, (1,), "bfloat16") == 4096).all()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_a_narrow_accumulator_rounds_every_partial_sum_in_order(name):
    x = normal((8, 5000), name, 3)
    total = np.zeros(8, storage(name))
    for column in range(5000):
        total = total + x[:, column]
    assert np.array_equal(raw(add(NARROW, "sum", x, (1,), name)), raw(total))


def test_a_half_precision_sum_overflows_or_saturates_only_at_its_end():
    x = np.array([60000, 60000, -60000], np.float16)
    assert add(IEEE, "sum", x, None, "float16") == 60000
    assert np.isinf(add(IEEE, "sum", x[:2], None, "float16"))
    assert add(CLAMPING, "sum", x[:2], None, "float16") == 65504
    assert np.isinf(add(NARROW, "sum", x, None, "float16"))


def test_an_empty_axis_sums_to_zero_and_has_no_mean():
    x = np.empty((2, 0), np.float16)
    assert (add(IEEE, "sum", x, (1,), "float16") == 0).all()
    assert np.isnan(add(IEEE, "mean", x, (1,), "float16")).all()
    assert (add(CLAMPING, "mean", x, (1,), "float16") == 0).all()


@pytest.mark.parametrize("name", ["bool", "int8", "uint8", "int32", "int64"])
def test_integers_are_summed_in_int64(name):
    x = np.random.default_rng(1).integers(0, 2 if name == "bool" else 100, (6, 500)).astype(name)
    assert np.array_equal(add(IEEE, "sum", x, (1,), "int64"), x.sum(1, dtype=np.int64))


def test_integers_wrap_around():
    x = np.array([2**62, 2**62, 2**62], np.int64)
    assert add(IEEE, "sum", x, None, "int64") == 3 * 2**62 - 2**64
    assert add(IEEE, "sum", np.array([100, 100], np.int8), None, "int8", dtype="int8") == -56


def test_a_dtype_says_in_what_to_sum():
    ones = np.ones(4096, storage("bfloat16"))
    assert add(NARROW, "sum", ones, None, "float32", dtype="float32") == 4096
    assert add(IEEE, "mean", np.array([1, 2], np.int32), None, "float32", dtype="float32") == 1.5


@pytest.mark.parametrize("name", [*FLOATS, "int8", "int64", "uint64", "bool"])
def test_a_maximum_is_exact(name):
    limits = (-100, 100) if np.dtype(storage(name)).kind not in "ub" else (0, 2 if name == "bool" else 100)
    x = np.random.default_rng(1).integers(*limits, (7, 5000)).astype(storage(name))
    wide = x.astype(np.float64)
    assert np.array_equal(run(IEEE, "amax", [x], (name, (7,)), dim=(1,), keepdim=False).astype(float), wide.max(1))
    assert np.array_equal(
        run(IEEE, "amax", [x], (name, (1, 5000)), dim=(0,), keepdim=True)[0].astype(float), wide.max(0)
    )
    assert float(run(IEEE, "max", [x], (name, ()))) == wide.max()


def test_the_extremes_of_integers_survive():
    for name in ("int64", "uint64"):
        limits = np.iinfo(name)
        assert run(IEEE, "max", [np.array([limits.min, limits.max], name)], (name, ())) == limits.max
        assert run(IEEE, "max", [np.array([limits.min], name)], (name, ())) == limits.min


@pytest.mark.parametrize("name", FLOATS)
def test_a_maximum_knows_nan_infinities_and_signed_zeros(name):
    kind = storage(name)
    assert np.isnan(run(IEEE, "max", [np.array([1, np.nan, np.inf], kind)], (name, ())).astype(float))
    assert np.isnan(run(IEEE, "max", [np.array([np.nan, 1], kind)], (name, ())).astype(float))
    assert run(IEEE, "max", [np.array([-np.inf, -np.inf], kind)], (name, ())) == -np.inf
    for zeros in ([-0.0, 0.0], [0.0, -0.0]):
        assert not np.signbit(run(IEEE, "max", [np.array(zeros, kind)], (name, ())).astype(float))
    assert np.signbit(run(IEEE, "max", [np.array([-0.0, -0.0], kind)], (name, ())).astype(float))


@pytest.mark.parametrize("name", FLOATS)
def test_a_maximum_is_rounded_like_any_result(name):
    x = awkward((200, 3), name, 5)
    with np.errstate(invalid="ignore"):
        expected = round_to(x.astype(np.float64).max(1) + 0.0, name, CLAMPING)
    assert np.array_equal(run(CLAMPING, "amax", [x], (name, (200,)), dim=(1,), keepdim=False), expected)
