"""Scaled dot-product attention: two matrix products with a masked softmax between them, a few heads at a time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from npusim.dtypes import DTYPES, DType, dtype
from npusim.executor.arithmetic import launch, longs, present, promoted, storage_of
from npusim.executor.buffers import Out, empty
from npusim.executor.conversion import COMPUTABLE
from npusim.executor.matmul import Contraction, batches, contraction, finish, multiply
from npusim.executor.request import Implementation, Request, policy
from npusim.executor.views import Matrices, matrices

Array = np.ndarray[Any, Any]

_UNMASKED = np.zeros(1, np.bool_)


def _attention(request: Request) -> tuple[Array, ...]:
    query, key, value = map(present, request.inputs[:3])
    mask, output = request.inputs[3], request.outputs[0]
    result = empty(output.shape, storage_of(output.dtype))
    if result.size == 0:
        return (result,)
    engine, operand = request.engine, promoted(query, key, value)
    how = contraction(operand, request.numerics)
    lead, (length, width), seen = output.shape[:-2], query.shape[-2:], key.shape[-2]
    shared = bool(request.attributes["enable_gqa"])
    queries, keys, values = _heads(query, lead), _heads(key, lead, shared).transposed(), _heads(value, lead, shared)
    masks = None if mask is None else matrices(np.broadcast_to(mask, (*lead, length, seen)))
    heads = result.reshape(-1, *output.shape[-2:])
    for part in batches(len(heads), 2 * length * seen + (length + seen) * (width + output.shape[-1])):
        scores = empty((len(heads[part]), length, 0), how.held)
        if seen:
            scores = multiply(engine, how, queries[part], keys[part])
            _to_probabilities(request, how, operand, scores, shape=(length, seen), mask=masks[part] if masks else None)
        weights = matrices(scores[:, :length, :seen])
        rounded = how if operand.name != how.operand else replace(how, operand=how.held.name)
        finish(engine, how, multiply(engine, rounded, weights, values[part]), heads[part], output.dtype)
    return (result,)


def _heads(array: Array, lead: tuple[int, ...], shared: bool = False) -> Matrices:
    """Return one matrix for each head of the result; if they are `shared`, neighbouring heads have the same one."""
    if shared:
        own = array.shape[-3]
        array, lead = array[..., np.newaxis, :, :], (*lead[:-1], own, lead[-1] // own)
    return matrices(np.broadcast_to(array, lead + array.shape[-2:]))


def _to_probabilities(
    request: Request, how: Contraction, operand: DType, scores: Array, *, shape: tuple[int, int], mask: Matrices | None
) -> None:
    """Turn padded scores into the probabilities of each row, rounded to the operands' dtype, in place."""
    length, seen = shape
    count, rows_padded, columns_padded = scores.shape
    given = mask or Matrices(_UNMASKED, np.zeros(count, np.int64), 1, 1, (0, 0))
    scale, depth = request.attributes["scale"], present(request.inputs[0]).shape[-1]
    if scale is None:
        scale = 1 / math.sqrt(depth) if depth else math.inf
    arguments = (
        Out(scores, reads=True),
        given.memory,
        given.starts,
        *longs(*given.strides),
        how.held.type(scale),
        np.int32(bool(request.attributes["is_causal"])),
        *longs(rows_padded, seen, columns_padded),
        np.uint32(policy(request.numerics)),
    )
    defines = {**how.defines, **_masking(mask), "P": operand.name}
    items = (length, count)
    launch(request.engine, "probabilities", arguments, file="attention.cl", items=items, defines=defines)


def _masking(mask: Matrices | None) -> dict[str, object]:
    if mask is None:
        return {}
    name = dtype(mask.memory.dtype).name
    return {"MASK": name, "SELECTS": 1} if name == "bool" else {"MASK": name}


def _supports(dtypes: Sequence[str]) -> bool:
    return COMPUTABLE.issuperset(dtypes) and all(DTYPES[name].is_floating for name in dtypes[:3])


OPERATORS: Mapping[str, Implementation] = MappingProxyType(
    {"scaled_dot_product_attention": Implementation(_attention, _supports)}
)
"""What executes each operator of this family."""
