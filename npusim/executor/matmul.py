"""Matrix products: matmul, linear and matmul_all_reduce, by packed panels and a register kernel."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from npusim.dtypes import DTYPES, DType, dtype
from npusim.executor.arithmetic import accumulate_dtype, carrier, launch, longs, present, promoted, role, storage_of
from npusim.executor.buffers import Out, empty
from npusim.executor.conversion import COMPUTABLE
from npusim.executor.launch import Engine
from npusim.executor.request import Implementation, Request, policy
from npusim.executor.views import Matrices, matrices
from npusim.numerics.model import Numerics

Array = np.ndarray[Any, Any]

LEFT = 8
"""Rows of one packed panel of the left operand; kernels/matmul.cl unrolls them."""

_FILE = "matmul.cl"
_VECTORS = MappingProxyType({"float32": ("float8", 8), "float64": ("double4", 4)})
_SCRATCH_ELEMENTS = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Contraction:
    """How products over one operand dtype are computed: the dtype operands are rounded to, and that of the sums."""

    operand: str
    accumulate: str
    numerics: Numerics

    @property
    def is_literal(self) -> bool:
        """Whether each product and partial sum is computed by itself, because no vector register has the dtype."""
        return self.accumulate not in _VECTORS

    @property
    def held(self) -> np.dtype[Any]:
        """The numpy type of packed operands and sums."""
        return storage_of(DTYPES[carrier(self.accumulate)])

    @property
    def right(self) -> int:
        """Columns of one packed panel of the right operand."""
        return 2 * self._vector[1]

    @property
    def defines(self) -> dict[str, object]:
        """The definitions of a kernel that computes in the accumulate dtype."""
        return {**self.layout, **role("A", self.accumulate)}

    @property
    def layout(self) -> dict[str, object]:
        """The definitions of a kernel that only reads or writes what the accumulate dtype is held in."""
        vector, width = self._vector
        return {"A": carrier(self.accumulate), "VECTOR": vector, "WIDTH": width}

    @property
    def _vector(self) -> tuple[str, int]:
        return _VECTORS.get(self.accumulate, ("float8", 8))


def contraction(operand: DType, numerics: Numerics) -> Contraction:
    """Return how the numerics contract operands that were promoted to `operand`."""
    multiplied = DTYPES[numerics.matmul_dtype(operand.name)] if operand.is_floating else operand
    return Contraction(multiplied.name, accumulate_dtype(multiplied, numerics), numerics)


def multiply(engine: Engine, how: Contraction, left: Matrices, right: Matrices) -> Array:
    """Return the sums of each left [M, K] @ right [K, N], padded: [n, M up to a multiple of LEFT, N up to how.right].

    There is at least one pair of matrices, and M and N are at least 1. Padding holds zeros.
    """
    count, depth = len(left.starts), left.columns
    row_panels, column_panels = -(-left.rows // LEFT), -(-right.columns // how.right)
    packed_left = empty((count, row_panels, depth, LEFT), how.held)
    packed_right = empty((count, column_panels, depth, how.right), how.held)
    if depth:
        _pack(engine, how, "pack_left", left, packed_left)
        _pack(engine, how, "pack_right", right.transposed(), packed_right)
    sums = empty((count, row_panels * LEFT, column_panels * how.right), how.held)
    kernel = "product_literal" if how.is_literal else "product"
    arguments = (packed_left, packed_right, Out(sums), np.int64(depth))
    items = (row_panels, column_panels, count)
    launch(engine, kernel, arguments, file=_FILE, items=items, defines=how.defines, group=kernel)
    return sums


def finish(engine: Engine, how: Contraction, sums: Array, result: Array, output: DType) -> None:
    """Round padded `sums` to the output dtype, into the contiguous `result` [n, M, N]."""
    count, rows, columns = result.shape
    numbers = longs(sums.shape[1], columns, sums.shape[2])
    arguments = (sums, Out(result), *numbers, np.uint32(policy(how.numerics)))
    defines = {**how.layout, "Z": output.name}
    launch(engine, "finish", arguments, file=_FILE, items=(rows, count), defines=defines, group="finish")


def batches(total: int, elements: int) -> Iterator[slice]:
    """Cut `total` matrix products into runs whose scratch, `elements` for each, stays modest."""
    step = max(1, _SCRATCH_ELEMENTS // max(elements, 1))
    return (slice(first, min(first + step, total)) for first in range(0, total, step))


def _pack(engine: Engine, how: Contraction, kernel: str, operand: Matrices, panels: Array) -> None:
    """Lay out the rows of each matrix in panels."""
    source = dtype(operand.memory.dtype).name
    numbers = longs(*operand.strides, operand.rows, operand.columns)
    arguments = (operand.memory, Out(panels), operand.starts, *numbers, np.uint32(policy(how.numerics)))
    rounds = {"M": how.operand} if source != how.operand else {}
    items, defines = (panels.shape[1], panels.shape[0]), {**how.layout, **rounds, "X": source}
    launch(engine, kernel, arguments, file=_FILE, items=items, defines=defines, group="pack")


def _add(engine: Engine, how: Contraction, sums: Array, addend: Matrices) -> None:
    numbers = longs(*addend.strides, sums.shape[1], addend.columns, sums.shape[2])
    arguments = (Out(sums, reads=True), addend.memory, addend.starts, *numbers)
    items = (addend.rows, len(addend.starts))
    defines = {**how.defines, "X": dtype(addend.memory.dtype).name}
    launch(engine, "add", arguments, file=_FILE, items=items, defines=defines, group="add")


def _product(request: Request, left: Array, right: Array, addends: Sequence[Array | None] = ()) -> tuple[Array, ...]:
    """Run left @ right + addends with numpy.matmul's shapes, rounded once to the output."""
    output = request.outputs[0]
    result = empty(output.shape, storage_of(output.dtype))
    if result.size == 0:
        return (result,)
    how = contraction(promoted(left, right), request.numerics)
    a, b, full = _as_matrices(left, right)
    terms = [np.broadcast_to(_expanded(one, left, right), full) for one in addends if one is not None]
    if b.ndim == 2:  # one right operand for the whole batch: a single tall product
        full = (result.size // full[-1], full[-1])
        a = a.reshape(full[0], a.shape[-1])
        terms = [term.reshape(full) for term in terms]
    lefts, rights = (matrices(np.broadcast_to(x, full[:-2] + x.shape[-2:])) for x in (a, b))
    thirds = [matrices(term) for term in terms]
    target = result.reshape(-1, *full[-2:])
    for part in batches(len(target), full[-2] * full[-1] + (full[-2] + full[-1]) * a.shape[-1]):
        sums = multiply(request.engine, how, lefts[part], rights[part])
        for third in thirds:
            _add(request.engine, how, sums, third[part])
        finish(request.engine, how, sums, target[part], output.dtype)
    return (result,)


def _as_matrices(left: Array, right: Array) -> tuple[Array, Array, tuple[int, ...]]:
    """Return both operands with matrix axes, as numpy.matmul gives them to vectors, and the result's shape then."""
    a = left[np.newaxis] if left.ndim == 1 else left
    b = right[:, np.newaxis] if right.ndim == 1 else right
    return a, b, (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])


