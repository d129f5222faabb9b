"""Stand-ins of the vendor's rotary position embeddings."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from npusim.frontends.torch.vendor_ops.table import Like, Row, demand, like, wide


def _half(x: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat((-second, first), -1)


def _interleave(x: Tensor) -> Tensor:
    return torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)


_TURNS: Mapping[str, Callable[[Tensor], Tensor]] = {"half": _half, "interleave": _interleave}
"""What `rotary_mode` names: which elements are the two coordinates that turn together."""


def _check(x: Tensor, cos: Tensor, sin: Tensor, mode: str) -> None:
    demand(mode in _TURNS, f"rotary_mode is {mode!r}; the stand-in computes {' and '.join(map(repr, _TURNS))}")
    demand(x.shape[-1] % 2 == 0, "the last size must be even, for its elements turn in pairs")
    demand(cos.shape == sin.shape, "cosine and sine must have the same shape")
    fits = cos.dim() <= x.dim() and all(c in (1, s) for c, s in zip(cos.shape[::-1], x.shape[::-1], strict=False))
    demand(fits and cos.shape[-1] == x.shape[-1], f"cosine {list(cos.shape)} does not broadcast to {list(x.shape)}")


def _rotated(x: Tensor, cos: Tensor, sin: Tensor, mode: str) -> Tensor:
    x = wide(x)
    return x * wide(cos) + _TURNS[mode](x) * wide(sin)


def _rotary_mul_outputs(self: Tensor, r1: Tensor, r2: Tensor, rotary_mode: str) -> Like:
    _check(self, r1, r2, rotary_mode)
    return like(self)


def _rotary_mul(self: Tensor, r1: Tensor, r2: Tensor, rotary_mode: str) -> Tensor:
    return _rotated(self, r1, r2, rotary_mode)


def _apply_outputs(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, rotary_mode: str) -> tuple[Like, Like]:
    _check(query, cos, sin, rotary_mode)
    _check(key, cos, sin, rotary_mode)
    return like(query), like(key)


def _apply(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, rotary_mode: str) -> tuple[Tensor, Tensor]:
    return _rotated(query, cos, sin, rotary_mode), _rotated(key, cos, sin, rotary_mode)


def _interleave_outputs(x: Tensor, cos: Tensor, sin: Tensor) -> Like:
    _check(x, cos, sin, "half")
    return like(x)


def _interleave_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate neighbouring elements as pairs; the result has all first elements, then all second ones."""
    return _rotated(torch.cat((x[..., ::2], x[..., 1::2]), -1), cos, sin, "half")


ROWS = (
    Row(
        "npu_rotary_mul(Tensor self, Tensor r1, Tensor r2, str rotary_mode='half', Tensor? rotate=None) -> Tensor",
        _rotary_mul_outputs,
        _rotary_mul,
    ),
    Row(
        "npu_apply_rotary_pos_emb(Tensor query, Tensor key, Tensor cos, Tensor sin, str layout='BSND',"
        " str rotary_mode='half') -> (Tensor, Tensor)",
        _apply_outputs,
        _apply,
        inert=frozenset({"layout"}),  # cosine and sine come in the layout of query and key, and broadcast
    ),
    Row("npu_interleave_rope(Tensor x, Tensor cos, Tensor sin) -> Tensor", _interleave_outputs, _interleave_rope),
)
