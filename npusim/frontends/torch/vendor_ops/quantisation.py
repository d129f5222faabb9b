"""Stand-ins of the vendor's quantisation operators and products of quantised matrices."""

from typing import Any

import torch
from torch import Tensor

from npusim.frontends.torch.vendor_ops.table import Like, Row, demand, scalar_type, wide

_INTEGERS = (torch.int8, torch.uint8, torch.int32)


def _clamped(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x rounded to the nearest integer, half to even, and held within a dtype's range; NaN becomes 0."""
    limits = torch.iinfo(dtype)
    return x.round().nan_to_num(0.0).clamp(limits.min, limits.max)


def _integer(code: int | None) -> torch.dtype:
    dtype = torch.int8 if code is None else scalar_type(code)
    demand(dtype in _INTEGERS, f"the stand-in quantises to {', '.join(map(str, _INTEGERS))}, not {dtype}")
    return dtype


def _along(parameter: Tensor, x: Tensor, axis: int) -> Tensor:
    """Return a scale or offset, one value or one an element of an axis, so that it broadcasts to x."""
    shape = [1] * x.dim()
    shape[axis] = -1
    return wide(parameter.reshape(shape))


def _quantize_outputs(self: Tensor, scales: Tensor, zero_points: Tensor | None, dtype: int, axis: int) -> Like:
    demand(-self.dim() <= axis < self.dim() or scales.numel() == 1, f"axis is {axis}, which the input does not have")
    for name, one in (("scales", scales), ("zero_points", zero_points)):
        fits = one is None or one.numel() == 1 or one.numel() == self.shape[axis]
        demand(fits, f"{name} must have one element, or one for each of the axis")
    return Like(tuple(self.shape), _integer(dtype))


def _quantize(
    *, self: Tensor, scales: Tensor, zero_points: Tensor | None, dtype: int, axis: int, div_mode: bool
) -> Tensor:
    axis = axis if scales.numel() > 1 else -1
    scale = _along(scales, self, axis)
    scaled = wide(self) / scale if div_mode else wide(self) * scale
    return _clamped(scaled if zero_points is None else scaled + _along(zero_points, self, axis), _integer(dtype))


def _dynamic_outputs(input: Tensor, smooth_scales: Tensor | None, dst_type: int | None) -> tuple[Like, Like]:  # noqa: A002 - the schema says so
    demand(input.dim() > 1, "the input must have at least two axes")
    demand(_integer(dst_type) == torch.int8, "the stand-in quantises each row to int8")
    fits = smooth_scales is None or smooth_scales.shape == input.shape[-1:]
    demand(fits, "smooth_scales must have one element for each of the last axis")
    return Like(tuple(input.shape), torch.int8), Like(tuple(input.shape[:-1]), torch.float32)


def _dynamic(input: Tensor, smooth_scales: Tensor | None) -> tuple[Tensor, Tensor]:  # noqa: A002 - the schema says so
    """Quantise each row by its largest magnitude; a row of zeros gives zeros with the scale 0."""
    x = wide(input) if smooth_scales is None else wide(input) * wide(smooth_scales)
    scale = x.abs().amax(-1, keepdim=True) / 127
    return _clamped(x / scale, torch.int8), scale.squeeze(-1)


def _matmul_outputs(
    x1: Tensor, x2: Tensor, scale: Tensor, pertoken_scale: Tensor | None, output_dtype: int | None
) -> Like:
    demand(
        x1.dim() >= 2 and x2.dim() >= 2 and x1.shape[-1] == x2.shape[-2], "x1 must be [..., m, k] and x2 [..., k, n]"
    )
    demand(scale.numel() in (1, x2.shape[-1]), "scale must have one element, or one for each column of x2")
    fits = pertoken_scale is None or pertoken_scale.numel() == x1.shape[-2]
    demand(fits, "pertoken_scale must have one element for each row of x1")
    broadcast: Any = torch.broadcast_shapes  # untyped in torch
    batch = broadcast(x1.shape[:-2], x2.shape[:-2])
    dtype = torch.int8 if output_dtype is None else scalar_type(output_dtype)
    return Like((*batch, x1.shape[-2], x2.shape[-1]), dtype)


def _real_scale(scale: Tensor) -> Tensor:
    """Return a scale as a number; int64 holds the bits of a float32, as npu_trans_quant_param makes them."""
    if scale.dtype != torch.int64:
        return wide(scale)
    return (scale & 0xFFFFFFFF).to(torch.int32).view(torch.float32)


def _matmul(
    *,
    x1: Tensor,
    x2: Tensor,
    scale: Tensor,
    offset: Tensor | None,
    pertoken_scale: Tensor | None,
    bias: Tensor | None,
    output_dtype: int | None,
) -> Tensor:
    """Compute (x1 @ x2 + integer bias) * scale * pertoken_scale + real bias + offset; the sum over k is exact."""
    total = x1.double() @ x2.double()
    if bias is not None and bias.dtype == torch.int32:
        total = total + bias.double()
    result = total * _real_scale(scale)
    if pertoken_scale is not None:
        result = result * pertoken_scale.reshape(-1, 1)
    for addend in (bias if bias is not None and bias.is_floating_point() else None, offset):
        result = result if addend is None else result + addend
    return _clamped(result, torch.int8) if output_dtype is None else result


def _weight_outputs(x: Tensor, weight: Tensor, antiquant_scale: Tensor, antiquant_group_size: int) -> Like:
    demand(x.dim() == weight.dim() == 2 and x.shape[1] == weight.shape[0], "x must be [m, k] and weight [k, n]")
    demand(weight.dtype == torch.int8, "the stand-in takes int8 weights, one to an element")
    groups = -(-weight.shape[0] // antiquant_group_size) if antiquant_group_size else 1
    demand(antiquant_scale.numel() in (1, groups * weight.shape[1]), "antiquant_scale must be [n], or [groups, n]")
    return Like((x.shape[0], weight.shape[1]), x.dtype)


def _weight_matmul(
    *,
    x: Tensor,
    weight: Tensor,
    antiquant_scale: Tensor,
    antiquant_offset: Tensor | None,
    bias: Tensor | None,
    antiquant_group_size: int,
) -> Tensor:
    """Compute x @ ((weight + antiquant_offset) * antiquant_scale) + bias; groups are of rows of weight."""
    rows, columns = weight.shape

    def spread(parameter: Tensor) -> Tensor:
        if not antiquant_group_size or parameter.numel() == 1:
            return wide(parameter.reshape(1, -1))
        return wide(parameter.reshape(-1, columns)).repeat_interleave(antiquant_group_size, 0)[:rows]

    real = wide(weight) if antiquant_offset is None else wide(weight) + spread(antiquant_offset)
    product = wide(x) @ (real * spread(antiquant_scale))
    return product if bias is None else product + wide(bias)


ROWS = (
    Row(
        "npu_quantize(Tensor self, Tensor scales, Tensor? zero_points, int dtype, int axis=1, bool div_mode=True)"
        " -> Tensor",
        _quantize_outputs,
        _quantize,
    ),
    Row(
        "npu_dynamic_quant(Tensor input, *, Tensor? smooth_scales=None, Tensor? group_index=None, int? dst_type=None,"
        ' str quant_mode="pertoken", float dst_type_max=0.0) -> (Tensor, Tensor)',
        _dynamic_outputs,
        _dynamic,
    ),
    Row(
        "npu_quant_matmul(Tensor x1, Tensor x2, Tensor scale, *, Tensor? offset=None, Tensor? pertoken_scale=None,"
        " Tensor? bias=None, int? output_dtype=None, int? x1_dtype=None, int? x2_dtype=None,"
        " int? pertoken_scale_dtype=None, int? scale_dtype=None, int[]? group_sizes=None, Tensor? y_scale=None)"
        " -> Tensor",
        _matmul_outputs,
        _matmul,
    ),
    Row(
        "npu_weight_quant_batchmatmul(Tensor x, Tensor weight, Tensor antiquant_scale, Tensor? antiquant_offset=None,"
        " Tensor? quant_scale=None, Tensor? quant_offset=None, Tensor? bias=None, int antiquant_group_size=0,"
        " int inner_precise=0, int? weight_dtype=None) -> Tensor",
        _weight_outputs,
        _weight_matmul,
        inert=frozenset({"inner_precise"}),
    ),
)