def _expanded(addend: Array, left: Array, right: Array) -> Array:
    """Give an addend of the result the axes that a vector operand has taken from the result."""
    if right.ndim == 1:
        addend = addend[..., np.newaxis]
    if left.ndim == 1 and addend.ndim:
        addend = np.expand_dims(addend, -2 if addend.ndim > 1 or right.ndim > 1 else 0)
    return addend


def _matmul(request: Request) -> tuple[Array, ...]:
    left, right = map(present, request.inputs)
    return _product(request, left, right)


def _linear(request: Request) -> tuple[Array, ...]:
    left, weight, bias = request.inputs
    return _product(request, present(left), present(weight).T, [bias])


def _matmul_all_reduce(request: Request) -> tuple[Array, ...]:
    """The sum over the ranks of a group of one."""
    left, right, *addends = request.inputs
    return _product(request, present(left), present(right), addends)


def _supports(dtypes: Sequence[str]) -> bool:
    return COMPUTABLE.issuperset(dtypes)


OPERATORS: Mapping[str, Implementation] = MappingProxyType(
    {
        "matmul": Implementation(_matmul, _supports),
        "linear": Implementation(_linear, _supports),
        "matmul_all_reduce": Implementation(_matmul_all_reduce, _supports),
    }
)
"""What executes each operator of this family."""
