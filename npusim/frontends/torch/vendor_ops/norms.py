"""Stand-ins of the vendor's normalisations."""

import torch
from torch import Tensor

from npusim.frontends.torch.vendor_ops.table import Like, Row, demand, like, wide


def _statistics(x: Tensor, gamma: Tensor) -> Like:
    rows = x.dim() - gamma.dim()
    demand(rows >= 0 and x.shape[rows:] == gamma.shape, "gamma must have the last sizes of the input")
    return Like((*x.shape[:rows], *[1] * gamma.dim()), torch.float32)


def _rms(x: Tensor, gamma: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    x = wide(x)
    rstd = torch.rsqrt(x.square().mean(tuple(range(x.dim() - gamma.dim(), x.dim())), keepdim=True) + epsilon)
    return x * rstd * wide(gamma), rstd


def _rms_norm_outputs(self: Tensor, gamma: Tensor) -> tuple[Like, Like]:
    return like(self), _statistics(self, gamma)


def _rms_norm(self: Tensor, gamma: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    return _rms(self, gamma, epsilon)


def _gemma_rms_norm(self: Tensor, gamma: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    return _rms(self, 1 + wide(gamma), epsilon)


def _sum_outputs(x1: Tensor, x2: Tensor, gamma: Tensor) -> tuple[Like, Like, Like]:
    demand(x1.shape == x2.shape, "x1 and x2 must have the same shape")
    return like(x1), _statistics(x1, gamma), like(x1)


def _add_rms_norm(x1: Tensor, x2: Tensor, gamma: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    total = wide(x1) + wide(x2)
    return *_rms(total, gamma, epsilon), total


ROWS = (
    Row(
        "npu_rms_norm(Tensor self, Tensor gamma, float epsilon=1e-06) -> (Tensor, Tensor)", _rms_norm_outputs, _rms_norm
    ),
    Row(
        "npu_gemma_rms_norm(Tensor self, Tensor gamma, float epsilon=1e-06) -> (Tensor, Tensor)",
        _rms_norm_outputs,
        _gemma_rms_norm,
    ),
    Row(
        "npu_add_rms_norm(Tensor x1, Tensor x2, Tensor gamma, float epsilon=1e-06) -> (Tensor, Tensor, Tensor)",
        _sum_outputs,
        _add_rms_norm,
    ),
)
