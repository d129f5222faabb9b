"""What a deployment runs where one operator does not say it all: small functions that the lowerings' data name."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

_WHOLE_HEAD = 128
"""The head size that vLLM-Ascend pads the vision tower's to."""
_RIGHT_DOWN_CAUSAL = 3
_ENDS, _COUNTS = 0, 1
_BLOCK_MASK = 2048
"""The size of the triangle that stands for every causal mask."""


def row_parallel_linear(x: Tensor, weight: Tensor, bias: Tensor | None, group: str) -> Tensor:
    """Multiply [..., k] by this rank's share of a weight [n, k], and sum over the ranks in the same operator."""
    x, turned = x.contiguous(), weight.transpose(0, 1)
    found: Tensor = npu().npu_mm_all_reduce_base(x, turned, group, reduce_op="sum", bias=bias)
    return found


def rotate_plain(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Rotate in plain tensor arithmetic, without a cast: the result has the dtype to which q and cos promote.

    `heads` is the axis of the heads in q and k, which cos and sin ([..., rows, size]) do not have.
    """
    cos, sin = cos.unsqueeze(heads), sin.unsqueeze(heads)
    return q * cos + _half_turned(q) * sin, k * cos + _half_turned(k) * sin


def rotate_fused(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """As `rotate_plain`, by the one operator for queries and keys, which takes [batch, rows, heads, size]."""
    tables = (_rows_first(table.unsqueeze(heads), heads) for table in (cos, sin))
    found = npu().npu_apply_rotary_pos_emb(_rows_first(q, heads), _rows_first(k, heads), *tables, "BSND")
    one, other = (_heads_back(x, heads, q.dim()) for x in found)
    return one, other


def rotate_each(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """As `rotate_plain`, by one operator for queries and one for keys, ahead of which torch_npu casts cos and sin.

    The cast is in Ascend/op-plugin, op_plugin/ops/opapi/RotaryMulKernelNpuOpApi.cpp.
    """
    tables = tuple(_rows_first(table.to(q.dtype).unsqueeze(heads), heads) for table in (cos, sin))
    one, other = (_heads_back(npu().npu_rotary_mul(_rows_first(x, heads), *tables), heads, x.dim()) for x in (q, k))
    return one, other


def fusion_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Attend as torch's scaled_dot_product_attention, whole sequences one after the other.

    query [batch, heads, rows, size], key and value with as many heads or a divisor of it. A batch whose mask is not
    the same for all cannot be laid out like that and keeps [batch, heads, rows, size].
    """
    scale = _scale(query, scale)
    hidden = _hides(attn_mask) if attn_mask is not None else _above_diagonal(query) if is_causal else None
    heads = query.shape[1]
    if hidden is not None and hidden.shape[:2] != (1, 1):
        found = npu().npu_fusion_attention(query, key, value, heads, "BNSD", scale=scale, atten_mask=hidden)
        return _first(found)
    ends = _ends(query)
    q, k, v = (_packed(x) for x in (query, key, value))
    found = npu().npu_fusion_attention(
        q,
        k,
        v,
        heads,
        "TND",
        scale=scale,
        atten_mask=None if hidden is None else hidden[0, 0],
        actual_seq_qlen=ends,
        actual_seq_kvlen=ends,
    )
    return _unpacked(_first(found), query)


def incremental_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Attend with the one newest row, [batch, heads, 1, size], to all keys."""
    found: Tensor = npu().npu_incre_flash_attention(
        query,
        key,
        value,
        atten_mask=None if attn_mask is None else _hides(attn_mask),
        num_heads=query.shape[1],
        num_key_value_heads=key.shape[1],
        scale_value=_scale(query, scale),
        input_layout="BNSD",
    )
    return found


def inferring_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """As `fusion_attention`, by the operator for inference; a causal mask is a fixed triangle and a mode."""
    common: dict[str, Any] = {
        "num_heads": query.shape[1],
        "num_key_value_heads": key.shape[1],
        "scale": _scale(query, scale),
    }
    run = npu().npu_fused_infer_attention_score
    if attn_mask is not None:
        return _first(run(query, key, value, atten_mask=_hides(attn_mask), input_layout="BNSD", **common))
    if is_causal:
        triangle = torch.ones(_BLOCK_MASK, _BLOCK_MASK, dtype=torch.int8, device=query.device).triu(1)
        common |= {"atten_mask": triangle, "sparse_mode": _RIGHT_DOWN_CAUSAL}
    lengths = {"actual_seq_lengths": _ends(query), "actual_seq_lengths_kv": _ends(key)}
    found = run(*(_packed(x) for x in (query, key, value)), input_layout="TND", **lengths, **common)
    return _unpacked(_first(found), query)


def padded_inferring_attention(query: Tensor, key: Tensor, value: Tensor, scale: float | None = None) -> Tensor:
    """As `inferring_attention` without a mask, with heads padded by zeros to 128, and cut again."""
    scale = _scale(query, scale)
    q, k, v = (nn.functional.pad(x, (0, _WHOLE_HEAD - x.shape[-1])) for x in (query, key, value))
    return inferring_attention(q, k, v, scale=scale)[..., : value.shape[-1]]


def gated_mlp(x: Tensor, gate: nn.Module, up: nn.Module, down: nn.Module) -> Tensor:
    """Run down(silu(gate(x)) * up(x)) with the activation and the product in one operator."""
    found: Tensor = down(npu().npu_swiglu(torch.cat((gate(x), up(x)), dim=-1), -1))
    return found


def experts_by_source(x: Tensor, index: Tensor, weights: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """Send each row of [rows, size] through its chosen experts, [rows, chosen], and sum what they give by weight.

    gate_up [experts, 2 * inner, size] and down [experts, size, inner] are given to the product expert by expert.
    """
    rows, chosen = index.shape
    source = torch.arange(rows * chosen, dtype=torch.int32, device=x.device).view(chosen, rows).transpose(0, 1)
    index = index.to(torch.int32)
    sent, back, _ = npu().npu_moe_init_routing(x, source.contiguous(), index, rows)
    ends = torch.bincount(index.flatten(), minlength=gate_up.shape[0]).cumsum(0)
    inner = npu().npu_swiglu(_grouped(sent, list(gate_up.transpose(1, 2)), ends, _ENDS), -1)
    out = _grouped(inner, list(down.transpose(1, 2)), ends, _ENDS)
    skip, unbiased = torch.zeros_like(x), torch.zeros_like(out)
    found: Tensor = npu().npu_moe_finalize_routing(
        out,
        skip1=skip,
        skip2=skip,
        bias=unbiased,
        scales=weights.to(x.dtype),
        expanded_src_to_dst_row=back,
        export_for_source_row=torch.zeros_like(index),
    )
    return found


def experts_by_count(x: Tensor, index: Tensor, weights: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """As `experts_by_source`, with all weights in one tensor and the number of rows of every expert beside it."""
    experts = gate_up.shape[0]
    sent, back, counts, _ = npu().npu_moe_init_routing_v2(
        x,
        index.to(torch.int32),
        active_num=index.numel(),
        expert_num=experts,
        expert_tokens_num_type=1,
        expert_tokens_num_flag=True,
        active_expert_range=[0, experts],
    )
    inner = npu().npu_swiglu(_grouped(sent, [gate_up.transpose(1, 2)], counts, _COUNTS), -1)
    out = _grouped(inner, [down.transpose(1, 2)], counts, _COUNTS)
    found: Tensor = npu().npu_moe_token_unpermute(out, back, probs=weights)
    return found


REPLACEMENTS: Mapping[str, Callable[..., Any]] = {
    replacement.__name__: replacement
    for replacement in (
        row_parallel_linear,
        rotate_plain,
        rotate_fused,
        rotate_each,
        fusion_attention,
        incremental_attention,
        inferring_attention,
        padded_inferring_attention,
        gated_mlp,
        experts_by_source,
        experts_by_count,
    )
}
"""Every replacement by its name."""


def npu() -> Any:
    """Return the namespace of the vendor's operators, or of their stand-ins."""
    return torch.ops.npu


def _half_turned(x: Tensor) -> Tensor:
    one, other = x.chunk(2, dim=-1)
    return torch.cat((-other, one), dim=-1)


def _rows_first(x: Tensor, heads: int) -> Tensor:
    """Return [batch, rows, heads, size]."""
    x = x if x.dim() == 4 else x.unsqueeze(0)
    return x.transpose(1, 2) if heads == 1 else x


def _heads_back(x: Tensor, heads: int, rank: int) -> Tensor:
    x = x.transpose(1, 2) if heads == 1 else x
    return x if rank == 4 else x.squeeze(0)


def _scale(query: Tensor, scale: float | None) -> float:
    return 1 / math.sqrt(query.shape[-1]) if scale is None else scale


def _hides(mask: Tensor) -> Tensor:
    """Return which keys a mask hides, with four axes: true is visible in torch's bool masks.

    A float mask is added in torch; dlinfer takes it for a bool one, in which everything but zero hides.
    """
    hidden = mask.logical_not() if mask.dtype == torch.bool else mask.to(torch.bool)
    return hidden[(None,) * (4 - hidden.dim())]


def _above_diagonal(query: Tensor) -> Tensor:
    rows = query.shape[-2]
    return torch.ones(1, 1, rows, rows, dtype=torch.bool, device=query.device).tril().logical_not()


def _packed(x: Tensor) -> Tensor:
    """Return [batch * rows, heads, size] of [batch, heads, rows, size]."""
    return x.transpose(1, 2).flatten(0, 1)


def _unpacked(x: Tensor, like: Tensor) -> Tensor:
    return x.reshape(like.shape[0], like.shape[2], *x.shape[1:]).transpose(1, 2)


def _ends(x: Tensor) -> list[int]:
    return [x.shape[2] * (index + 1) for index in range(x.shape[0])]


def _grouped(x: Tensor, weights: list[Tensor], groups: Tensor, told_by: int) -> Tensor:
    """Multiply each group of rows of x by its own weight; the groups are told by their ends or their sizes."""
    run = npu().npu_grouped_matmul
    return _first(run([x], weights, group_list=groups, split_item=2, group_type=0, group_list_type=told_by))


def _first(found: Any) -> Tensor:
    first: Tensor = found[0]
    return first
