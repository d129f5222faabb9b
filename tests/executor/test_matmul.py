"""Matrix products lie within the bound that their own data gives."""

import numpy as np
import pytest

from npusim.executor import matmul as implementation
from npusim.numerics.bounds import matmul_enclosure
from npusim.numerics.model import IEEE
from tests.executor.kernel_cases import (
    CLAMPING,
    DEVICES,
    FLOATS,
    HALF_MATMUL,
    NARROW,
    awkward,
    normal,
    raw,
    run,
    storage,
)

SHAPES = {
    "one": ((1, 1), (1, 1)),
    "odd": ((5, 7), (7, 3)),
    "panels_and_more": ((17, 33), (33, 35)),
    "deep": ((9, 700), (700, 18)),
    "row": ((1, 64), (64, 40)),
    "vectors": ((13,), (13,)),
    "vector_matrix": ((6,), (6, 5)),
    "matrix_vector": ((5, 6), (6,)),
    "batch_vector": ((3, 5, 6), (6,)),
    "vector_batch": ((6,), (3, 6, 5)),
    "batched": ((3, 4, 6), (3, 6, 5)),
    "broadcast": ((2, 1, 4, 6), (3, 6, 5)),
    "one_right": ((2, 3, 4, 6), (6, 5)),
    "one_left": ((4, 6), (2, 3, 6, 5)),
    "nothing_summed": ((3, 0), (0, 4)),
    "batch_of_nothing_summed": ((2, 3, 0), (0, 4)),
    "no_rows": ((0, 3), (3, 4)),
    "no_columns": ((2, 3), (3, 0)),
    "no_batch": ((0, 2, 3), (3, 4)),
}


def product_shape(a, b):
    return np.matmul(np.zeros(a), np.zeros(b)).shape


def check(numerics, a, b, operand, output):
    result = run(numerics, "matmul", [a, b], (output, product_shape(a.shape, b.shape)))
    assert matmul_enclosure(a, b, operand=operand, output=output, numerics=numerics).holds(result).all()
    return result


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", FLOATS)
def test_every_shape_is_within_the_bound(name, shapes):
    check(IEEE, normal(shapes[0], name, 1), normal(shapes[1], name, 2), name, name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FLOATS)
def test_special_values_are_within_the_bound_on_every_device(name, device):
    check(DEVICES[device], awkward((20, 9), name, 3), awkward((9, 19), name, 4), name, name)


@pytest.mark.parametrize("name", FLOATS)
def test_views_of_any_strides_are_taken(name):
    a, b = normal((40, 23), name, 5), normal((30, 40), name, 6)
    check(IEEE, a.T[::-2], b.T[:, ::3], name, name)
    check(IEEE, a[:, ::-1].T, np.broadcast_to(b[0, :, np.newaxis], (40, 6)), name, name)
    check(IEEE, np.broadcast_to(a.T, (3, 23, 40)), normal((40, 3, 4), name).transpose(1, 0, 2), name, name)


def test_memory_out_of_alignment_is_taken():
    bytes_ = np.zeros(5 * 7 * 4 + 1, np.uint8)
    a = bytes_[1:].view(np.float32).reshape(5, 7)
    a[:] = normal((5, 7), "float32")
    check(IEEE, a, normal((7, 3), "float32"), "float32", "float32")


def test_operands_of_two_dtypes_meet_in_the_wider():
    check(IEEE, normal((6, 20), "bfloat16"), normal((20, 7), "float32"), "float32", "float32")


def test_the_matmul_dtype_rounds_the_operands():
    a, b = normal((6, 20), "float32"), normal((20, 7), "float32", 1)
    rounded = check(HALF_MATMUL, a, b, "float32", "float32")
    exact = check(IEEE, a, b, "float32", "float32")
    assert np.abs(rounded - exact).max() > 1e-4


def test_a_half_precision_sum_overflows_or_saturates():
    a = np.full((1, 4), 30000, np.float16)
    ones = np.ones((4, 1), np.float16)
    assert np.isinf(run(IEEE, "matmul", [a, ones], ("float16", (1, 1))))
    assert run(CLAMPING, "matmul", [a, ones], ("float16", (1, 1))) == 65504
    assert run(IEEE, "matmul", [a, ones], ("float32", (1, 1))) == 120000


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_a_narrow_accumulator_rounds_each_product_and_each_sum(name):
    a, b = normal((11, 37), name, 7), normal((37, 18), name, 8)
    sums = np.zeros((11, 18), storage(name))
    for k in range(37):
        sums = sums + a[:, k, np.newaxis] * b[k]
    assert np.array_equal(raw(run(NARROW, "matmul", [a, b], (name, sums.shape))), raw(sums))
    check(NARROW, a, b, name, name)


