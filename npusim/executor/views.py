"""Strided views of numpy arrays as OpenCL sees them: flat memory, a first element and strides in elements."""

import math
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npusim.executor.buffers import contiguous

_SPREAD = 4
"""A view that touches less than one in so many elements of its memory is copied rather than handed over whole."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An array as its memory, one-dimensional and contiguous, and where in it each element is."""

    memory: np.ndarray[Any, Any]
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def starts(self, inner: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return where each part begins if all but the `inner` last dimensions are walked in C order."""
        places = np.full(1, self.start, np.int64)
        outer = len(self.shape) - inner
        for length, stride in zip(self.shape[:outer], self.strides[:outer], strict=True):
            places = np.add.outer(places, np.arange(length, dtype=np.int64) * stride).reshape(-1)
        return places


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """Matrices of one shape in one memory: where each begins, and the strides of its rows and columns, in elements."""

    memory: np.ndarray[Any, Any]
    starts: np.ndarray[Any, np.dtype[np.int64]]
    rows: int
    columns: int
    strides: tuple[int, int]

    def __getitem__(self, part: slice) -> "Matrices":
        return replace(self, starts=self.starts[part])

    def transposed(self) -> "Matrices":
        """Return the same matrices with rows and columns exchanged."""
        return Matrices(self.memory, self.starts, self.columns, self.rows, self.strides[::-1])


def view(array: np.ndarray[Any, Any]) -> View:
    """Return the view of an array that has at least one element; any strides, negative and zero ones included.

    Nothing is copied unless strides are no multiples of the element's size, the byte order is foreign, or the elements
    are too sparse in their memory.
    """
    size_bytes = array.dtype.itemsize
    native = array.flags.aligned and array.dtype.isnative and not any(step % size_bytes for step in array.strides)
    reach = sum((length - 1) * abs(step) for length, step in zip(array.shape, array.strides, strict=True))
    span = reach // size_bytes + 1
    if not native or span > _SPREAD * array.size + 4096:
        array = contiguous(array)
        span = array.size
    strides = tuple(step // size_bytes for step in array.strides)
    # The ellipsis keeps the index of a 0-d array from making a copy, which is what a plain () does.
    ascending: tuple[slice | EllipsisType, ...] = (*(slice(None, None, -1 if s < 0 else 1) for s in strides), ...)
    memory = as_strided(array[ascending], (span,), (size_bytes,), writeable=False)
    start = sum((length - 1) * -step for length, step in zip(array.shape, strides, strict=True) if step < 0)
    return View(memory, start, array.shape, strides)


def matrices(array: np.ndarray[Any, Any]) -> Matrices:
    """Return the matrices in the last two dimensions of an array, those of the leading dimensions in C order.

    An array without elements, as a product over nothing has, gives matrices that must not be read.
    """
    rows, columns = array.shape[-2:]
    if array.size == 0:
        return Matrices(array, np.zeros(math.prod(array.shape[:-2]), np.int64), rows, columns, (0, 0))
    seen = view(array)
    return Matrices(seen.memory, seen.starts(2), rows, columns, (seen.strides[-2], seen.strides[-1]))
