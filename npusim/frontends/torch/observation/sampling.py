"""Choose what is measured of a result: elements spread evenly over it, and rows whose truth is cheap to compute."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch

from npusim.frontends.torch.observation.truth import by_name, traits

MOST_ROWS = 64
"""The rows of a contraction that are computed again for the local reading."""
_ROWS = {
    "linear": ("input",),
    "matmul": ("self",),
    "mm": ("self",),
    "bmm": ("self",),
    "addmm": ("mat1", "self"),
    "baddbmm": ("batch1", "self"),
    "scaled_dot_product_attention": ("query", "attn_mask"),
}
"""Operators whose cost is that of products, by name: the operand that has the rows of the result in its last dimension
but one, and one that has them, too, unless it is broadcast along them."""


def spread(tensors: Sequence[torch.Tensor], most: int | None) -> list[torch.Tensor]:
    """Return tensors of one shape flat, at the same elements of each: at most `most`, spread evenly; None means all."""
    flat = [one.reshape(-1) for one in tensors]
    count = flat[0].numel()
    if most is None or count <= most:
        return flat
    step = _step(count, most)
    return [one[::step] for one in flat]


def rows_of(result: torch.Tensor) -> slice | None:
    """Return which rows of a result, result[..., rows, :], to look at; None if it has none, or few enough."""
    if result.ndim < 2 or result.shape[-2] <= MOST_ROWS:
        return None
    return slice(None, None, _step(result.shape[-2], MOST_ROWS))


def in_rows(
    func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: torch.Tensor, rows: slice
) -> dict[str, Any] | None:
    """Return the arguments that give only rows of a contraction's result; None for other operators."""
    names = _ROWS.get(traits(func).name)
    given = by_name(func, args, kwargs)
    if names is None or not result.ndim >= given[names[0]].ndim >= 2:  # the last: a product with a vector
        return None
    length = result.shape[-2]
    if given.get("is_causal"):
        seen = given["key"].shape[-2]
        given |= {"is_causal": False, "attn_mask": torch.ones(length, seen, dtype=torch.bool).tril()}
    for name in names:
        one = given[name]
        if one is not None and one.ndim > 1 and one.shape[-2] == length:
            given[name] = one[..., rows, :]
    return given


@cache
def _step(count: int, most: int) -> int:
    """Return a step that takes at most `most` of `count` things and has no period in common with them.

    A step of 8 through rows of 768 would see every eighth column only.
    """
    step = -(-count // most)
    while math.gcd(step, count) > 1:
        step += 1
    return step