def test_4096_bfloat16_ones_stop_at_256_in_a_bfloat16_accumulator():
    ones = np.ones(4096, storage("bfloat16"))
    assert run(NARROW, "matmul", [ones, ones], ("bfloat16", ())) == 256
    assert run(IEEE, "matmul", [ones, ones], ("bfloat16", ())) == 4096


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("int8", "int32"),
        ("int8", "int8"),
        ("uint8", "uint8"),
        ("int32", "int32"),
        ("int64", "int64"),
        ("uint64", "uint64"),
    ],
)
def test_integers_wrap_around_in_the_output(name, output):
    limits = np.iinfo(name)
    a, b = (
        np.random.default_rng(seed).integers(limits.min, limits.max, shape, name, endpoint=True)
        for seed, shape in enumerate([(5, 19), (19, 6)])
    )
    with np.errstate(over="ignore"):
        exact = (a.astype(object) @ b.astype(object)) % 2**64
    expected = exact.astype(np.uint64).astype(output)
    assert np.array_equal(run(IEEE, "matmul", [a, b], (output, (5, 6))), expected)


def test_bools_are_or_of_ands():
    a, b = (np.random.default_rng(seed).random((7, 7)) < 0.2 for seed in (1, 2))
    assert np.array_equal(run(IEEE, "matmul", [a, b], ("bool", (7, 7))), a @ b)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("shape", [(9, 21), (2, 3, 21), (21,), (0, 21)])
def test_linear_adds_the_bias_before_the_only_rounding(name, shape):
    x, weight, bias = normal(shape, name, 1), normal((10, 21), name, 2), normal(10, name, 3)
    for addends in ([], [bias]):
        result = run(IEEE, "linear", [x, weight, *(addends or [None])], (name, (*shape[:-1], 10)))
        enclosure = matmul_enclosure(x, weight.T, operand=name, output=name, numerics=IEEE, addends=addends)
        assert enclosure.holds(result).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_matmul_all_reduce_adds_bias_and_x3(name, device):
    numerics = DEVICES[device]
    x1, x2, bias, x3 = (
        awkward(shape, name, seed) for seed, shape in enumerate([(2, 5, 30), (30, 12), (12,), (2, 5, 12)])
    )
    result = run(numerics, "matmul_all_reduce", [x1, x2, bias, x3], (name, (2, 5, 12)), group="tensor", reduce_op="sum")
    enclosure = matmul_enclosure(x1, x2, operand=name, output=name, numerics=numerics, addends=[bias, x3])
    assert enclosure.holds(result).all()


def test_addends_are_not_rounded_on_the_way():
    one, tiny = np.ones((1, 1), np.float16), np.full((1, 1), 2.0**-11, np.float16)
    inputs = [one, one, tiny[0], tiny]
    assert run(IEEE, "matmul_all_reduce", inputs, ("float16", (1, 1)), group="", reduce_op="sum") == 1 + 2.0**-10


def test_addends_fit_vector_operands():
    x1, x2 = normal(6, "float32", 1), normal((3, 6, 5), "float32", 2)
    bias, x3 = normal(5, "float32", 3), normal((3, 5), "float32", 4)
    result = run(IEEE, "matmul_all_reduce", [x1, x2, bias, x3], ("float32", (3, 5)), group="", reduce_op="sum")
    np.testing.assert_allclose(result, x1 @ x2 + bias + x3, rtol=1e-5, atol=1e-5)
    x1, x2 = normal((3, 5, 6), "float32", 1), normal(6, "float32", 2)
    result = run(IEEE, "matmul_all_reduce", [x1, x2, bias, x3], ("float32", (3, 5)), group="", reduce_op="sum")
    np.testing.assert_allclose(result, x1 @ x2 + bias + x3, rtol=1e-5, atol=1e-5)


def test_large_batches_are_computed_in_runs(monkeypatch):
    a, b = normal((7, 2, 4, 6), "float32", 1), normal((2, 6, 5), "float32", 2)
    x3 = normal((7, 2, 4, 5), "float32", 3)
    whole = run(IEEE, "matmul_all_reduce", [a, b, None, x3], ("float32", (7, 2, 4, 5)), group="", reduce_op="sum")
    monkeypatch.setattr(implementation, "_SCRATCH_ELEMENTS", 200)
    runs = run(IEEE, "matmul_all_reduce", [a, b, None, x3], ("float32", (7, 2, 4, 5)), group="", reduce_op="sum")
    assert np.array_equal(whole, runs)
