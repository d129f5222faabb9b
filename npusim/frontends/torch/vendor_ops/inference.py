"""Stand-ins of the vendor's attention operators of inference: sequences of many lengths, and caches of blocks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
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
    paged,
    ranges,
    sizes,
    split,
)
from npusim.frontends.torch.vendor_ops.table import Like, Row, demand

_LAYOUTS: Mapping[str, tuple[str, str]] = {
    **{name: (name, name) for name in ("BSH", "BNSD", "BSND", "NSD", "SH", "TND", "NTD")},
    "BNSD_BSND": ("BNSD", "BSND"),
    "BSH_BNSD": ("BSH", "BNSD"),
    "BSND_BNSD": ("BSND", "BNSD"),
    "BSH_NBSD": ("BSH", "NBSD"),
    "BSND_NBSD": ("BSND", "NBSD"),
    "BNSD_NBSD": ("BNSD", "NBSD"),
    "NTD_TND": ("NTD", "TND"),
    "TND_NTD": ("TND", "NTD"),
}
"""`input_layout` -> how query, key and value lie, and how the result does."""

_Lengths = Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Inference:
    """One call of any of these operators, by one set of names.

    lengths, key_lengths  rows of each sequence; in a layout with T, where each sequence ends. With a block table the
                          lengths of keys are never ends
    lse                   whether the call returns the logarithm of each row's sum of exponentials; None if the
                          operator has no such result
    """

    query: Tensor
    key: Tensor
    value: Tensor
    heads: int
    key_heads: int
    scale: float
    layout: str
    visibility: Visibility
    lengths: _Lengths = None
    key_lengths: _Lengths = None
    block_table: Tensor | None = None
    query_rope: Tensor | None = None
    key_rope: Tensor | None = None
    lse: bool | None = None

    def outputs(self) -> Any:
        """Return what comes out; raises CallError for operands that do not fit."""
        demand(self.layout in _LAYOUTS, f"input_layout is {self.layout!r}; the stand-in computes {', '.join(_LAYOUTS)}")
        layout, result_layout = _LAYOUTS[self.layout]
        result = self._result(layout)
        attended = Like(result.shape(result_layout), self.query.dtype)
        if self.lse is None:
            return attended
        rows = (result.rows, result.heads, 1) if "T" in layout else (result.batch, result.heads, result.rows, 1)
        return attended, Like(rows if self.lse else (0,), torch.float32)

    def compute(self) -> Any:
        """Return the result in its layout, with the logarithms if they are wanted."""
        layout, result_layout = _LAYOUTS[self.layout]
        query = self._joined(layout, self.query, self.query_rope, self.heads)
        size = self._result(layout).size
        attended, largest, total = by_sequence(self._attend, query, size, self._pieces(layout, query))
        if self.lse is None:
            return join(attended, result_layout)
        lse = largest + total.log()
        lse = lse[0].transpose(0, 1) if "T" in layout else lse
        return join(attended, result_layout), lse if self.lse else lse.new_empty(0)

    @property
    def _shared(self) -> int:
        """Return the number of heads of key and value; an argument of 0 stands for that of the query."""
        return self.key_heads or self.heads

    def _result(self, layout: str) -> Sizes:
        check_mode(self.visibility.mode)
        check_sharing(self.heads, self._shared)
        query = sizes(self.query, layout, self.heads)
        demand((self.query_rope is None) == (self.key_rope is None), "query_rope and key_rope go together")
        ragged = "T" in layout
        demand(not ragged or bool(self.lengths and self.key_lengths), f"layout {layout} needs the lengths of sequences")
        if self.block_table is not None:
            demand(bool(self.key_lengths), "block_table needs the lengths of the keys")
            demand(self.value.dim() in (3, 4), "a cache of blocks must have 3 or 4 axes")
            size = self.value.shape[-1] // (self._shared if self.value.dim() == 3 else 1)
            return Sizes(query.batch, self.heads, query.rows, size)
        key, value = (sizes(x, layout, self._shared) for x in (self.key, self.value))
        demand(query.size == key.size, "query and key must have the same size of a head")
        demand(ragged or query.batch == key.batch, "query and key must have the same batch")
        demand((key.batch, key.rows) == (value.batch, value.rows), "key and value must have the same rows")
        return Sizes(query.batch, self.heads, query.rows, value.size)

    def _attend(self, number: int, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.visibility.of(number).hidden(query.shape[2], key.shape[2])
        return attend(query, key, value, self.scale, hidden)

    def _pieces(self, layout: str, query: Tensor) -> Iterator[Piece]:
        ragged = "T" in layout
        spans = _spans(ragged, self.lengths, query)
        if self.block_table is None:
            key = self._joined(layout, self.key, self.key_rope, self._shared)
            value = split(self.value, layout, self._shared)
            for (batch, rows), (_, columns) in zip(spans, _spans(ragged, self.key_lengths, key), strict=True):
                mine = (slice(batch, batch + 1), slice(None), columns)
                yield Piece(batch, rows, key[mine], value[mine])
            return
        lengths = _each(self.key_lengths or (), len(spans))
        for (batch, rows), blocks, length in zip(spans, self.block_table, lengths, strict=False):
            keys = [paged(x, blocks, length, self._shared) for x in (self.key, self.key_rope) if x is not None]
            yield Piece(batch, rows, torch.cat(keys, -1), paged(self.value, blocks, length, self._shared))

    @staticmethod
    def _joined(layout: str, x: Tensor, rope: Tensor | None, heads: int) -> Tensor:
        parts = [split(part, layout, heads) for part in (x, rope) if part is not None]
        return torch.cat(parts, -1) if len(parts) > 1 else parts[0]


def _each(lengths: Sequence[int], batch: int) -> Sequence[int]:
    """Return a length for each sequence of a batch; a single one serves every sequence."""
    return tuple(lengths) * batch if len(lengths) == 1 else lengths[:batch]


def _spans(ragged: bool, lengths: _Lengths, x: Tensor) -> list[tuple[int, slice]]:
    """Return the batch index and rows of each sequence of a tensor [batch, heads, rows, size]."""
    if ragged:
        return [(0, span) for span in ranges(lengths or ())]
    return [(index, slice(0, length)) for index, length in enumerate(_each(lengths or (x.shape[2],), x.shape[0]))]


def _prompt(
    *,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    atten_mask: Tensor | None,
    actual_seq_lengths: _Lengths,
    num_heads: int,
    scale_value: float,
    pre_tokens: int,
    next_tokens: int,
    input_layout: str,
    num_key_value_heads: int,
    actual_seq_lengths_kv: _Lengths,
    sparse_mode: int,
) -> Inference:
    return Inference(
        query,
        key,
        value,
        heads=num_heads,
        key_heads=num_key_value_heads,
        scale=scale_value,
        layout=input_layout,
        visibility=Visibility(atten_mask, sparse_mode, pre_tokens, next_tokens),
        lengths=actual_seq_lengths,
        key_lengths=actual_seq_lengths_kv,
    )


def _increment(
    *,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    atten_mask: Tensor | None,
    actual_seq_lengths: _Lengths,
    block_table: Tensor | None,
    num_heads: int,
    scale_value: float,
    input_layout: str,
    num_key_value_heads: int,
) -> Inference:
    mask = None if atten_mask is None else atten_mask.reshape(atten_mask.shape[0], 1, 1, -1)
    return Inference(
        query,
        key,
        value,
        heads=num_heads,
        key_heads=num_key_value_heads,
        scale=scale_value,
        layout=input_layout,
        visibility=Visibility(mask, 1),
        key_lengths=actual_seq_lengths,
        block_table=block_table,
    )


def _fused(
    *,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    atten_mask: Tensor | None,
    actual_seq_lengths: _Lengths,
    actual_seq_lengths_kv: _Lengths,
    block_table: Tensor | None,
    query_rope: Tensor | None,
    key_rope: Tensor | None,
    num_heads: int,
    scale: float,
    pre_tokens: int,
    next_tokens: int,
    input_layout: str,
    num_key_value_heads: int,
    sparse_mode: int,
    softmax_lse_flag: bool,
) -> Inference:
    return Inference(
        query,
        key,
        value,
        heads=num_heads,
        key_heads=num_key_value_heads,
        scale=scale,
        layout=input_layout,
        visibility=Visibility(atten_mask, sparse_mode, pre_tokens, next_tokens),
        lengths=actual_seq_lengths,
        key_lengths=actual_seq_lengths_kv,
        block_table=block_table,
        query_rope=query_rope,
        key_rope=key_rope,
        lse=softmax_lse_flag,
    )


def _fused_v2(
    *,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    atten_mask: Tensor | None,
    actual_seq_qlen: _Lengths,
    actual_seq_kvlen: _Lengths,
    block_table: Tensor | None,
    query_rope: Tensor | None,
    key_rope: Tensor | None,
    num_query_heads: int,
    softmax_scale: float,
    pre_tokens: int,
    next_tokens: int,
    input_layout: str,
    num_key_value_heads: int,
    sparse_mode: int,
    return_softmax_lse: bool,
) -> Inference:
    return Inference(
        query,
        key,
        value,
        heads=num_query_heads,
        key_heads=num_key_value_heads,
        scale=softmax_scale,
        layout=input_layout,
        visibility=Visibility(atten_mask, sparse_mode, pre_tokens, next_tokens),
        lengths=actual_seq_qlen,
        key_lengths=actual_seq_kvlen,
        block_table=block_table,
        query_rope=query_rope,
        key_rope=key_rope,
        lse=return_softmax_lse,
    )


def _row(schema: str, build: Callable[..., Inference], *inert: str) -> Row:
    @wraps(build)
    def outputs(**given: Any) -> Any:
        return build(**given).outputs()

    @wraps(build)
    def compute(**given: Any) -> Any:
        return build(**given).compute()

    return Row(schema, outputs, compute, inert=frozenset(inert))


ROWS = (
    _row(
        "npu_prompt_flash_attention(Tensor query, Tensor key, Tensor value, *, Tensor? padding_mask=None,"
        " Tensor? atten_mask=None, Tensor? pse_shift=None, int[]? actual_seq_lengths=None, Tensor? deq_scale1=None,"
        " Tensor? quant_scale1=None, Tensor? deq_scale2=None, Tensor? quant_scale2=None, Tensor? quant_offset2=None,"
        " int num_heads=1, float scale_value=1.0, int pre_tokens=2147483647, int next_tokens=0,"
        ' str input_layout="BSH", int num_key_value_heads=0, int[]? actual_seq_lengths_kv=None,'
        " int sparse_mode=0) -> Tensor",
        _prompt,
    ),
    _row(
        "npu_incre_flash_attention(Tensor query, Tensor key, Tensor value, *, Tensor? padding_mask=None,"
        " Tensor? atten_mask=None, Tensor? pse_shift=None, SymInt[]? actual_seq_lengths=None,"
        " Tensor? antiquant_scale=None, Tensor? antiquant_offset=None, Tensor? block_table=None,"
        " Tensor? dequant_scale1=None, Tensor? quant_scale1=None, Tensor? dequant_scale2=None,"
        " Tensor? quant_scale2=None, Tensor? quant_offset2=None, Tensor? kv_padding_size=None, int num_heads=1,"
        ' float scale_value=1.0, str input_layout="BSH", int num_key_value_heads=0, int block_size=0,'
        " int inner_precise=1) -> Tensor",
        _increment,
        "block_size",
        "inner_precise",
    ),
    _row(
        "npu_fused_infer_attention_score(Tensor query, Tensor key, Tensor value, *, Tensor? pse_shift=None,"
        " Tensor? atten_mask=None, SymInt[]? actual_seq_lengths=None, SymInt[]? actual_seq_lengths_kv=None,"
        " Tensor? dequant_scale1=None, Tensor? quant_scale1=None, Tensor? dequant_scale2=None,"
        " Tensor? quant_scale2=None, Tensor? quant_offset2=None, Tensor? antiquant_scale=None,"
        " Tensor? antiquant_offset=None, Tensor? key_antiquant_scale=None, Tensor? key_antiquant_offset=None,"
        " Tensor? value_antiquant_scale=None, Tensor? value_antiquant_offset=None, Tensor? block_table=None,"
        " Tensor? query_padding_size=None, Tensor? kv_padding_size=None, Tensor? key_shared_prefix=None,"
        " Tensor? value_shared_prefix=None, SymInt[]? actual_shared_prefix_len=None, Tensor? query_rope=None,"
        " Tensor? key_rope=None, Tensor? key_rope_antiquant_scale=None, int num_heads=1, float scale=1.0,"
        ' int pre_tokens=2147483647, int next_tokens=2147483647, str input_layout="BSH", int num_key_value_heads=0,'
        " int sparse_mode=0, int inner_precise=0, int block_size=0, int antiquant_mode=0, int key_antiquant_mode=0,"
        " int value_antiquant_mode=0, bool softmax_lse_flag=False) -> (Tensor, Tensor)",
        _fused,
        "block_size",
        "inner_precise",
    ),
    _row(
        "npu_fused_infer_attention_score_v2(Tensor query, Tensor key, Tensor value, *, Tensor? query_rope=None,"
        " Tensor? key_rope=None, Tensor? pse_shift=None, Tensor? atten_mask=None, SymInt[]? actual_seq_qlen=None,"
        " SymInt[]? actual_seq_kvlen=None, Tensor? block_table=None, Tensor? dequant_scale_query=None,"
        " Tensor? dequant_scale_key=None, Tensor? dequant_offset_key=None, Tensor? dequant_scale_value=None,"
        " Tensor? dequant_offset_value=None, Tensor? dequant_scale_key_rope=None, Tensor? quant_scale_out=None,"
        " Tensor? quant_offset_out=None, Tensor? quant_scale_p=None, Tensor? learnable_sink=None,"
        " int num_query_heads=1, int num_key_value_heads=0, float softmax_scale=1.0, int pre_tokens=2147483647,"
        ' int next_tokens=2147483647, str input_layout="BSH", int sparse_mode=0, int block_size=0,'
        " int query_quant_mode=0, int key_quant_mode=0, int value_quant_mode=0, int inner_precise=0,"
        " bool return_softmax_lse=False, int? query_dtype=None, int? key_dtype=None, int? value_dtype=None,"
        " int? query_rope_dtype=None, int? key_rope_dtype=None, int? key_shared_prefix_dtype=None,"
        " int? value_shared_prefix_dtype=None, int? dequant_scale_query_dtype=None,"
        " int? dequant_scale_key_dtype=None, int? dequant_scale_value_dtype=None,"
        " int? dequant_scale_key_rope_dtype=None, int? out_dtype=None) -> (Tensor, Tensor)",
        _fused_v2,
        "block_size",
        "inner_precise",
    ),
)
