"""Stand-ins of the vendor's attention operators."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from npusim.frontends.torch.vendor_ops.attending import (
    Piece,
    Sizes,
    Visibility,
    attend,
    by_sequence,
    check_mode,
    check_sharing,
    join,
    ranges,
    sizes,
    split,
)
from npusim.frontends.torch.vendor_ops.table import Like, Row, demand

_LANES = 8
"""How often the chip repeats each row's largest score and sum."""

_FUSION_LAYOUTS = ("BSH", "SBH", "BSND", "BNSD", "TND")

_Lengths = Sequence[int] | None


def _fusion_sizes(query: Tensor, key: Tensor, value: Tensor, head_num: int, layout: str) -> tuple[Sizes, int]:
    """Return the sizes of the result, and the number of heads of key and value."""
    demand(layout in _FUSION_LAYOUTS, f"input_layout is {layout!r}; allowed are {', '.join(_FUSION_LAYOUTS)}")
    of_query = sizes(query, layout, head_num)
    demand(key.dim() == query.dim(), "key must have as many axes as query")
    packed = layout.endswith("H")
    heads = key.shape[-1] // max(of_query.size, 1) if packed else key.shape[layout.index("N")]
    check_sharing(head_num, heads)
    of_key, of_value = sizes(key, layout, heads), sizes(value, layout, heads)
    demand(of_key.size == of_query.size, "query and key must have the same size of a head")
    demand((of_key.batch, of_key.rows) == (of_value.batch, of_value.rows), "key and value must have the same rows")
    return Sizes(of_query.batch, head_num, of_query.rows, of_value.size), heads


def _fusion_outputs(
    *,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    head_num: int,
    input_layout: str,
    actual_seq_qlen: _Lengths,
    actual_seq_kvlen: _Lengths,
    sparse_mode: int,
) -> tuple[Like, Like, Like, Like, int, int, int]:
    check_mode(sparse_mode)
    result, _ = _fusion_sizes(query, key, value, head_num, input_layout)
    if input_layout == "TND":
        demand(
            bool(actual_seq_qlen) and bool(actual_seq_kvlen), "layout TND needs actual_seq_qlen and actual_seq_kvlen"
        )
        rows: tuple[int, ...] = (result.rows, head_num, _LANES)
    else:
        rows = (result.batch, head_num, result.rows, _LANES)
    statistics = Like(rows, torch.float32)
    return Like(result.shape(input_layout), query.dtype), statistics, statistics, Like((0,), query.dtype), 0, 0, 0


def _fusion(
    *,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    head_num: int,
    input_layout: str,
    pse: Tensor | None,
    atten_mask: Tensor | None,
    scale: float,
    pre_tockens: int,
    next_tockens: int,
    actual_seq_qlen: _Lengths,
    actual_seq_kvlen: _Lengths,
    sparse_mode: int,
) -> tuple[Any, ...]:
    """Compute softmax(scale * (query key^T + pse)) value, without dropout; a sequence at a time in layout TND.

    The statistics of layout TND lie as [rows, heads, 8], as `softmax_layout="TND"` asks for.
    """
    _, heads = _fusion_sizes(query, key, value, head_num, input_layout)
    visibility = Visibility(atten_mask, sparse_mode, pre_tockens, next_tockens)
    bias = None if pse is None else pse * scale
    inputs = [split(x, input_layout, n) for x, n in ((query, head_num), (key, heads), (value, heads))]

    def one(_: int, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return attend(q, k, v, scale, visibility.hidden(q.shape[2], k.shape[2]), bias=bias)

    q, k, v = inputs
    if actual_seq_qlen and actual_seq_kvlen:
        spans = zip(ranges(actual_seq_qlen), ranges(actual_seq_kvlen), strict=True)
        pieces = (Piece(0, rows, k[:, :, columns], v[:, :, columns]) for rows, columns in spans)
        attended, largest, total = by_sequence(one, q, v.shape[3], pieces)
        largest, total = largest[0].transpose(0, 1), total[0].transpose(0, 1)
    else:
        attended, largest, total = one(0, q, k, v)
    lanes = (x.expand(*x.shape[:-1], _LANES) for x in (largest, total))
    return join(attended, input_layout), *lanes, query.new_empty(0), 0, 0, 0


ROWS = (
    Row(
        "npu_fusion_attention(Tensor query, Tensor key, Tensor value, int head_num, str input_layout, Tensor? pse=None,"
        " Tensor? padding_mask=None, Tensor? atten_mask=None, float scale=1., float keep_prob=1.,"
        " int pre_tockens=2147483647, int next_tockens=2147483647, int inner_precise=0, int[]? prefix=None,"
        " int[]? actual_seq_qlen=None, int[]? actual_seq_kvlen=None, int sparse_mode=0, bool gen_mask_parallel=True,"
        ' bool sync=False, str softmax_layout="", Tensor? sink=None, Tensor? dropout_mask=None, int seed=0,'
        " int offset=0) -> (Tensor, Tensor, Tensor, Tensor, int, int, int)",
        _fusion_outputs,
        _fusion,
        inert=frozenset({"inner_precise", "gen_mask_parallel", "sync", "softmax_layout", "seed", "offset"}),
    ),
)
