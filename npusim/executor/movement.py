"""Operators that move elements without looking at them: cat, split, reshape, transpose, permute, slice, gathers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from npusim.call import TensorType
from npusim.dtypes import DTYPES
from npusim.errors import ExecutionError
from npusim.executor import elementwise
from npusim.executor.arithmetic import blocks, launch, longs, present, storage_of
from npusim.executor.buffers import Out, bits, empty
from npusim.executor.launch import Engine
from npusim.executor.request import Implementation, Request
from npusim.executor.views import View, view

Array = np.ndarray[Any, Any]

_ELEMENTS = MappingProxyType({1: "uchar", 2: "ushort", 4: "uint", 8: "ulong", 16: "bits128"})
_INDICES = MappingProxyType({"int32": "int", "int64": "long"})
_FILE = "movement.cl"
_TILE = 64
_WHOLE = (slice(None),)


def move(engine: Engine, source: Array, target: Array, part: tuple[slice, ...] = ()) -> None:
    """Copy the bits of `source`, of any strides, to `part` of the C-contiguous `target`."""
    place = target[part]
    if place.size == 0:
        return
    read, strides = view(source), tuple(step // target.itemsize for step in place.strides)
    first = sum((one.start or 0) * step for one, step in zip(part, strides, strict=False))
    table, rows, width = _records(place.shape, (read.strides, strides))
    crosses = table[-1, 1] != 1 and len(table) > 1
    items, block = blocks(rows, min(width, _TILE) if crosses else width)
    arguments = (bits(read.memory), Out(bits(target.reshape(-1)), reads=place.size < target.size), table)
    numbers = (np.int32(len(table)), *longs(read.start, first, rows, block, _TILE if crosses else width))
    defines = {"ELEMENT": _ELEMENTS[target.itemsize]}
    launch(engine, "move", (*arguments, *numbers), file=_FILE, items=(items,), defines=defines, group="plain")


def as_rows(engine: Engine, array: Array, axes: tuple[int, ...]) -> Array:
    """Return a contiguous matrix whose rows run over `axes`, in that order; all other indices count its rows."""
    kept = tuple(axis for axis in range(array.ndim) if axis not in axes)
    width = math.prod(array.shape[axis] for axis in axes)
    height = math.prod(array.shape[axis] for axis in kept)
    return in_order(engine, array.transpose(kept + axes)).reshape(height, width)


def in_order(engine: Engine, array: Array) -> Array:
    """Return the array itself if it is contiguous, else such a copy."""
    if array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative:
        return array
    return _copied(engine, array)


def _move_indexed(engine: Engine, source: View, step: int, index: Array, target: Array) -> None:
    """Fill contiguous `target`: each element from its place in `source`, strided to fit it, plus index * step."""
    places = view(index)
    strides = tuple(step // target.itemsize for step in target.strides)
    table, rows, width = _records(target.shape, (source.strides, places.strides, strides))
    items, block = blocks(rows, width)
    arguments = (bits(source.memory), places.memory, Out(bits(target.reshape(-1))), table)
    numbers = (np.int32(len(table)), *longs(source.start, places.start, 0, step, rows, block))
    defines = {"ELEMENT": _ELEMENTS[target.itemsize], "INDEX": _INDICES[index.dtype.name]}
    launch(engine, "move_indexed", (*arguments, *numbers), file=_FILE, items=(items,), defines=defines, group="indexed")


def _records(shape: tuple[int, ...], strides: Sequence[tuple[int, ...]]) -> tuple[Array, int, int]:
    """Return (length, stride of each array) of every dimension, with as few as possible; then the rows and their width.

    Neighbouring dimensions that every array walks evenly become one, and those of length 1 go.
    """
    records: list[tuple[int, ...]] = []
    for length, *steps in zip(shape, *strides, strict=True):
        if length == 1:
            continue
        if records and all(outer == inner * length for outer, inner in zip(records[-1][1:], steps, strict=True)):
            records[-1] = (records[-1][0] * length, *steps)
        else:
            records.append((length, *steps))
    table = np.array(records or [(1, *(0 for _ in strides))], np.int64)
    return table, int(np.prod(table[:-1, 0])), int(table[-1, 0])


def _cat(request: Request) -> tuple[Array, ...]:
    output = request.outputs[0]
    result = empty(output.shape, storage_of(output.dtype))
    dim, start = _dim(request, result.ndim), 0
    for array in map(present, request.inputs):
        stop = start + array.shape[dim]
        same = array if array.dtype == result.dtype else _converted(request, array)
        move(request.engine, same, result, (*_WHOLE * dim, slice(start, stop)))
        start = stop
    return (result,)


def _converted(request: Request, array: Array) -> Array:
    """Return the array in the output's dtype: tensors of several dtypes are joined in the one they promote to."""
    wanted = (TensorType(request.outputs[0].dtype, array.shape),)
    return elementwise.OPERATORS["cast"].run(replace(request, operator="cast", inputs=(array,), outputs=wanted))[0]


