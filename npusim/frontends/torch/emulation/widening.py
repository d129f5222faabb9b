"""Compute any torch operator on narrow floats in float32, and round its results once."""

from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from npusim.frontends.torch.emulation.rounding import LOW, rounded, settled
from npusim.frontends.torch.emulation.schema import Args, Dtypes, Kwargs, mapped, returned, tensors, written
from npusim.numerics.model import Numerics


def widened(func: Any, args: Args, kwargs: Kwargs, dtypes: Dtypes, numerics: Numerics) -> Any:
    """Return the operator's output, computed on float32 copies of the narrow floats and rounded to `dtypes`.

    dtypes  what torch would return, leaf by leaf; None if torch cannot say, which gives the inputs' promoted dtype

    What the operator writes is written, rounded to its own dtype, and returned itself where the schema says so.
    """
    copies: dict[int, Tensor] = {}

    def wide(tensor: Tensor) -> Tensor:
        if tensor.dtype not in LOW:
            return tensor
        if id(tensor) not in copies:
            copies[id(tensor)] = tensor.float()
        return copies[id(tensor)]

    output = func(*mapped(wide, args), **mapped(wide, kwargs))
    for target in tensors(written(func, args, kwargs)):
        if target.dtype in LOW:
            result = rounded(copies[id(target)], target.dtype, numerics)
            target.resize_(result.shape) if target.shape != result.shape else target
            target.copy_(result)
        else:
            settled(target, numerics)
    leaves, form = tree_flatten(output)
    if dtypes is None or len(dtypes) != len(leaves):
        dtypes = (_promoted(args, kwargs),) * len(leaves)
    results = [_narrowed(leaf, dtype, numerics) for leaf, dtype in zip(leaves, dtypes, strict=True)]
    return returned(func, args, kwargs, tree_unflatten(results, form))


def _narrowed(leaf: Any, dtype: torch.dtype | None, numerics: Numerics) -> Any:
    if not isinstance(leaf, Tensor) or dtype is None or not leaf.is_floating_point():
        return leaf
    return rounded(leaf, dtype, numerics)


def _promoted(args: Args, kwargs: Kwargs) -> torch.dtype:
    found = [tensor.dtype for tensor in tensors((*args, *kwargs.values())) if tensor.is_floating_point()]
    return reduce(torch.promote_types, found)
