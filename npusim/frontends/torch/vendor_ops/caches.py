"""Stand-ins of the ATB operators of inference engines: writing caches of blocks, and attention over them.

Every one writes its result into a tensor that it is given, and returns nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from npusim.frontends.torch.vendor_ops.attending import (
    Piece,
    attend,
    by_sequence,
    check_sharing,
    join,
    paged,
    split,
)
from npusim.frontends.torch.vendor_ops.table import ATB, Row, demand


def _check_slots(rows: Tensor, cache: Tensor, slots: Tensor) -> None:
    demand(slots.numel() == rows.shape[0], f"there are {rows.shape[0]} rows to write and {slots.numel()} slots")
    demand(
        rows[:1].numel() == cache[:1, :1].numel(), "a row to write must have as many elements as a slot of the cache"
    )


def _write(rows: Tensor, cache: Tensor, slots: Tensor) -> None:
    """Write each row into its slot, counted over all blocks; a negative slot takes none."""
    slots = slots.reshape(-1).long()
    kept = slots >= 0
    block, place = slots[kept] // cache.shape[1], slots[kept] % cache.shape[1]
    cache[block, place] = rows[kept].reshape(-1, *cache.shape[2:]).to(cache.dtype)


def _both_fit(key: Tensor, value: Tensor, key_cache: Tensor, value_cache: Tensor, slots: Tensor) -> None:
    _check_slots(key, key_cache, slots)
    _check_slots(value, value_cache, slots)


def _reshape_and_cache_outputs(
    key: Tensor, value: Tensor, key_cache: Tensor, value_cache: Tensor, slot_indices: Tensor
) -> None:
    _both_fit(key, value, key_cache, value_cache, slot_indices)


def _reshape_and_cache(
    key: Tensor, value: Tensor, key_cache: Tensor, value_cache: Tensor, slot_indices: Tensor
) -> None:
    _write(key, key_cache, slot_indices)
    _write(value, value_cache, slot_indices)


def _one_outputs(key: Tensor, key_cache: Tensor, slot_indices: Tensor) -> None:
    _check_slots(key, key_cache, slot_indices)


def _one(key: Tensor, key_cache: Tensor, slot_indices: Tensor) -> None:
    _write(key, key_cache, slot_indices)


def _scatter_outputs(key: Tensor, value: Tensor, key_cache: Tensor, value_cache: Tensor, slot_mapping: Tensor) -> None:
    _both_fit(key, value, key_cache, value_cache, slot_mapping)


def _scatter(
    *, key: Tensor, value: Tensor, key_cache: Tensor, value_cache: Tensor, slot_mapping: Tensor, cache_mode: str | None
) -> None:
    demand(cache_mode in ("Norm", ""), f"cache_mode is {cache_mode!r}; the stand-in writes a cache in mode 'Norm'")
    _write(key, key_cache, slot_mapping)
    _write(value, value_cache, slot_mapping)


def _check_flash(query: Tensor, out: Tensor, num_heads: int, num_kv_heads: int) -> None:
    check_sharing(num_heads, num_kv_heads)
    demand(query.shape[0] == out.shape[0], "out must have a row for each row of query")
    demand(query[:1].numel() % num_heads == 0, f"a row of query is not {num_heads} heads")


def _three_axes(x: Tensor, heads: int) -> Tensor:
    """Return [rows, heads, size] of [rows, heads, size] or [rows, heads * size]."""
    return x.reshape(x.shape[0], heads, -1)


def _flash(
    query: Tensor, out: Tensor, *, scale: float, heads: int, pieces: Callable[[Tensor], Iterator[Piece]], size: int
) -> None:
    """Attend piece by piece and write the result into `out`."""

    def one(_: int, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return attend(q, k, v, scale)

    rows = split(_three_axes(query, heads), "TND", heads)
    attended, _, _ = by_sequence(one, rows, size, pieces(rows))
    out.copy_(join(attended, "TND").reshape(out.shape))


def _unpad_outputs(query: Tensor, out: Tensor, num_heads: int, num_kv_heads: int) -> None:
    _check_flash(query, out, num_heads, num_kv_heads)


def _unpad(
    *,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    seq_len: Tensor,
    scale_value: float,
    num_heads: int,
    num_kv_heads: int,
    out: Tensor,
) -> None:
    """Attend within each sequence, every row to every row; seq_len says how many rows each has."""
    keys, values = (split(_three_axes(x, num_kv_heads), "TND", num_kv_heads) for x in (key, value))

    def pieces(_: Tensor) -> Iterator[Piece]:
        start = 0
        for length in seq_len.tolist():
            rows = slice(start, start + length)
            yield Piece(0, rows, keys[:, :, rows], values[:, :, rows])
            start += length

    _flash(query, out, scale=scale_value, heads=num_heads, pieces=pieces, size=values.shape[3])


def _paged_outputs(query: Tensor, key_cache: Tensor, out: Tensor, num_heads: int, num_kv_heads: int) -> None:
    _check_flash(query, out, num_heads, num_kv_heads)
    demand(key_cache.dim() in (3, 4), "a cache of blocks must have 3 or 4 axes")


def _paged(
    *,
    query: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    num_kv_heads: int,
    num_heads: int,
    scale_value: float,
    block_table: Tensor,
    context_lens: Tensor,
    out: Tensor,
) -> None:
    """Attend with each row of query to its own sequence in the cache, of the length that context_lens says."""

    def pieces(_: Tensor) -> Iterator[Piece]:
        for row, (blocks, length) in enumerate(zip(block_table, context_lens.tolist(), strict=True)):
            key, value = (paged(cache, blocks, length, num_kv_heads) for cache in (key_cache, value_cache))
            yield Piece(0, slice(row, row + 1), key, value)

    size = value_cache.shape[-1] // (num_kv_heads if value_cache.dim() == 3 else 1)
    _flash(query, out, scale=scale_value, heads=num_heads, pieces=pieces, size=size)


def _paged_mla(
    *,
    query: Tensor,
    key_cache: Tensor,
    num_kv_heads: int,
    num_heads: int,
    scale_value: float,
    block_table: Tensor,
    context_lens: Tensor,
    mla_vheadsize: int,
    out: Tensor,
) -> None:
    """Attend as `_paged` does, with the first `mla_vheadsize` elements of each cached key as its value."""
    _paged(
        query=query,
        key_cache=key_cache,
        value_cache=key_cache[..., :mla_vheadsize],
        num_kv_heads=num_kv_heads,
        num_heads=num_heads,
        scale_value=scale_value,
        block_table=block_table,
        context_lens=context_lens,
        out=out,
    )


def _row(schema: str, outputs: Callable[..., Any], compute: Callable[..., Any], file: str, *inert: str) -> Row:
    return Row(schema, outputs, compute, frozenset(inert), "atb", f"{ATB}/{file}")


ROWS = (
    _row(
        "_npu_reshape_and_cache(Tensor key, Tensor value, Tensor(a!) key_cache, Tensor(b!) value_cache,"
        " Tensor slot_indices) -> ()",
        _reshape_and_cache_outputs,
        _reshape_and_cache,
        "ReshapeAndCachAtb.cpp",
    ),
    _row(
        "_npu_reshape_and_cache_siso(Tensor key, Tensor(a!) key_cache, Tensor slot_indices) -> ()",
        _one_outputs,
        _one,
        "ReshapeAndCacheSisoAtb.cpp",
    ),
    _row(
        "_npu_flash_attention_unpad(Tensor query, Tensor key, Tensor value, Tensor seq_len, float scale_value,"
        " int num_heads, int num_kv_heads, Tensor(a!) out) -> ()",
        _unpad_outputs,
        _unpad,
        "SelfAttentionUnpadAtb.cpp",
    ),
    _row(
        "_npu_paged_attention(Tensor query, Tensor key_cache, Tensor value_cache, int num_kv_heads, int num_heads,"
        " float scale_value, Tensor block_table, Tensor context_lens, Tensor(a!) out, *,Tensor? workspace=None) -> ()",
        _paged_outputs,
        _paged,
        "PagedAttentionAtb.cpp",
        "workspace",
    ),
    _row(
        "_npu_paged_attention_mla(Tensor query, Tensor key_cache, int num_kv_heads, int num_heads, float scale_value,"
        " Tensor block_table, Tensor context_lens, int mla_vheadsize, Tensor(a!) out) -> ()",
        _paged_outputs,
        _paged_mla,
        "PagedAttentionMlaAtb.cpp",
    ),
    Row(
        "npu_scatter_pa_kv_cache(Tensor key, Tensor value, Tensor(a!) key_cache, Tensor(b!) value_cache,"
        " Tensor slot_mapping, *, Tensor? compress_lens=None, Tensor? compress_seq_offsets=None, Tensor? seq_lens=None,"
        " str? cache_mode='PA_NZ') -> ()",
        _scatter_outputs,
        _scatter,
    ),
)