def _split(request: Request) -> tuple[Array, ...]:
    source = present(request.inputs[0])
    dim, start, results = _dim(request, source.ndim), 0, []
    for output in request.outputs:
        stop = start + output.shape[dim]
        results.append(_moved(request, source[(*_WHOLE * dim, slice(start, stop))]))
        start = stop
    return tuple(results)


def _reshape(request: Request) -> tuple[Array, ...]:
    return (_moved(request, present(request.inputs[0])).reshape(request.outputs[0].shape),)


def _transpose(request: Request) -> tuple[Array, ...]:
    source = present(request.inputs[0])
    swapped = source.swapaxes(request.attributes["dim0"], request.attributes["dim1"]) if source.ndim else source
    return (_moved(request, swapped),)


def _permute(request: Request) -> tuple[Array, ...]:
    return (_moved(request, present(request.inputs[0]).transpose(request.attributes["dims"])),)


def _slice(request: Request) -> tuple[Array, ...]:
    """Slice as torch does: negative ends count from the back, what is out of range is cut off."""
    source = present(request.inputs[0])
    start, end, step = (request.attributes[name] for name in ("start", "end", "step"))
    if step is not None and step < 1:
        raise ExecutionError(f"slice: step is {step}; it must be at least 1")
    return (_moved(request, source[(*_WHOLE * _dim(request, source.ndim), slice(start, end, step))]),)


def _gather(request: Request) -> tuple[Array, ...]:
    source, index = (np.atleast_1d(present(array)) for array in request.inputs)
    dim, result = _dim(request, source.ndim), _result(request)
    _check("gather", index, source.shape[dim])
    if result.size:
        seen = tuple(slice(0, length if axis != dim else None) for axis, length in enumerate(index.shape))
        read = view(source[seen])
        strides = tuple(0 if axis == dim else step for axis, step in enumerate(read.strides))
        source_view = View(read.memory, read.start, index.shape, strides)
        _move_indexed(request.engine, source_view, read.strides[dim], index, result.reshape(index.shape))
    return (result,)


def _embedding(request: Request) -> tuple[Array, ...]:
    weight, indices = (present(array) for array in request.inputs)
    result = _result(request)
    _check("embedding", indices, weight.shape[0])
    if result.size:
        read = view(weight)
        source = View(read.memory, read.start, result.shape, (0,) * indices.ndim + read.strides[1:])
        spread = np.broadcast_to(indices[..., np.newaxis], result.shape)
        _move_indexed(request.engine, source, read.strides[0], spread, result)
    return (result,)


def _moved(request: Request, source: Array) -> Array:
    return _copied(request.engine, source)


def _copied(engine: Engine, source: Array) -> Array:
    target = empty(source.shape, source.dtype.newbyteorder("="))
    move(engine, source, target)
    return target


def _result(request: Request) -> Array:
    return empty(request.outputs[0].shape, present(request.inputs[0]).dtype)


def _dim(request: Request, rank: int) -> int:
    dim: int = request.attributes["dim"]
    return dim + rank if dim < 0 else dim


def _check(operator: str, index: Array, length: int) -> None:
    """Raise ExecutionError for the first index that is not in [0, length)."""
    outside = (index < 0) | (index >= length)
    if outside.any():
        place = tuple(map(int, np.argwhere(outside)[0]))
        found = f"{operator}: index {index[place]} at {list(place)}"
        raise ExecutionError(f"{found} is out of range; it must be at least 0 and less than {length}")


def _supports(dtypes: Sequence[str]) -> bool:
    return all(DTYPES[name].storage is not None for name in dtypes)


def _supports_index(dtypes: Sequence[str]) -> bool:
    return len(dtypes) == 2 and _supports(dtypes[:1]) and dtypes[1] in _INDICES


OPERATORS: Mapping[str, Implementation] = MappingProxyType(
    {
        "cat": Implementation(_cat, _supports),
        "split": Implementation(_split, _supports),
        "reshape": Implementation(_reshape, _supports),
        "transpose": Implementation(_transpose, _supports),
        "permute": Implementation(_permute, _supports),
        "slice": Implementation(_slice, _supports),
        "gather": Implementation(_gather, _supports_index),
        "embedding": Implementation(_embedding, _supports_index),
    }
)
"""What executes each operator of this family."""
