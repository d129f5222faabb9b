"""Look up functions of one number: a 16-bit float has 65,536 values, so a table of results is the whole function."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from npusim.frontends.torch.emulation.arrays import row_of, to_array, to_tensor
from npusim.numerics.model import Numerics, Overflow, Rounding, Subnormals
from npusim.numerics.reference import elementwise

TABULATED = frozenset(
    {"exp", "log", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tanh", "sigmoid", "silu", "relu", "gelu"}
)
"""aten operators of one tensor whose every result the numerics fix; in-place forms have the same name and a `_`."""

Attributes = tuple[tuple[str, Any], ...]


def attributes_of(name: str, kwargs: Mapping[str, Any]) -> Attributes:
    """Return what an operator's table depends on besides the numerics: for gelu, the approximation."""
    return (("approximate", kwargs.get("approximate", "none")),) if name == "gelu" else ()


def table(name: str, attributes: Attributes, dtype: torch.dtype, numerics: Numerics) -> Tensor:
    """Return the result for every code of a float dtype of at most 16 bits, in order, in that dtype."""
    compute = numerics.compute_dtype(row_of(dtype).name)
    return _table(name, attributes, dtype, (compute, numerics.rounding, numerics.subnormals, numerics.overflow))


def looked_up(values: Tensor, results: Tensor) -> Tensor:
    """Return results[code] for the code of each value, in the layout that torch gives a unary operator's result."""
    codes = to_array(values)
    found = np.take(_bits(to_array(results)), _bits(codes), mode="clip")  # every code is one: no check is needed
    result = to_tensor(found.view(codes.dtype)).reshape(values.shape)
    return result if values.is_contiguous() else torch.empty_like(values).copy_(result)


def agrees(results: Tensor, compute: Callable[[Tensor], Tensor]) -> bool:
    """Whether `compute` gives the table's results for every code, bit by bit; any NaN stands for any other."""
    try:
        given = compute(codes_of(results.dtype))
    except RuntimeError:  # torch has no kernel for this dtype
        return False
    one, other = to_array(given), to_array(results)
    with np.errstate(invalid="ignore"):
        both_nan = np.isnan(one.astype(np.float64)) & np.isnan(other.astype(np.float64))
    return bool(np.all((_bits(one) == _bits(other)) | both_nan))


def codes_of(dtype: torch.dtype) -> Tensor:
    """Return every value of a float dtype of at most 16 bits, in the order of the codes."""
    row = row_of(dtype)
    kind = np.uint8 if row.bits == 8 else np.uint16
    every: NDArray[Any] = np.arange(2**row.bits).astype(kind).view(np.dtype(row.storage))
    return to_tensor(every)


@cache
def _table(
    name: str, attributes: Attributes, dtype: torch.dtype, how: tuple[str, Rounding, Subnormals, Overflow]
) -> Tensor:
    row, (compute, rounding, subnormals, overflow) = row_of(dtype), how
    computes = MappingProxyType({row.name: compute})
    numerics = Numerics(compute=computes, rounding=rounding, subnormals=subnormals, overflow=overflow)
    return to_tensor(elementwise(name, [to_array(codes_of(dtype))], dict(attributes), row.name, numerics))


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    return array.view(np.uint8 if array.dtype.itemsize == 1 else np.uint16)
