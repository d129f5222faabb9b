"""Operators that normalise rows: softmax, layer_norm and rms_norm."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from npusim.dtypes import DTYPES, DType, dtype
from npusim.executor.arithmetic import (
    accumulate_dtype,
    blocks,
    carrier,
    launch,
    longs,
    present,
    role,
    storage_of,
)
from npusim.executor.buffers import Argument, Out, contiguous, empty
from npusim.executor.conversion import COMPUTABLE
from npusim.executor.movement import as_rows, in_order
from npusim.executor.request import Implementation, Request, policy
from npusim.numerics.model import Numerics

Array = np.ndarray[Any, Any]

_NONE = np.empty(0, np.float32)


def _softmax(request: Request) -> tuple[Array, ...]:
    source = np.atleast_1d(present(request.inputs[0]))
    dim = request.attributes["dim"] % source.ndim
    rows = _normalised(request, "softmax", as_rows(request.engine, source, (dim,)))
    shape = source.shape[:dim] + source.shape[dim + 1 :] + source.shape[dim : dim + 1]
    in_place = np.moveaxis(rows.reshape(shape), -1, dim)
    return (in_order(request.engine, in_place).reshape(request.outputs[0].shape),)


def _layer_norm(request: Request) -> tuple[Array, ...]:
    return (_norm(request, "layer_norm", ("W", "B")),)


def _rms_norm(request: Request) -> tuple[Array, ...]:
    return (_norm(request, "rms_norm", ("W",)),)


def _norm(request: Request, kernel: str, letters: tuple[str, ...]) -> Array:
    source, *parameters = request.inputs
    source = in_order(request.engine, present(source))
    width = math.prod(request.attributes["normalized_shape"])
    rows = source.reshape(source.size // width if width else 0, width)
    given = dict(zip(letters, parameters, strict=True))
    epsilon = np.float64(request.attributes["eps"])
    return _normalised(request, kernel, rows, given, (epsilon,)).reshape(source.shape)


def _normalised(
    request: Request,
    kernel: str,
    rows: Array,
    factors: Mapping[str, Array | None] = MappingProxyType({}),
    scalars: tuple[Argument, ...] = (),
) -> Array:
    """Return a matrix of the shape of `rows`, in the output dtype, with each row normalised."""
    output = request.outputs[0].dtype
    result = empty(rows.shape, storage_of(output))
    if result.size == 0:
        return result
    height, width = rows.shape
    items, block = blocks(height, width)
    parameters = (_NONE if factor is None else contiguous(factor) for factor in factors.values())
    numbers = (*longs(height, block, width), *scalars, np.uint32(policy(request.numerics)))
    source = dtype(rows.dtype)
    defines = {
        **_arithmetic(source if source.is_floating else output, request.numerics),
        **{letter: dtype(factor.dtype).name for letter, factor in factors.items() if factor is not None},
        "X": source.name,
        "Z": output.name,
    }
    arguments = (rows, *parameters, Out(result), *numbers)
    launch(request.engine, kernel, arguments, file="rows.cl", items=(items,), defines=defines, group=kernel)
    return result


def _arithmetic(operand: DType, numerics: Numerics) -> dict[str, object]:
    compute, accumulate = numerics.compute_dtype(operand.name), accumulate_dtype(operand, numerics)
    held = carrier(compute, accumulate)
    return {"HELD": held, **role("C", compute, held), **role("A", accumulate, held)}


def _supports(dtypes: Sequence[str]) -> bool:
    return COMPUTABLE.issuperset(dtypes)


def _supports_floats(dtypes: Sequence[str]) -> bool:
    return COMPUTABLE.issuperset(dtypes) and all(DTYPES[name].is_floating for name in dtypes)


OPERATORS: Mapping[str, Implementation] = MappingProxyType(
    {
        "softmax": Implementation(_softmax, _supports),
        "layer_norm": Implementation(_layer_norm, _supports_floats),
        "rms_norm": Implementation(_rms_norm, _supports_floats),
    }
)
"""What executes each operator of this family."""
