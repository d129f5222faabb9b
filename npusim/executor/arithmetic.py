"""The dtypes in which a kernel computes, as the definitions that its program is built with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npusim.dtypes import DTYPES, DType, dtype, promote
from npusim.errors import ExecutionError
from npusim.executor.buffers import Argument
from npusim.executor.launch import Engine, kernel_launch
from npusim.numerics.model import Numerics

_ITEM_ELEMENTS = 4096


def storage_of(of: DType) -> np.dtype[Any]:
    """Return the numpy type that holds a dtype; raises ExecutionError if no library has one."""
    if of.storage is None:
        raise ExecutionError(f"no library stores {of}, so it cannot be computed")
    return of.storage


def present(array: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any]:
    """Return the array of a port that is not optional; raises ExecutionError if it is absent."""
    if array is None:
        raise ExecutionError("a required input is absent")
    return array


def promoted(*arrays: np.ndarray[Any, Any]) -> DType:
    """Return the dtype that the arrays' dtypes promote to; raises ExecutionError if there is none."""
    joined = dtype(arrays[0].dtype)
    for array in arrays[1:]:
        common = promote(joined, dtype(array.dtype))
        if common is None:
            raise ExecutionError(f"{joined} and {dtype(array.dtype)} have no common dtype")
        joined = common
    return joined


def accumulate_dtype(operand: DType, numerics: Numerics) -> str:
    """Return A; integers are summed in 64 bits, which wrap to any narrower integer."""
    if not operand.is_floating:
        return carrier(operand.name)
    return numerics.accumulate_dtype(operand.name)


def carrier(*names: str) -> str:
    """Return the dtype of a register that holds every value of these dtypes, which are all floats or one integer."""
    if DTYPES[names[0]].is_floating:
        return "float64" if "float64" in names else "float32"
    return "uint64" if "uint64" in names else "int64"


def role(letter: str, name: str, held: str | None = None) -> dict[str, object]:
    """Return the definitions that make `name` the dtype `letter` of a kernel whose registers are of dtype `held`."""
    rounds = name != (held or carrier(name))
    return {letter: name, f"ROUNDS_{letter}": 1} if rounds else {letter: name}


def launch(
    engine: Engine,
    kernel: str,
    arguments: Sequence[Argument],
    *,
    file: str,
    items: tuple[int, ...],
    defines: Mapping[str, object],
    group: str | None = None,
) -> None:
    """Launch a kernel of a file in kernels/, each work-item a work-group of its own, built with its group only.

    A work-item loops itself, which a CPU's compiler vectorises. A file without groups is built whole.
    """
    built = {**defines, f"GROUP_{group}": 1} if group else defines
    engine.launch(kernel_launch(file, kernel, tuple(arguments), items, (1,) * len(items), defines=built))


def longs(*numbers: int) -> tuple[Argument, ...]:
    """Return kernel arguments of type long."""
    return tuple(map(np.int64, numbers))


def blocks(rows: int, width: int) -> tuple[int, int]:
    """Return how many work-items share `rows` rows of `width` elements, and how many rows each takes."""
    block = max(1, _ITEM_ELEMENTS // max(width, 1))
    return -(-rows // block), block
