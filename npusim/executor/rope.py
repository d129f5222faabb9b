"""The rotary position embedding."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from npusim.dtypes import DTYPES, dtype
from npusim.executor.arithmetic import blocks, launch, longs, present, promoted, role, storage_of
from npusim.executor.buffers import Out, contiguous, empty
from npusim.executor.conversion import COMPUTABLE
from npusim.executor.request import Implementation, Request, policy
from npusim.executor.views import view
from npusim.numerics.model import Rounding

Array = np.ndarray[Any, Any]


def _rotary(request: Request) -> tuple[Array, ...]:
    source, cosines, sines = map(present, request.inputs)
    output = request.outputs[0]
    result = empty(output.shape, storage_of(output.dtype))
    if result.size == 0:
        return (result,)
    operand = promoted(source, cosines, sines)
    cosine, sine = (view(np.broadcast_to(table, source.shape)) for table in (cosines, sines))
    width = source.shape[-1]
    rows = source.size // width
    items, block = blocks(rows, width)
    starts = np.concatenate([cosine.starts(1), sine.starts(1)])
    numbers = longs(cosine.strides[-1], sine.strides[-1], rows, block, width)
    arguments = (contiguous(source), cosine.memory, sine.memory, Out(result), starts, *numbers)
    names = {"X": source, "COS": cosines, "SIN": sines}
    defines: dict[str, object] = {
        **{letter: dtype(array.dtype).name for letter, array in names.items()},
        **role("C", request.numerics.compute_dtype(operand.name)),
        **({"P": operand.name} if request.numerics.rounding is Rounding.PRIMITIVE else {}),
        **({"INTERLEAVED": 1} if request.attributes["mode"] == 1 else {}),
        "Z": output.dtype.name,
    }
    policies = np.uint32(policy(request.numerics))
    launch(request.engine, "rotate_rows", (*arguments, policies), file="rope.cl", items=(items,), defines=defines)
    return (result,)


def _supports(dtypes: Sequence[str]) -> bool:
    return COMPUTABLE.issuperset(dtypes) and all(DTYPES[name].is_floating for name in dtypes)


OPERATORS: Mapping[str, Implementation] = MappingProxyType(
    {"rotary_position_embedding": Implementation(_rotary, _supports)}
)
"""What executes each operator of this family."""
