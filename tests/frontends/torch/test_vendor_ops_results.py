"""What every stand-in of a vendor operator computes, for real and fake tensors, against float64 by other means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map_only

from npusim.frontends.torch import vendor_ops

FLOATS = (torch.float16, torch.bfloat16, torch.float32)
STEP = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8, torch.float32: 2.0**-20}
"""Half a step of a result's dtype, relative; for float32 a few, for the sums inside are float32 themselves."""


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    vendor_ops.register()


@dataclass(frozen=True)
class Case:
    """A call of an operator, and what it gives: computed in float64, by other means, of the same arguments."""

    name: str
    arguments: Mapping[str, Any]
    oracle: Callable[[SimpleNamespace], Any]

    def __str__(self) -> str:
        return self.name

    def given(self, dtype: torch.dtype) -> dict[str, Any]:
        """Return the arguments with every real tensor in a dtype, each a copy."""
        return {name: _cast(value, dtype) for name, value in self.arguments.items()}


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, list):
        return [_cast(one, dtype) for one in value]
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value.clone()
    return value


def _operator(name: str) -> Any:
    namespace, _, rest = name.partition(".")
    name, _, overload = rest.partition(".")
    return getattr(getattr(getattr(torch.ops, namespace), name), overload or "default")


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def _rms(x: Tensor, gamma: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    rstd = 1 / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)
    return torch.nn.functional.rms_norm(x, gamma.shape, gamma, eps), rstd


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate as complex numbers, the first half of an axis real and the second imaginary."""
    half = x.shape[-1] // 2
    pair = torch.complex(x[..., :half], x[..., half:])
    first = pair.real * cos[..., :half] - pair.imag * sin[..., :half]
    second = pair.imag * cos[..., half:] + pair.real * sin[..., half:]
    return torch.cat((first, second), -1)


def _neighbours(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., ::2], x[..., 1::2]
    first, second = even * cos[..., ::2] - odd * sin[..., ::2], odd * cos[..., 1::2] + even * sin[..., 1::2]
    return torch.stack((first, second), -1).reshape(x.shape)


def _sdpa(q: Tensor, k: Tensor, v: Tensor, scale: float, hidden: Tensor | None = None) -> Tensor:
    """Attention of [batch, heads, rows, size] by torch."""
    mask = None if hidden is None else ~hidden
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
    )


def _future(rows: int, columns: int, corner: int = 0) -> Tensor:
    return torch.ones(rows, columns, dtype=torch.bool).triu(1 + corner)


def _by_length(q: Tensor, k: Tensor, v: Tensor, ends: list[int], scale: float, *, causal: bool = False) -> Tensor:
    """Attention of [rows, heads, size], sequence by sequence."""
    parts, start = [], 0
    for end in ends:
        one = [x[start:end].transpose(0, 1)[None] for x in (q, k, v)]
        hidden = _future(end - start, end - start) if causal else None
        parts.append(_sdpa(*one, scale, hidden)[0].transpose(0, 1))
        start = end
    return torch.cat(parts)


X, GAMMA, OTHER = _random(2, 5, 16), _random(16), _random(2, 5, 16) * 3
Q, K, V = _random(2, 6, 4, 8), _random(2, 7, 2, 8), _random(2, 7, 2, 8) + 1  # [batch, rows, heads, size]
COS, SIN = _random(1, 6, 1, 8).cos(), _random(1, 6, 1, 8).sin()
T = _random(9, 4, 8)
BNSD = tuple(x.transpose(1, 2) for x in (Q, K, V))
CACHE = _random(5, 4, 2, 8)  # [blocks, block size, heads, size]
TABLE = torch.tensor([[3, 1], [0, 4]], dtype=torch.int32)
MASK = _future(6, 7, 1)


def _from_cache(query: Tensor, cache: Tensor, lengths: list[int]) -> Tensor:
    """Attention of [rows, heads, size], each row to its own sequence in a cache."""
    parts = []
    for row, (blocks, length) in enumerate(zip(TABLE.tolist(), lengths, strict=True)):
        rows = torch.cat([cache[block] for block in blocks])[:length].transpose(0, 1)[None]
        parts.append(_sdpa(query[row : row + 1].transpose(0, 1)[None], rows, rows, 0.3)[0].transpose(0, 1))
    return torch.cat(parts)


TOKENS = _random(6, 5)
EXPERTS = torch.tensor([[1, 3], [0, 1], [3, 2], [1, 0], [2, 3], [0, 2]], dtype=torch.int32)
ROW_IDX = torch.arange(12, dtype=torch.int32).view(2, 6).t().contiguous()
SHUFFLED = torch.randperm(12, generator=torch.Generator().manual_seed(1)).to(torch.int32)
STACK = _random(4, 5, 3)


def _finalized(rows: Tensor, skip: Tensor, bias: Tensor, scales: Tensor) -> Tensor:
    out = skip.clone()
    for i in range(6):
        for k in range(2):
            out[i] += scales[i, k] * (rows[int(SHUFFLED[k * 6 + i])] + bias[int(EXPERTS[i, k])])
    return out


def _grouped(x: Tensor, stack: Tensor) -> list[Tensor]:
    return [torch.cat([x[:1] @ stack[0], x[1:1] @ stack[1], x[1:5] @ stack[2], x[5:6] @ stack[3]])]


INT8 = torch.randint(-128, 128, (6, 16), generator=torch.Generator().manual_seed(3), dtype=torch.int8)
WEIGHT8 = torch.randint(-128, 128, (16, 5), generator=torch.Generator().manual_seed(4), dtype=torch.int8)


def _written(rows: Tensor) -> Tensor:
    cache = torch.zeros(5, 4, 2, 8, dtype=torch.float64)
    cache[1, 1], cache[0, 2] = rows[0], rows[2]
    return cache


def _gated(x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    score = 1 / (1 + torch.exp(-x))
    weights, experts = [], []
    for one in score:
        ranked = (one + bias).tolist()
        groups = sorted(range(4), key=lambda g: -sum(sorted(ranked[4 * g : 4 * g + 4])[-2:]))[:2]
        chosen = sorted((e for g in groups for e in range(4 * g, 4 * g + 4)), key=lambda e: -ranked[e])[:3]
        weights.append(one[chosen] / one[chosen].sum())
        experts.append(torch.tensor(chosen))
    return torch.stack(weights), torch.stack(experts), score


def _sorted(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    order = sorted(((row, choice) for row in range(6) for choice in range(2)), key=lambda rc: int(EXPERTS[rc]))
    places = torch.empty(12, dtype=torch.long)
    for place, (row, choice) in enumerate(order):
        places[choice * 6 + row] = place
    return torch.stack([x[row] for row, _ in order]), places, torch.tensor([int(EXPERTS[rc]) for rc in order])


def _active(x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What is sorted by expert if only experts 1 and 2 are here."""
    order = [choice for expert in (1, 2) for choice in range(12) if EXPERTS.flatten()[choice] == expert]
    rows, scales, places = torch.zeros(12, 5).double(), torch.zeros(12).double(), torch.full((12,), -1)
    for place, choice in enumerate(order):
        rows[place], scales[place], places[choice] = x[choice // 2], scale[choice // 2], place
    ones = int((EXPERTS == 1).sum())
    return rows, places, torch.tensor([ones, len(order)]), scales


def _permuted(x: Tensor) -> tuple[Tensor, Tensor]:
    order = sorted(((row, choice) for row in range(6) for choice in range(2)), key=lambda rc: int(EXPERTS[rc]))
    places = torch.empty(12, dtype=torch.long)
    for place, (row, choice) in enumerate(order):
        places[row * 2 + choice] = place
    return torch.stack([x[row] for row, _ in order]), places


def _bsnd(a: SimpleNamespace, hidden: Tensor | None = None, scale: float = 0.3) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in (a.query, a.key, a.value))
    return _sdpa(q, k, v, scale, hidden).transpose(1, 2)


