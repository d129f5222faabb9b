"""Which torch operators round nothing, and which torch itself computes in float32 and rounds once: tables of names."""

from typing import Any

import torch

_MOVES = """
    alias as_strided_scatter atleast_1d atleast_2d atleast_3d block_diag cartesian_prod cat clone column_stack
    combinations concat concatenate constant_pad_nd diag diag_embed diagonal_scatter dstack embedding empty_like
    expand_copy fill flip fliplr flipud full_like gather hstack index index_copy index_fill index_select
    lift_fresh_copy masked_fill masked_scatter masked_select meshgrid new_empty new_full new_ones new_zeros
    one_hot ones_like pad permute_copy pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d repeat
    repeat_interleave replication_pad1d replication_pad2d resize roll rot90 select_backward select_scatter
    slice_backward slice_scatter split_copy stack take take_along_dim tile tril triu unfold_copy unsafe_split
    view_copy vstack where zero zeros_like
"""
_DECISIONS = """
    all allclose any argmax argmin argsort aminmax bucketize count_nonzero cummax cummin eq equal ge gt is_nonzero
    isfinite isin isinf isnan isneginf isposinf kthvalue le logical_and logical_not logical_or logical_xor lt
    max_pool1d max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices median mode msort ne nonzero
    searchsorted sign signbit sort topk unique unique2 _unique2 unique_consecutive unique_dim _local_scalar_dense
    item
"""
_BOOKKEEPING = (
    "detach dim is_floating_point is_pinned is_same_size numel pin_memory record_stream set size stride sym_size"
)

EXACT = frozenset((_MOVES + _DECISIONS + _BOOKKEEPING).split())
"""aten operators that move, choose or compare values; in-place forms have the same name and a `_`."""

CONVERSIONS = frozenset({"_to_copy", "to", "type_as", "copy"})
"""aten operators that round to another dtype and do nothing else."""

ATTENTIONS = frozenset({"scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu"})
"""aten operators that are attention: the second also returns the log of each row's sum of exponentials."""

ROUNDED_ONCE = frozenset(
    {"add", "sub", "mul", "div", "neg", "abs", "maximum", "minimum", "max", "min", "amax", "amin", "sum", "mean"}
    | {"softmax", "_softmax", "layer_norm", "native_layer_norm", "rms_norm"}
)
"""aten operators that torch computes in float32 from 16-bit floats, and rounds once."""

SINGLE = frozenset({"add", "sub", "mul", "div", "neg", "abs", "maximum", "minimum", "max", "min", "amax", "amin"})
"""aten operators that are one primitive: rounded once, whatever is rounded after each primitive."""


def is_exact(func: Any) -> bool:
    """Whether nothing is rounded: a view, a move or choice of values, or a random operator, which is torch's own."""
    name = base_name(func)
    if name in CONVERSIONS or name in ATTENTIONS:  # `to` counts as a view, attention as random
        return False
    return bool(func.is_view or name in EXACT or torch.Tag.nondeterministic_seeded in func.tags)


def base_name(func: Any) -> str:
    """Return the operator's name without namespace and in-place `_`; a division that also rounds has its own."""
    name = str(func._schema.name).split("::")[1].rstrip("_")
    return f"{name}_mode" if "mode" in func._overloadname else name
