"""Compute matrix products as a matrix unit does: operands rounded, sums carried in its accumulator, one rounding."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from npusim.frontends.torch.emulation.arrays import row_of
from npusim.frontends.torch.emulation.kinds import base_name
from npusim.frontends.torch.emulation.rounding import LOW, rounded, settled
from npusim.frontends.torch.emulation.schema import Args, Dtypes, Kwargs, tensors
from npusim.frontends.torch.emulation.widening import widened
from npusim.numerics.model import Numerics

_CONVOLUTIONS = (
    "convolution",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
)

ADDENDS = {"addmm": 0, "baddbmm": 0, "addmv": 0, "addbmm": 0, "linear": 2, **dict.fromkeys(_CONVOLUTIONS, 2)}
"""Position of the tensor that is added to a product, and so never rounded to the operands' dtype."""

PRODUCTS = frozenset({"mm", "bmm", "matmul", "mv", "dot", "einsum", *ADDENDS})
"""aten operators that are matrix products, or convolutions, which are products too."""

_MATRICES = {
    "mm": ("", "self", "mat2"),
    "bmm": ("", "self", "mat2"),
    "matmul": ("", "self", "other"),
    "addmm": ("self", "mat1", "mat2"),
    "baddbmm": ("self", "batch1", "batch2"),
    "linear": ("bias", "input", "weight"),
}
"""The arguments that are the addend and the two matrices of a plain product."""

_IN_TORCH = frozenset(_MATRICES)
"""The products of which `is_wide_in_torch` speaks."""

_FAST_WITH = {torch.bfloat16: "avx512_bf16", torch.float16: "avx512_fp16"}
"""What a CPU must have for torch's own narrow product to be faster than one in float32."""


def contracted(func: Any, args: Args, kwargs: Kwargs, dtypes: Dtypes, numerics: Numerics) -> Any:
    """Return a product of operands rounded to the matmul dtype, summed in float32 and rounded once."""
    floats = [one for one in tensors((*args, *kwargs.values())) if one.is_floating_point()]
    kinds = {one.dtype for one in floats}
    if len(kinds) == 1 and not _rounds_operands(kinds, numerics):
        (kind,) = kinds
        if kind == torch.float32 or (_is_plain(func, kwargs) and is_wide_in_torch(kind)):
            output = func(*args, **kwargs)
            for one in tensors((output,)):
                settled(one, numerics)
            return output
    return widened(func, *_with_rounded_operands(func, args, kwargs, numerics), dtypes, numerics)


def product(left: Tensor, right: Tensor, numerics: Numerics) -> Tensor:
    """Return left @ right in the operands' dtype, summed in float32 and rounded once."""
    if left.dtype in LOW and not is_wide_in_torch(left.dtype):
        return rounded(left.float() @ right.float(), left.dtype, numerics)
    return settled(left @ right, numerics)


def to_operand(tensor: Tensor, numerics: Numerics) -> Tensor:
    """Return a matrix operand with the values that the matrix unit reads, in the dtype it came in."""
    target = numerics.matmul_dtype(row_of(tensor.dtype).name)
    if target == row_of(tensor.dtype).name:
        return tensor
    return rounded(tensor, getattr(torch, target), numerics).to(tensor.dtype)


def blocked(func: Any, args: Args, kwargs: Kwargs, block: int, numerics: Numerics) -> Tensor | None:
    """Return a product whose sums are rounded to the accumulate dtype after every `block` terms, or None.

    Within a block the terms are summed in float32, as in a unit that adds a block exactly. The result is fresh, in the
    operands' promoted dtype. None where it is no plain product of matrices: vectors, einsum, convolutions, alpha, beta.
    """
    name = base_name(func)
    if name not in _IN_TORCH or not _is_plain(func, kwargs):
        return None
    named = {a.name: value for a, value in zip(func._schema.arguments, args, strict=False)} | kwargs
    addend, left, right = (named.get(argument) for argument in _MATRICES[name])
    if left is None or right is None or min(left.dim(), right.dim()) < 2:
        return None
    operand = torch.promote_types(left.dtype, right.dtype)
    left, right = (to_operand(one, numerics).float() for one in (left, right.mT if name == "linear" else right))
    accumulate = getattr(torch, numerics.accumulate_dtype(numerics.matmul_dtype(row_of(operand).name)))
    total = torch.zeros(())
    for start in range(0, left.size(-1), block):
        part = left[..., start : start + block] @ right[..., start : start + block, :]
        total = (total + part).to(accumulate).float()
    if addend is not None:
        total = (total + addend).to(accumulate).float()
    return rounded(total, operand, numerics)


@cache
def is_wide_in_torch(dtype: torch.dtype) -> bool:
    """Whether torch's products of this dtype sum in float32 and round once on this CPU, and are fast here.

    Tried on whole numbers, whose sums float32 holds exactly: any rounding between the products and the end would show.
    """
    capability = _FAST_WITH.get(dtype)
    if capability is None or not torch.cpu.get_capabilities().get(capability, False):
        return False
    return all(_is_exact(dtype, rows, product) for rows in (1, 64) for product in _TRIALS)


_TRIALS: tuple[Callable[[Tensor, Tensor, Tensor], Tensor], ...] = (
    lambda a, b, _: a @ b,
    lambda a, b, _: (a.expand(2, *a.shape) @ b.expand(2, *b.shape))[0],
    lambda a, b, c: torch.addmm(c, a, b),
    lambda a, b, c: torch.baddbmm(c, a.expand(2, *a.shape), b.expand(2, *b.shape))[0],
    lambda a, b, c: functional.linear(a, b.t().contiguous(), c),
)


def _is_exact(dtype: torch.dtype, rows: int, trial: Callable[[Tensor, Tensor, Tensor], Tensor]) -> bool:
    """Whether a product of depth 4096 equals the exact one, rounded once."""
    depth, columns = 4096, 64
    counted = torch.arange(max(rows, columns) * depth, dtype=torch.float64)
    left = (counted[: rows * depth] * 7 % 13 - 4).reshape(rows, depth)
    right = (counted[: columns * depth] * 5 % 11 - 4).reshape(columns, depth).t()
    addend = torch.arange(columns, dtype=torch.float64) * 3 + 1
    given = trial(left.to(dtype), right.to(dtype), addend.to(dtype))
    exact = trial(left, right, addend)
    return torch.equal(given, exact.to(dtype))


def _rounds_operands(kinds: set[torch.dtype], numerics: Numerics) -> bool:
    names = [row_of(kind).name for kind in kinds]
    return any(numerics.matmul_dtype(name) != name for name in names)


def _is_plain(func: Any, kwargs: Kwargs) -> bool:
    """Whether it is a product that was tried, and nothing scales it or the addend, which torch may round by itself."""
    return base_name(func) in _IN_TORCH and kwargs.get("alpha", 1) == 1 and kwargs.get("beta", 1) == 1


def _with_rounded_operands(func: Any, args: Args, kwargs: Kwargs, numerics: Numerics) -> tuple[Args, Kwargs]:
    addend = ADDENDS.get(base_name(func), -1)

    def operand(value: Any) -> Any:
        match value:
            case Tensor() if value.is_floating_point():
                return to_operand(value, numerics)
            case list() | tuple():
                return type(value)(map(operand, value))
            case _:
                return value

    changed = tuple(value if index == addend else operand(value) for index, value in enumerate(args))
    named = {key: value if key in {"bias", "out", "input"} else operand(value) for key, value in kwargs.items()}
    return changed, named