def _quantised(x: Tensor, scale: Tensor, offset: float) -> Tensor:
    return torch.clamp(torch.round(x / scale + offset), -128, 127).to(torch.int8)


BSND = {"query": Q, "key": K, "value": V}
FUSION = {**BSND, "head_num": 4, "input_layout": "BSND", "scale": 0.3}
RAGGED = {"query": T, "key": T + 1, "value": T - 1}
CASES = (
    Case("npu.npu_rms_norm", {"self": X, "gamma": GAMMA, "epsilon": 1e-5}, lambda a: _rms(a.self, a.gamma, 1e-5)),
    Case("npu.npu_gemma_rms_norm", {"self": X, "gamma": GAMMA}, lambda a: _rms(a.self, 1 + a.gamma, 1e-6)),
    Case(
        "npu.npu_add_rms_norm",
        {"x1": X, "x2": OTHER, "gamma": GAMMA},
        lambda a: (*_rms(a.x1 + a.x2, a.gamma, 1e-6), a.x1 + a.x2),
    ),
    Case(
        "npu.npu_swiglu", {"self": X}, lambda a: a.self[..., 8:] * a.self[..., :8] / (1 + torch.exp(-a.self[..., :8]))
    ),
    Case("npu.npu_fast_gelu", {"self": X}, lambda a: a.self / (1 + torch.exp(-1.702 * a.self))),
    Case("npu.fast_gelu", {"self": X}, lambda a: a.self / (1 + torch.exp(-1.702 * a.self))),
    Case("npu.npu_gelu", {"self": X}, lambda a: a.self * torch.special.ndtr(a.self)),
    Case("npu.npu_silu", {"self": X}, lambda a: a.self / (1 + torch.exp(-a.self))),
    Case("npu.npu_silu_", {"self": X}, lambda a: a.self / (1 + torch.exp(-a.self))),
    Case("npu.npu_mish", {"self": X}, lambda a: a.self * torch.tanh(torch.log1p(torch.exp(a.self)))),
    Case(
        "npu.npu_scaled_masked_softmax",
        {"x": X, "mask": X > 1, "scale": 0.5},
        lambda a: torch.where(a.mask, -10000.0, a.x / 2).softmax(-1),
    ),
    Case(
        "npu.npu_linear",
        {"input": X, "weight": _random(3, 16), "bias": _random(3)},
        lambda a: torch.einsum("...k,nk->...n", a.input, a.weight) + a.bias,
    ),
    Case(
        "npu.npu_mm_all_reduce_base",
        {"x1": X, "x2": _random(16, 3), "hcom": "group", "bias": _random(3), "x3": _random(2, 5, 3)},
        lambda a: torch.einsum("...k,kn->...n", a.x1, a.x2) + a.bias + a.x3,
    ),
    Case("npu.npu_rotary_mul", {"self": Q, "r1": COS, "r2": SIN}, lambda a: _turned(a.self, a.r1, a.r2)),
    Case(
        "npu.npu_rotary_mul",
        {"self": Q, "r1": COS, "r2": SIN, "rotary_mode": "interleave"},
        lambda a: _neighbours(a.self, a.r1, a.r2),
    ),
    Case(
        "npu.npu_apply_rotary_pos_emb",
        {"query": Q, "key": K[:, :6], "cos": COS, "sin": SIN},
        lambda a: (_turned(a.query, a.cos, a.sin), _turned(a.key, a.cos, a.sin)),
    ),
    Case(
        "npu.npu_interleave_rope",
        {"x": BNSD[0], "cos": COS.transpose(1, 2), "sin": SIN.transpose(1, 2)},
        lambda a: _turned(torch.cat((a.x[..., ::2], a.x[..., 1::2]), -1), a.cos, a.sin),
    ),
    Case("npu.npu_fusion_attention", FUSION, lambda a: (_bsnd(a), ...)),
    Case(
        "npu.npu_fusion_attention",
        {**FUSION, "atten_mask": _future(2048, 2048), "sparse_mode": 3},
        lambda a: (_bsnd(a, MASK), ...),
    ),
    Case(
        "npu.npu_fusion_attention",
        {**FUSION, "atten_mask": MASK, "pre_tockens": 2, "next_tockens": 0},
        lambda a: (_bsnd(a, _future(6, 7) | MASK | torch.ones(6, 7, dtype=torch.bool).tril(-3)), ...),
    ),
    Case(
        "npu.npu_fusion_attention",
        {
            **RAGGED,
            "head_num": 4,
            "input_layout": "TND",
            "scale": 0.3,
            "atten_mask": _future(2048, 2048),
            "sparse_mode": 2,
            "actual_seq_qlen": [2, 9],
            "actual_seq_kvlen": [2, 9],
        },
        lambda a: (_by_length(a.query, a.key, a.value, [2, 9], 0.3, causal=True), ...),
    ),
    Case(
        "npu.npu_prompt_flash_attention",
        {**BSND, "num_heads": 4, "num_key_value_heads": 2, "input_layout": "BSND", "scale_value": 0.3},
        _bsnd,
    ),
    Case(
        "npu.npu_prompt_flash_attention",
        {
            **{name: x.flatten(2) for name, x in BSND.items()},
            "num_heads": 4,
            "num_key_value_heads": 2,
            "scale_value": 0.3,
            "atten_mask": torch.zeros(6, 7, dtype=torch.bool),
        },
        lambda a: (
            _sdpa(*(x.unflatten(2, (-1, 8)).transpose(1, 2) for x in (a.query, a.key, a.value)), 0.3, _future(6, 7))
            .transpose(1, 2)
            .flatten(2)
        ),
    ),
    Case(
        "npu.npu_incre_flash_attention",
        {
            "query": BNSD[0][:, :, :1],
            "key": BNSD[1],
            "value": BNSD[2],
            "num_heads": 4,
            "num_key_value_heads": 2,
            "input_layout": "BNSD",
            "scale_value": 0.3,
            "actual_seq_lengths": [3, 7],
        },
        lambda a: _sdpa(a.query, a.key, a.value, 0.3, torch.arange(7) >= torch.tensor([3, 7])[:, None, None, None]),
    ),
    Case(
        "npu.npu_fused_infer_attention_score",
        {
            **RAGGED,
            "num_heads": 4,
            "input_layout": "TND",
            "scale": 0.3,
            "actual_seq_lengths": [4, 9],
            "actual_seq_lengths_kv": [4, 9],
            "softmax_lse_flag": True,
        },
        lambda a: (
            _by_length(a.query, a.key, a.value, [4, 9], 0.3),
            torch.cat(
                [
                    (torch.einsum("snd,tnd->snt", a.query[rows], a.key[rows]) * 0.3).logsumexp(-1, keepdim=True)
                    for rows in (slice(0, 4), slice(4, 9))
                ]
            ),
        ),
    ),
    Case(
        "npu.npu_fused_infer_attention_score",
        {
            "query": T[:2],
            "key": CACHE.flatten(2),
            "value": CACHE.flatten(2),
            "num_heads": 4,
            "num_key_value_heads": 2,
            "input_layout": "TND",
            "scale": 0.3,
            "block_table": TABLE,
            "block_size": 4,
            "actual_seq_lengths": [1, 2],
            "actual_seq_lengths_kv": [3, 6],
        },
        lambda a: (_from_cache(a.query, a.key.unflatten(2, (2, 8)), [3, 6]), torch.empty(0)),
    ),
    Case(
        "npu.npu_fused_infer_attention_score_v2",
        {
            **BSND,
            "query_rope": Q[..., :2],
            "key_rope": K[..., :2],
            "num_query_heads": 4,
            "num_key_value_heads": 2,
            "input_layout": "BSND_BNSD",
            "softmax_scale": 0.3,
        },
        lambda a: (
            _sdpa(
                *(
                    torch.cat(pair, -1).transpose(1, 2)
                    for pair in ((a.query, a.query_rope), (a.key, a.key_rope), (a.value,))
                ),
                0.3,
            ),
            torch.empty(0),
        ),
    ),
    Case("npu.npu_dtype_cast", {"self": X, "dtype": torch.float32}, lambda a: a.self),
    Case("npu._npu_dtype_cast", {"self": X, "dtype": torch.float32}, lambda a: a.self),
    Case("npu.npu_format_cast", {"self": X, "acl_format": 29}, lambda a: a.self),
    Case("npu._npu_format_cast", {"self": X, "acl_format": 29}, lambda a: a.self),
    Case("npu.npu_format_cast_.acl_format", {"self": X, "acl_format": 29}, lambda a: a.self),
    Case("npu.get_npu_format", {"self": X}, lambda _: 2),
    Case("npu.npu_transpose", {"self": X, "perm": [2, 0, 1]}, lambda a: torch.einsum("abc->cab", a.self)),
    Case(
        "npu.npu_confusion_transpose",
        {"self": X, "perm": [0, 2, 1], "shape": [2, 80], "transpose_first": True},
        lambda a: torch.einsum("abc->acb", a.self).reshape(2, 80),
    ),
    Case(
        "npu.npu_confusion_transpose",
        {"self": X, "perm": [1, 0], "shape": [2, 80], "transpose_first": False},
        lambda a: a.self.reshape(2, 80).t(),
    ),
    *(
        Case(
            name,
            {"self": X, "indices": torch.tensor([[1, 3], [0, 2]]), "updates": _random(2, 16)},
            lambda a: torch.stack(
                [
                    torch.stack(
                        [
                            a.updates[1] if (i, j) == (0, 2) else a.updates[0] if (i, j) == (1, 3) else a.self[i, j]
                            for j in range(5)
                        ]
                    )
                    for i in range(2)
                ]
            ),
        )
        for name in ("npu.npu_scatter_nd_update", "npu.npu_scatter_nd_update_")
    ),
    Case(
        "npu.npu_moe_gating_top_k_softmax",
        {"x": TOKENS, "k": 2},
        lambda a: (*a.x.softmax(-1).topk(2), torch.arange(12).view(2, 6).t()),
    ),
    Case(
        "npu.npu_moe_gating_top_k",
        {"x": X[0], "k": 3, "bias": GAMMA, "group_count": 4, "k_group": 2, "group_select_mode": 1, "norm_type": 1},
        lambda a: _gated(a.x, a.bias),
    ),
    Case(
        "npu.npu_moe_init_routing",
        {"x": TOKENS, "row_idx": ROW_IDX, "expert_idx": EXPERTS, "active_num": 6},
        lambda a: _sorted(a.x),
    ),
    Case(
        "npu.npu_moe_init_routing_v2",
        {
            "x": TOKENS,
            "expert_idx": EXPERTS,
            "scale": GAMMA[:6],
            "expert_num": 4,
            "active_expert_range": [1, 3],
            "expert_tokens_num_flag": True,
        },
        lambda a: _active(a.x, a.scale),
    ),
    Case(
        "npu.npu_moe_compute_expert_tokens",
        {"sorted_expert_for_source_row": torch.tensor([0, 0, 2, 2, 2, 3], dtype=torch.int32), "num_expert": 4},
        lambda _: torch.tensor([2, 2, 5, 6]),
    ),
    Case(
        "npu.npu_moe_finalize_routing",
        {
            "expanded_permuted_rows": _random(12, 5),
            "skip1": TOKENS,
            "skip2": TOKENS + 1,
            "bias": _random(4, 5),
            "scales": _random(6, 2),
            "expanded_src_to_dst_row": SHUFFLED,
            "export_for_source_row": EXPERTS,
        },
        lambda a: _finalized(a.expanded_permuted_rows, a.skip1 + a.skip2, a.bias, a.scales),
    ),
    Case("npu.npu_moe_token_permute", {"tokens": TOKENS, "indices": EXPERTS}, lambda a: _permuted(a.tokens)),
    Case(
        "npu.npu_moe_token_unpermute",
        {"permuted_tokens": _random(12, 5), "sorted_indices": SHUFFLED, "probs": _random(6, 2)},
        lambda a: torch.stack(
            [sum(a.probs[i, k] * a.permuted_tokens[int(SHUFFLED[2 * i + k])] for k in range(2)) for i in range(6)]
        ),
    ),
    *(
        Case(
            "npu.npu_grouped_matmul",
            {
                "x": [TOKENS],
                "weight": [STACK],
                "group_list": torch.tensor(group_list),
                "split_item": 3,
                "group_type": 0,
                "group_list_type": kind,
            },
            lambda a: _grouped(a.x[0], a.weight[0]),
        )
        for kind, group_list in ((0, [1, 1, 5, 6]), (1, [1, 0, 4, 1]))
    ),
    Case(
        "npu.npu_grouped_matmul",
        {"x": [TOKENS, X[0][:, :5]], "weight": [STACK[0], STACK[1]], "bias": [GAMMA[:3], GAMMA[3:6]], "group_type": -1},
        lambda a: [a.x[0] @ a.weight[0] + a.bias[0], a.x[1] @ a.weight[1] + a.bias[1]],
    ),
    Case(
        "npu.npu_quantize",
        {"self": X, "scales": GAMMA.abs() + 0.01, "zero_points": None, "dtype": torch.qint8, "axis": -1},
        lambda a: _quantised(a.self, a.scales, 0),
    ),
    Case(
        "npu.npu_dynamic_quant",
        {"input": X},
        lambda a: (
            _quantised(a.input, a.input.abs().amax(-1, keepdim=True) / 127, 0),
            a.input.abs().amax(-1) / 127,
        ),
    ),
    Case(
        "npu.npu_quant_matmul",
        {
            "x1": INT8,
            "x2": WEIGHT8,
            "scale": _random(5) / 999,
            "pertoken_scale": _random(6),
            "bias": _random(5),
            "output_dtype": torch.float32,
        },
        lambda a: (INT8.double() @ WEIGHT8.double()) * a.scale * a.pertoken_scale[:, None] + a.bias,
    ),
    Case(
        "npu.npu_weight_quant_batchmatmul",
        {
            "x": X[0],
            "weight": WEIGHT8,
            "antiquant_scale": _random(4, 5),
            "antiquant_offset": _random(4, 5),
            "antiquant_group_size": 4,
        },
        lambda a: sum(
            a.x[:, rows] @ ((WEIGHT8[rows].double() + a.antiquant_offset[group]) * a.antiquant_scale[group])
            for group, rows in enumerate(slice(i, i + 4) for i in range(0, 16, 4))
        ),
    ),
)
"""Calls whose results are compared; `...` stands for every further result."""
WRITERS = (
    Case(
        "atb._npu_flash_attention_unpad",
        {
            **RAGGED,
            "seq_len": torch.tensor([4, 5], dtype=torch.int32),
            "scale_value": 0.3,
            "num_heads": 4,
            "num_kv_heads": 4,
            "out": torch.zeros_like(T),
        },
        lambda a: {"out": _by_length(a.query, a.key, a.value, [4, 9], 0.3)},
    ),
    Case(
        "atb._npu_paged_attention",
        {
            "query": T[:2],
            "key_cache": CACHE,
            "value_cache": CACHE,
            "num_kv_heads": 2,
            "num_heads": 4,
            "scale_value": 0.3,
            "block_table": TABLE,
            "context_lens": torch.tensor([3, 6], dtype=torch.int32),
            "out": torch.zeros_like(T[:2]),
        },
        lambda a: {"out": _from_cache(a.query, a.key_cache, [3, 6])},
    ),
    Case(
        "atb._npu_paged_attention_mla",
        {
            "query": T[:2],
            "key_cache": CACHE,
            "num_kv_heads": 2,
            "num_heads": 4,
            "scale_value": 0.3,
            "block_table": TABLE,
            "context_lens": torch.tensor([3, 6], dtype=torch.int32),
            "mla_vheadsize": 5,
            "out": torch.zeros_like(T[:2, :, :5]),
        },
        lambda a: {"out": _from_cache(a.query, a.key_cache, [3, 6])[..., :5]},
    ),
    *(
        Case(
            name,
            {
                "key": K[0, :3],
                "value": V[0, :3],
                "key_cache": torch.zeros_like(CACHE),
                "value_cache": torch.zeros_like(CACHE),
                slots: torch.tensor([5, -1, 2], dtype=torch.int32),
                **options,
            },
            lambda a: {"key_cache": _written(a.key), "value_cache": _written(a.value)},
        )
        for name, slots, options in (
            ("atb._npu_reshape_and_cache", "slot_indices", {}),
            ("npu.npu_scatter_pa_kv_cache", "slot_mapping", {"cache_mode": "Norm"}),
        )
    ),
    Case(
        "atb._npu_reshape_and_cache_siso",
        {"key": K[0, :3], "key_cache": torch.zeros_like(CACHE), "slot_indices": torch.tensor([5, -1, 2])},
        lambda a: {"key_cache": _written(a.key)},
    ),
)
"""Calls that write into arguments; the oracle gives what these hold then."""


