"""A linear layer in float32 by products of bfloat16, for which machines have kernels many times as fast.

What one bfloat16 does not hold, a second holds: x as x + d and a product as p + r, as in Henry, Tang, Heinecke,
"Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations" (ARITH 2019).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch

_LEAST_PRODUCTS = 1 << 20
"""Smaller layers are faster in float32."""
_SAMPLE = 4096
_NEAR = 1e-2
"""The largest ratio of the energies of what is added to a first product and of that product: noise of -20 dB."""


@dataclass(frozen=True, slots=True)
class Product:
    """A linear layer's true result, to be had as the sum of two bfloat16 matrices, each a product's, and its bias."""

    shape: torch.Size
    near: torch.Tensor
    rest: torch.Tensor
    bias: torch.Tensor | None

    def truth(self, rows: slice | None) -> torch.Tensor:
        """Return the true result in float32, or result[..., rows, :]."""
        parts = [one.view(self.shape) for one in (self.near, self.rest)]
        near, rest = parts if rows is None else [one[..., rows, :] for one in parts]
        return _sum(near, rest, self.bias)

    def moved(self, x: torch.Tensor, to: torch.Tensor, weight: torch.Tensor) -> torch.Tensor | None:
        """Return the true result for `to`, of float32, in the place of x; None if it is not finite, or not near."""
        wide = x.float()  # one dtype at a time: operators on two are slower
        difference = torch.sub(to, wide, out=wide).to(torch.bfloat16)
        rest = torch.addmm(self.rest, difference.view(-1, weight.shape[1]), weight.t())
        if not math.isfinite(rest.sum().item()) or not _is_near(self.near, rest):
            return None
        return _sum(self.near, rest, self.bias).view(self.shape)


def product(result: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> Product | None:
    """Return the true result of torch.nn.functional.linear(x, weight, bias), which gave `result`.

    None if not all is bfloat16, or the layer is small, or this machine has no such kernels. The error is at most about
    2**-17 of the result, and 2**-9 of what the result and x are off by: where those are noise, about 50 dB below it.
    """
    given = [one for one in (result, x, weight, bias) if one is not None]
    is_narrow = all(one.dtype is torch.bfloat16 for one in given)
    if not is_narrow or x.numel() * weight.shape[0] < _LEAST_PRODUCTS or not _has_kernels():
        return None
    near = result.reshape(-1, weight.shape[0])
    if bias is not None:
        near = near - bias
    rest = torch.addmm(near, x.reshape(-1, weight.shape[1]), weight.t(), beta=-1)
    return Product(result.shape, near, rest, bias)


def _sum(near: torch.Tensor, rest: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    found = near.float().add_(rest.float())
    return found if bias is None else found.add_(bias.float())


def _is_near(near: torch.Tensor, rest: torch.Tensor) -> bool:
    step = max(1, near.numel() // _SAMPLE) | 1
    one, other = (part.reshape(-1)[::step].float().square_().sum().item() for part in (near, rest))
    return other <= _NEAR * one


def _has_kernels() -> bool:
    """Whether oneDNN, which adds products of bfloat16 in float32, multiplies it on this machine."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
