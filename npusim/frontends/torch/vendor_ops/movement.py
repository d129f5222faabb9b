"""Stand-ins of the vendor operators that move, cast or lay out data."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from npusim.frontends.torch.vendor_ops.table import TORCH_NPU, Like, Row, demand, like, scalar_type

_FORMATS = frozenset({"acl_format", "customize_dtype", "input_dtype"})
"""A format says how the chip orders the elements in memory; shape and values stay."""


def _cast_outputs(self: Tensor, dtype: int) -> Like:
    return Like(tuple(self.shape), scalar_type(dtype))


def _cast(self: Tensor, dtype: int) -> Tensor:
    return self.to(scalar_type(dtype), copy=True)


def _private_cast_outputs(self: Tensor, dtype: torch.dtype) -> Like:
    return Like(tuple(self.shape), dtype)


def _private_cast(self: Tensor, dtype: torch.dtype) -> Tensor:
    return self.to(dtype, copy=True)


def _same(self: Tensor) -> Like:
    return like(self)


def _copy(self: Tensor) -> Tensor:
    return self.clone()


def _itself(self: Tensor) -> Tensor:
    return self


def _plain_format() -> int:
    return 2  # ACL_FORMAT_ND


def _permuted_outputs(self: Tensor, perm: Sequence[int]) -> Like:
    demand(sorted(perm) == list(range(self.dim())), f"perm {list(perm)} must name each axis once")
    return Like(tuple(self.shape[axis] for axis in perm), self.dtype)


def _permuted(self: Tensor, perm: Sequence[int]) -> Tensor:
    return self.permute(*perm).clone()


def _confused_outputs(self: Tensor, perm: Sequence[int], shape: Sequence[int], transpose_first: bool) -> Like:
    demand(math.prod(shape) == self.numel(), f"shape {list(shape)} must have the {self.numel()} elements of the input")
    axes = self.shape if transpose_first else shape
    demand(sorted(perm) == list(range(len(axes))), f"perm {list(perm)} must name each axis once")
    return Like(tuple(shape) if transpose_first else tuple(shape[axis] for axis in perm), self.dtype)


def _confused(self: Tensor, perm: Sequence[int], shape: Sequence[int], transpose_first: bool) -> Tensor:
    """Permute and then reshape, or reshape and then permute."""
    moved = self.permute(*perm).reshape(*shape) if transpose_first else self.reshape(*shape).permute(*perm)
    return moved.clone()


def _check_scatter(self: Tensor, indices: Tensor, updates: Tensor) -> None:
    depth = indices.shape[-1]
    demand(depth <= self.dim(), f"an index of {depth} elements is more than the {self.dim()} axes of the input")
    expected = (*indices.shape[:-1], *self.shape[depth:])
    demand(updates.shape == expected, f"updates must be {list(expected)}: an entry for each index")


def _scattered_outputs(self: Tensor, indices: Tensor, updates: Tensor) -> Like:
    _check_scatter(self, indices, updates)
    return like(self)


def _scattered(self: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    return _scatter_in_place(self.clone(), indices, updates)


def _scattered_into(self: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    _check_scatter(self, indices, updates)
    return self


def _scatter_in_place(self: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    return self.index_put_(indices.long().unbind(-1), updates.to(self.dtype))


ROWS = (
    Row("npu_dtype_cast(Tensor self, int dtype, int? input_dtype=None) -> Tensor", _cast_outputs, _cast),
    Row("_npu_dtype_cast(Tensor self, ScalarType dtype) -> Tensor", _private_cast_outputs, _private_cast),
    Row(
        "npu_format_cast(Tensor self, int acl_format, *, int? customize_dtype=None, int? input_dtype=None) -> Tensor",
        _same,
        _copy,
        inert=_FORMATS,
        source=TORCH_NPU,
    ),
    Row(
        "npu_format_cast_.acl_format(Tensor(a!) self, int acl_format, *, int? customize_dtype=None,"
        " int? input_dtype=None) -> Tensor(a!)",
        _itself,
        _itself,
        inert=_FORMATS,
        source=TORCH_NPU,
    ),
    Row(
        "_npu_format_cast(Tensor self, int acl_format) -> Tensor",
        _same,
        _copy,
        frozenset({"acl_format"}),
        source=TORCH_NPU,
    ),
    Row(
        "npu_transpose(Tensor self, int[] perm, bool require_contiguous=True) -> Tensor",
        _permuted_outputs,
        _permuted,
        inert=frozenset({"require_contiguous"}),
    ),
    Row(
        "npu_confusion_transpose(Tensor self, int[] perm, int[] shape, bool transpose_first) -> Tensor",
        _confused_outputs,
        _confused,
    ),
    Row("npu_scatter_nd_update(Tensor self, Tensor indices, Tensor updates) -> Tensor", _scattered_outputs, _scattered),
    Row(
        "npu_scatter_nd_update_(Tensor(a!) self, Tensor indices, Tensor updates) -> Tensor(a!)",
        _scattered_into,
        _scatter_in_place,
    ),
    Row("get_npu_format(Tensor self) -> int", _plain_format, _plain_format, frozenset({"self"}), source=TORCH_NPU),
)