def _same(found: Any, expected: Any) -> None:
    """Compare results, each within half a step of its dtype, and sums within a little more."""
    if isinstance(expected, (tuple, list)):
        for one, other in zip(found, expected, strict=False):
            if other is ...:
                break
            _same(one, other)
        assert ... in expected or len(found) == len(expected)
    elif isinstance(expected, Tensor):
        assert found.shape == expected.shape
        step = STEP.get(found.dtype, 0) * 1.01
        torch.testing.assert_close(found.double(), expected.double(), rtol=step, atol=2e-6 if step else 0)
    else:
        assert found == expected


def _described(result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        return [_described(one) for one in result]
    return (tuple(result.shape), result.dtype) if isinstance(result, Tensor) else result


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_result_is_the_exact_one_rounded_once(case: Case, dtype: torch.dtype) -> None:
    given = case.given(dtype)
    exact = SimpleNamespace(**{name: _cast(value, torch.float64) for name, value in given.items()})
    expected = case.oracle(exact)
    _same(_operator(case.name)(**given), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", WRITERS, ids=str)
def test_what_is_written_is_the_exact_result_rounded_once(case: Case, dtype: torch.dtype) -> None:
    given = case.given(dtype)
    expected = case.oracle(SimpleNamespace(**{name: _cast(value, torch.float64) for name, value in given.items()}))
    assert _operator(case.name)(**given) is None
    for name, content in expected.items():
        _same(given[name], content)


@pytest.mark.parametrize("case", [*CASES, *WRITERS], ids=str)
def test_a_fake_has_the_shapes_and_dtypes_of_the_result(case: Case) -> None:
    for dtype in FLOATS:
        given = case.given(dtype)
        with FakeTensorMode() as mode:
            fakes = tree_map_only(Tensor, mode.from_tensor, given)
            found = _described(_operator(case.name)(**fakes))
        assert found == _described(_operator(case.name)(**given))


@pytest.mark.parametrize("case", [*CASES, *WRITERS], ids=str)
def test_torch_finds_the_definition_sound(case: Case) -> None:
    tests = ("test_schema", "test_faketensor")
    torch.library.opcheck(_operator(case.name), (), case.given(torch.float32), test_utils=tests)


def test_every_operator_is_called_here() -> None:
    assert {case.name for case in (*CASES, *WRITERS)} == {f"{row.namespace}.{row.qualified}" for row in vendor_ops.ROWS}
