"""A view says where each element of an array is, in memory that is handed over without a copy."""

import numpy as np
import pytest

from npusim.executor.views import matrices, view

BASE = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
VIEWS = {
    "whole": BASE,
    "transposed": BASE.T,
    "reversed": BASE[::-1, :, ::-1],
    "stepped": BASE[:, ::2, 1::2],
    "repeated": np.broadcast_to(BASE[:, :1], (5, 2, 3, 4)),
    "scalar": BASE[1, 2, 3, ...],
}


def elements(seen):
    places = np.full((), seen.start)
    for length, stride in zip(seen.shape, seen.strides, strict=True):
        places = np.add.outer(places, np.arange(length) * stride)
    return seen.memory[places]


@pytest.mark.parametrize("array", VIEWS.values(), ids=VIEWS)
def test_every_element_is_found_without_a_copy(array):
    seen = view(array)
    assert np.array_equal(elements(seen), array)
    assert np.shares_memory(seen.memory, BASE)
    assert seen.memory.flags.c_contiguous


def test_unaligned_foreign_and_sparse_arrays_are_copied():
    raw = np.zeros(41, np.uint8)
    sparse = np.zeros((1000, 1000), np.float32)
    for array in (raw[1:].view(np.float32), np.arange(4, dtype=">f4"), sparse[::500, ::500]):
        seen = view(array)
        assert np.array_equal(elements(seen), array)
        assert not np.shares_memory(seen.memory, array)
        assert seen.memory.flags.aligned
        assert seen.memory.dtype.isnative


def test_matrices_are_those_of_the_leading_dimensions_in_order():
    array = np.broadcast_to(BASE.swapaxes(1, 2), (3, 2, 4, 3))
    each = matrices(array)
    for number, matrix in enumerate(array.reshape(6, 4, 3)):
        rows = np.arange(4)[:, np.newaxis] * each.strides[0]
        columns = np.arange(3) * each.strides[1]
        assert np.array_equal(each.memory[each.starts[number] + rows + columns], matrix)
    assert np.array_equal(each[2:4].starts, each.starts[2:4])
    assert each.transposed().strides == each.strides[::-1]
