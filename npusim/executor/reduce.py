"""Operators that reduce axes: sum, mean, amax and max."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from npusim.dtypes import DTYPES, dtype
from npusim.executor.arithmetic import accumulate_dtype, blocks, carrier, launch, longs, present, role, storage_of
from npusim.executor.buffers import Out, empty
from npusim.executor.conversion import COMPUTABLE
from npusim.executor.movement import as_rows
from npusim.executor.request import Implementation, Request, policy

Array = np.ndarray[Any, Any]

_CHUNK = 4096
_LEAST = MappingProxyType({"int64": "LONG_MIN", "uint64": "0"})


def _sum(request: Request) -> tuple[Array, ...]:
    return (_added(request, is_mean=False),)


def _mean(request: Request) -> tuple[Array, ...]:
    return (_added(request, is_mean=True),)


def _added(request: Request, *, is_mean: bool) -> Array:
    """Sum in the accumulator of the operand's dtype, or of the output's where a dtype is given or ints add up."""
    operand = dtype(present(request.inputs[0]).dtype)
    if not operand.is_floating or request.attributes["dtype"] is not None:
        operand = request.outputs[0].dtype
    accumulate = role("A", accumulate_dtype(operand, request.numerics))
    return _reduced(request, {"START": "0", "COMBINE": "ADD", **accumulate}, is_mean=is_mean)


def _max(request: Request) -> tuple[Array, ...]:
    """Run amax and max: values are compared in a type that holds them exactly, so only the output rounds."""
    operand = dtype(present(request.inputs[0]).dtype)
    exact = carrier(operand.name)
    return (_reduced(request, {"START": _LEAST.get(exact, "-INFINITY"), "COMBINE": "LARGER", "A": exact}),)


def _reduced(request: Request, operation: Mapping[str, object], *, is_mean: bool = False) -> Array:
    source, output = present(request.inputs[0]), request.outputs[0]
    result = empty(output.shape, storage_of(output.dtype))
    if result.size == 0:
        return result
    rows = as_rows(request.engine, source, _axes(request, source.ndim))
    height, width = rows.shape
    chunk = width if "ROUNDS_A" in operation else _CHUNK
    parts = -(-width // chunk) if width else 0
    partial = empty((height, parts), storage_of(DTYPES[carrier(str(operation["A"]))]))
    defines = {**operation, "X": dtype(source.dtype).name, "Z": output.dtype.name}
    if parts:
        items, block = blocks(height, min(chunk, width))
        arguments = (rows, Out(partial), *longs(height, block, width, chunk))
        launch(request.engine, "reduce_chunks", arguments, file="reduce.cl", items=(parts, items), defines=defines)
    items, block = blocks(height, parts)
    scalars = (*longs(height, block, parts, width), np.int32(is_mean), np.uint32(policy(request.numerics)))
    launch(
        request.engine,
        "reduce_rows",
        (partial, Out(result), *scalars),
        file="reduce.cl",
        items=(items,),
        defines=defines,
    )
    return result


def _axes(request: Request, rank: int) -> tuple[int, ...]:
    """Return the reduced axes, ascending; an absent or empty `dim` means all."""
    dim = request.attributes.get("dim")
    return tuple(sorted({axis % rank for axis in dim})) if dim and rank else tuple(range(rank))


def _supports(dtypes: Sequence[str]) -> bool:
    return len(dtypes) == 1 and COMPUTABLE.issuperset(dtypes)


OPERATORS: Mapping[str, Implementation] = MappingProxyType(
    {
        "sum": Implementation(_sum, _supports),
        "mean": Implementation(_mean, _supports),
        "amax": Implementation(_max, _supports),
        "max": Implementation(_max, _supports),
    }
)
"""What executes each operator of this family."""
