"""Give a float result the last step of a chip's arithmetic: its storage dtype, saturation, flushed subnormals."""

import torch
from torch import Tensor

from npusim.frontends.torch.emulation.arrays import row_of
from npusim.numerics.model import Numerics, Overflow
from npusim.numerics.rounding import flushes

LOW = frozenset(
    {torch.float16, torch.bfloat16}
    | {torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz}
)
"""The float dtypes that are computed in float32 and rounded."""

_NARROW = LOW - {torch.float16, torch.bfloat16}


def rounded(result: Tensor, dtype: torch.dtype, numerics: Numerics) -> Tensor:
    """Return a fresh float result rounded once to `dtype`, as `numerics` treat overflow, NaN and subnormals.

    To nearest, ties to even; the argument may be changed and returned.
    """
    return settled(result.to(dtype), numerics)


def settled(result: Tensor, numerics: Numerics) -> Tensor:
    """Change a float result of a rounding in place, as `numerics` treat overflow, NaN and subnormals, and return it.

    Saturation: infinities become the largest finite value of their sign, NaN becomes 0. Flushing: what is below the
    smallest normal value becomes a zero of its sign. To do so behind the rounding is the same as before it: what rounds
    to infinity is what a saturating conversion bounds.
    """
    saturates = numerics.overflow is Overflow.SATURATE
    if not result.is_floating_point() or not (saturates or flushes(row_of(result.dtype), numerics)):
        return result
    if result.dtype in _NARROW:  # torch has no arithmetic on them
        limits = torch.finfo(result.dtype)
        wide = result.float()
        if saturates:
            wide.nan_to_num_(nan=0.0, posinf=limits.max, neginf=limits.min)
        return result.copy_(wide.mul_(wide.abs() >= limits.tiny) if flushes(row_of(result.dtype), numerics) else wide)
    limits = torch.finfo(result.dtype)
    if saturates and not result.sum(dtype=torch.float32).isfinite():  # the cheapest sign that all is finite already
        result.nan_to_num_(nan=0.0, posinf=limits.max, neginf=limits.min)
    if flushes(row_of(result.dtype), numerics):
        result.mul_(result.abs() >= limits.tiny)
    return result
