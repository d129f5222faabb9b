"""Run the operators that compute each element of the result by itself: one kernel, one launch."""

from collections.abc import Mapping, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np

from npusim.dtypes import DTYPES, DType, dtype, promote
from npusim.errors import ExecutionError
from npusim.executor.arithmetic import launch, present, storage_of
from npusim.executor.buffers import Argument, Out, empty, expanded
from npusim.executor.conversion import CARRIERS, COMPUTABLE, is_exact
from npusim.executor.manifest import KernelEntry, elementwise_kernels
from npusim.executor.request import Implementation, Request, policy
from npusim.numerics.model import Numerics, Rounding
from npusim.numerics.rounding import round_to

Array = np.ndarray[Any, Any]

_LEAST_CHUNK = 4096
_MOST_WORK_ITEMS = 64
_INPUTS = frozenset({"condition", "in0", "in1"})
_RAW = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}


def _compute(request: Request) -> tuple[Array, ...]:
    """Run a unary or binary operator or a comparison."""
    arrays, output = [present(array) for array in request.inputs], request.outputs[0]
    sources = [dtype(array.dtype) for array in arrays]
    entry = _entry(request.operator, request.attributes)
    operand = _operand_dtype(entry, sources, output.dtype)
    defines = _defines(tuple(sources), operand, output.dtype, request.numerics)
    alpha = _scalar(request.attributes.get("alpha", 1), DTYPES[defines["C"]])
    return _fill(request, entry, defines, arrays, alpha=alpha)


def _where(request: Request) -> tuple[Array, ...]:
    """Choose between two inputs; bits move unchanged unless an input must first be converted to the output's dtype."""
    condition, *choices = (present(array) for array in request.inputs)
    output = request.outputs[0].dtype
    same = [dtype(array.dtype) is output for array in choices]
    raw = _RAW[storage_of(output).itemsize]
    names = [raw if all(same) else dtype(array.dtype).name for array in choices]
    defines = {"IN0": names[0], "IN1": names[1], "Z": raw if all(same) else output.name}
    defines |= {"SAME0": str(int(same[0])), "SAME1": str(int(same[1]))}
    truth = condition if condition.dtype == np.bool_ else condition.astype(np.bool_)
    entry = _entry("where", request.attributes)
    return _fill(request, entry, defines, [truth, *choices])


def _cast(request: Request) -> tuple[Array, ...]:
    """Convert to the output's dtype; to the same dtype it is a copy of the bits."""
    array, output = present(request.inputs[0]), request.outputs[0]
    source = dtype(array.dtype)
    if source is output.dtype:
        return (np.array(array, order="C", copy=True),)
    return _fill(request, _entry("cast", {}), {"IN0": source.name, "Z": output.dtype.name}, [array])


def _fill(
    request: Request, entry: KernelEntry, defines: Mapping[str, str], arrays: Sequence[Array], **scalars: Argument
) -> tuple[Array, ...]:
    """Run a kernel on inputs that are repeated to the output's shape; an empty output needs none."""
    output = request.outputs[0]
    result = empty(output.shape, storage_of(output.dtype))
    if result.size == 0:
        return (result,)
    chunk = _chunk(result.size)
    names = (name for name in entry.arguments if name in _INPUTS)
    given: dict[str, Argument] = {
        **{name: expanded(array, output.shape) for name, array in zip(names, arrays, strict=True)},
        **scalars,
        "out": Out(result),
        "count": np.uint64(result.size),
        "chunk": np.uint64(chunk),
        "policy": np.uint32(policy(request.numerics)),
    }
    launch(
        request.engine,
        entry.name,
        [given[name] for name in entry.arguments],
        file=entry.file,
        items=(-(-result.size // chunk),),
        defines=defines,
        group=entry.group,
    )
    return (result,)


def _chunk(count: int) -> int:
    """Return how many elements a work-item takes: enough to pay for itself, in a multiple of every vector width."""
    chunk = max(_LEAST_CHUNK, -(-count // _MOST_WORK_ITEMS))
    return -(-chunk // 64) * 64


def _entry(operator: str, attributes: Mapping[str, Any]) -> KernelEntry:
    for entry in elementwise_kernels()[operator]:
        if entry.fits(attributes):
            return entry
    raise ExecutionError(f"there is no kernel for {operator} with {dict(attributes)}")


def _operand_dtype(entry: KernelEntry, sources: Sequence[DType], output: DType) -> DType:
    """Return P: the promoted dtype of the inputs, or the output's where a float comes of integers."""
    promoted = _promoted(tuple(sources))
    if promoted is None:
        raise ExecutionError(f"{entry.operator}: {' and '.join(map(str, sources))} have no common dtype")
    if entry.takes == ("real",) and not promoted.is_floating:
        return output
    return promoted


@cache
def _promoted(sources: tuple[DType, ...]) -> DType | None:
    return reduce(lambda one, other: one and promote(one, other), sources[1:], sources[0] if sources else None)


def _defines(sources: tuple[DType, ...], operand: DType, output: DType, numerics: Numerics) -> dict[str, str]:
    compute = DTYPES[numerics.compute_dtype(operand.name)] if operand.is_floating else operand
    rounds_each = operand.is_floating and numerics.rounding is Rounding.PRIMITIVE
    defines: dict[str, str] = {
        "P": operand.name,
        "C": compute.name,
        "Z": output.name,
        "FLOATING": _flag(operand.is_floating),
        "NARROWS_C": _flag(not is_exact(operand, compute)),
        "ROUND_C": _flag(operand.is_floating and compute.name not in CARRIERS),
        "ROUND_P": _flag(rounds_each),
    }
    for index, source in enumerate(sources):
        defines |= {f"IN{index}": source.name, f"NARROWS{index}": _flag(not is_exact(source, operand))}
    return defines


def _scalar(value: float, compute: DType) -> np.generic:
    """Return a Python number as a compute value, in the numpy type of the kernel's carrier."""
    if not compute.is_floating:
        return np.uint64(value % 2**64) if compute.name == "uint64" else np.int64(value)
    carrier = np.float64 if compute.name == "float64" else np.float32
    return carrier(round_to(np.float64(value), compute.name).astype(carrier))


def _flag(claim: bool) -> str:
    return str(int(claim))


def _supports(takes: tuple[str, ...], dtypes: Sequence[str]) -> bool:
    if not dtypes or not COMPUTABLE.issuperset(dtypes):
        return False
    promoted = _promoted(tuple(DTYPES[name] for name in dtypes))
    return promoted is not None and (promoted.is_floating or bool({"integer", "real"} & set(takes)))


def _supporting(takes: tuple[str, ...]) -> Any:
    return lambda dtypes: _supports(takes, dtypes)


def _supports_where(dtypes: Sequence[str]) -> bool:
    moves = len(dtypes) == 3 and dtypes[1] == dtypes[2] and _itemsize(dtypes[1]) in _RAW
    return moves or (len(dtypes) == 3 and _supports(("float", "integer"), dtypes[1:]))


def _itemsize(name: str) -> int:
    storage = DTYPES[name].storage
    return 0 if storage is None else storage.itemsize


def _supports_cast(dtypes: Sequence[str]) -> bool:
    return COMPUTABLE.issuperset(dtypes)


OPERATORS: Mapping[str, Implementation] = {
    **{
        operator: Implementation(_compute, _supporting(entries[0].takes))
        for operator, entries in elementwise_kernels().items()
    },
    "where": Implementation(_where, _supports_where),
    "cast": Implementation(_cast, _supports_cast),
}
"""The implementations that this module offers, by operator."""
