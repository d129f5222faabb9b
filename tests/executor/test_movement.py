"""Operators that move elements give numpy's result to the bit, whatever the elements are."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npusim.errors import ExecutionError
from npusim.numerics.model import IEEE
from tests.executor.kernel_cases import CLAMPING, normal, raw, run

NAMES = ("int4", "uint8", "bool", "float8_e4m3fn", "float16", "bfloat16", "float32", "int64", "float64", "complex128")


def noise(shape, name, seed=0):
    """Random bits: NaNs with payloads, infinities, zeros of both signs and all the rest."""
    kind = np.dtype(getattr(ml_dtypes, name, None) or getattr(np, name))
    bytes_ = np.random.default_rng(seed).integers(0, 256, (*shape, kind.itemsize), np.uint8)
    if name in {"bool", "int4"}:
        bytes_ &= 1
    return bytes_.view(kind).reshape(shape)


def same_bits(result, expected):
    assert result.shape == expected.shape
    assert np.array_equal(raw(result), raw(expected))


@pytest.mark.parametrize("name", NAMES)
def test_elements_of_every_width_keep_their_bits(name):
    x = noise((5, 6, 7), name)
    same_bits(run(CLAMPING, "transpose", [x], (name, (7, 6, 5)), dim0=0, dim1=-1), x.swapaxes(0, 2))
    same_bits(run(CLAMPING, "reshape", [x], (name, (10, 21)), shape=(10, 21)), x.reshape(10, 21))
    same_bits(run(CLAMPING, "cat", [x, x], (name, (5, 12, 7)), dim=1), np.concatenate([x, x], 1))
    index = np.random.default_rng(1).integers(0, 6, (5, 9, 7))
    same_bits(run(CLAMPING, "gather", [x, index], (name, (5, 9, 7)), dim=1), np.take_along_axis(x, index, 1))
    same_bits(run(CLAMPING, "embedding", [x[0], index[0]], (name, (9, 7, 7))), x[0][index[0]])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (-1, 0, -2, 1)])
def test_permute_takes_any_order(order):
    x = noise((2, 3, 4, 5), "float16")
    expected = x.transpose(order)
    same_bits(run(IEEE, "permute", [x], ("float16", expected.shape), dims=order), expected)


def test_nine_dimensions_are_moved():
    x = noise((2, 1, 3, 2, 2, 1, 2, 3, 2), "float32")
    order = (8, 3, 0, 6, 1, 5, 7, 2, 4)
    same_bits(run(IEEE, "permute", [x], ("float32", x.transpose(order).shape), dims=order), x.transpose(order))


def test_views_of_any_strides_are_moved():
    x = noise((8, 9, 10), "bfloat16")
    for seen in (x[::-1, ::2, 1:], x[:, :, ::-3].T, np.broadcast_to(x[:, :1], x.shape), x[3:4, 2:3, 1:2]):
        flat = (int(np.prod(seen.shape)),)
        same_bits(run(IEEE, "reshape", [seen], ("bfloat16", flat), shape=flat), seen.reshape(-1))


@pytest.mark.parametrize("shape", [(130, 257), (3, 70, 129), (64, 64)])
def test_large_transpositions_go_by_tiles(shape):
    x = noise(shape, "bfloat16")
    order = tuple(reversed(range(len(shape))))
    same_bits(run(IEEE, "permute", [x], ("bfloat16", shape[::-1]), dims=order), x.transpose(order))


def test_a_sparse_view_is_moved():
    x = noise((300, 400), "float32")[::50, ::40]
    same_bits(run(IEEE, "reshape", [x], ("float32", (60,)), shape=(60,)), x.reshape(-1))


def test_a_field_of_a_record_is_moved():
    records = np.zeros((4, 3), [("small", np.uint8), ("wanted", np.float32)])
    records["wanted"] = normal((4, 3), "float32")
    same_bits(run(IEEE, "transpose", [records["wanted"]], ("float32", (3, 4)), dim0=0, dim1=1), records["wanted"].T)


def test_scalars_and_nothing_are_moved():
    scalar, nothing = noise((), "float16"), noise((3, 0, 2), "float16")
    same_bits(run(IEEE, "reshape", [scalar], ("float16", (1, 1)), shape=(1, 1)), scalar.reshape(1, 1))
    same_bits(run(IEEE, "transpose", [scalar], ("float16", ()), dim0=0, dim1=-1), scalar)
    same_bits(run(IEEE, "permute", [scalar], ("float16", ()), dims=()), scalar)
    same_bits(run(IEEE, "permute", [nothing], ("float16", (2, 3, 0)), dims=(2, 0, 1)), nothing.transpose(2, 0, 1))
    same_bits(run(IEEE, "cat", [nothing, nothing], ("float16", (6, 0, 2)), dim=0), np.concatenate([nothing, nothing]))


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_split_undoes_cat(dim):
    parts = [np.moveaxis(noise((size, 4, 3), "bfloat16", size), 0, dim) for size in (2, 0, 5)]
    whole = np.concatenate(parts, dim)
    joined = run(IEEE, "cat", parts, ("bfloat16", whole.shape), dim=dim)
    same_bits(joined, whole)
    outputs = [("bfloat16", part.shape) for part in parts]
    for result, part in zip(run(IEEE, "split", [whole], outputs, split_size=(2, 0, 5), dim=dim), parts, strict=True):
        same_bits(result, part)


def test_cat_joins_dtypes_in_the_one_they_promote_to():
    narrow, wide = noise((2, 3), "bfloat16"), normal((1, 3), "float32")
    result = run(IEEE, "cat", [narrow, wide], ("float32", (3, 3)), dim=0)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(result, np.concatenate([narrow.astype(np.float32), wide]))


@settings(max_examples=60, deadline=None)
@given(
    start=st.none() | st.integers(-12, 12),
    end=st.none() | st.integers(-12, 12),
    step=st.integers(1, 5),
    dim=st.sampled_from([0, 1, -1]),
)
def test_slice_clamps_as_torch_does(start, end, step, dim):
    x = noise((6, 7), "float16")
    expected = np.moveaxis(np.moveaxis(x, dim, 0)[start:end:step], 0, dim)
    result = run(IEEE, "slice", [x], ("float16", expected.shape), dim=dim, start=start, end=end, step=step)
    same_bits(result, expected)


@pytest.mark.parametrize("step", [0, -1])
def test_slice_refuses_other_steps(step):
    with pytest.raises(ExecutionError, match=f"step is {step}"):
        run(IEEE, "slice", [noise((6,), "float16")], ("float16", (6,)), dim=0, start=None, end=None, step=step)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gather_follows_a_smaller_index(kind, dim):
    x = noise((6, 7, 8), "float32").transpose(2, 0, 1)[::-1]
    shape = [4, 3, 2]
    shape[dim] = 11
    index = np.random.default_rng(2).integers(0, x.shape[dim], shape).astype(kind)
    seen = x[tuple(slice(0, None if axis == dim % 3 else size) for axis, size in enumerate(shape))]
    expected = np.take_along_axis(seen, index.astype(np.int64), dim)
    same_bits(run(IEEE, "gather", [x, index], ("float32", expected.shape), dim=dim), expected)


def test_gather_of_a_scalar_and_of_nothing():
    scalar = noise((), "float16")
    same_bits(run(IEEE, "gather", [scalar, np.array(0)], ("float16", ()), dim=0), scalar)
    x = noise((3, 4), "float16")
    assert run(IEEE, "gather", [x, np.empty((0, 4), np.int64)], ("float16", (0, 4)), dim=0).size == 0


def test_embedding_takes_indices_of_any_shape_and_stride():
    weight = noise((20, 6), "bfloat16").T[::-1, ::2]
    for indices in (np.array(3), np.array([[5, 0], [1, 1]])[::-1].T, np.empty((2, 0), np.int64)):
        expected = weight[indices]
        same_bits(run(IEEE, "embedding", [weight, indices], ("bfloat16", expected.shape)), expected)


@pytest.mark.parametrize("bad", [-1, 4, 2**40])
def test_an_index_out_of_range_is_refused_before_anything_is_read(bad):
    x, index = noise((4, 3), "float16"), np.array([[0, 1, bad]])
    with pytest.raises(ExecutionError, match=rf"gather: index {bad} at \[0, 2\] is out of range; .* less than 4"):
        run(IEEE, "gather", [x, index], ("float16", (1, 3)), dim=0)
    with pytest.raises(ExecutionError, match=rf"embedding: index {bad} at \[0, 2\] is out of range"):
        run(IEEE, "embedding", [x, index], ("float16", (1, 3, 3)))


def test_an_empty_table_has_no_rows_to_give():
    with pytest.raises(ExecutionError, match="less than 0"):
        run(IEEE, "embedding", [np.empty((0, 3), np.float16), np.array([0])], ("float16", (1, 3)))
