"""Attention as every vendor operator of it means it: layouts, which positions are hidden, and the softmax between."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from npusim.frontends.torch.vendor_ops.table import demand, wide

UNBOUNDED = 2147483647


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of queries, keys or values, whatever their layout."""

    batch: int
    heads: int
    rows: int
    size: int

    def shape(self, layout: str) -> tuple[int, ...]:
        """Return the shape of a tensor of these sizes in a layout."""
        letters = {"B": self.batch, "N": self.heads, "S": self.rows, "D": self.size, "H": self.heads * self.size}
        return tuple(letters["S" if letter == "T" else letter] for letter in layout)


@dataclass(frozen=True, slots=True)
class Piece:
    """One sequence of a batch: where its rows lie in the query, and its own key and value [1, heads, columns, size]."""

    batch: int
    rows: slice
    key: Tensor
    value: Tensor


Attention = Callable[[int, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""What computes one piece: takes its number, query, key and value."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Which keys a query may see; every one if there is no mask, whatever the mode.

    mask    true where a key is hidden
    mode    0 and 1: as `mask` says, in mode 0 also within `before` and `after`, counted from the top left corner;
            2 and 3: no key after the query, rows and columns counted from the top left or the bottom right corner;
            4: within `before` and `after`, counted from the bottom right corner. In modes 2 to 4 the mask is the
            chip's constant triangle and is not read
    """

    mask: Tensor | None = None
    mode: int = 0
    before: int = UNBOUNDED
    after: int = UNBOUNDED

    def of(self, number: int) -> "Visibility":
        """Return what the sequence of a number in the batch may see."""
        if self.mask is None or self.mask.dim() < 3 or self.mask.shape[0] == 1:
            return self
        return replace(self, mask=self.mask[number : number + 1])

    def hidden(self, rows: int, columns: int) -> Tensor | None:
        """Return a bool tensor that broadcasts to [batch, heads, rows, columns], true where hidden; None if nowhere."""
        if self.mask is None:
            return None
        ahead = torch.arange(columns, device=self.mask.device)
        ahead = ahead - torch.arange(rows, device=self.mask.device)[:, None]
        if self.mode > 2:
            ahead = ahead - (columns - rows)
        if self.mode in (2, 3):
            return ahead > 0
        outside = (ahead > self.after) | (ahead < -self.before)
        if self.mode == 4:
            return outside
        mask = self.mask.bool()
        mask = (mask.unsqueeze(1) if mask.dim() == 3 else mask)[..., :rows, :columns]
        return mask | outside if self.mode == 0 else mask


def sizes(x: Tensor, layout: str, heads: int) -> Sizes:
    """Return the sizes of a tensor in a layout; raises CallError if the tensor cannot lie so.

    A layout has a letter an axis: B batch, N heads, S rows, D size, H heads times size, T every row of a batch.
    """
    demand(x.dim() == len(layout), f"layout {layout} has {len(layout)} axes, not those of {list(x.shape)}")
    demand(heads > 0, f"the number of heads is {heads}")
    found = dict(zip(layout.replace("T", "S"), x.shape, strict=True))
    if "H" in found:
        demand(found["H"] % heads == 0, f"the last size of {list(x.shape)} is not {heads} heads")
        found |= {"N": heads, "D": found["H"] // heads}
    demand(found["N"] == heads, f"{layout} {list(x.shape)} has {found['N']} heads, not {heads}")
    return Sizes(found.get("B", 1), heads, found["S"], found["D"])


def split(x: Tensor, layout: str, heads: int) -> Tensor:
    """Return a view [batch, heads, rows, size] of a tensor in a layout."""
    if layout.endswith("H"):
        x = x.reshape(*x.shape[:-1], heads, -1)
    letters = layout.replace("H", "ND").replace("T", "S")
    if "B" not in letters:
        x, letters = x.unsqueeze(0), f"B{letters}"
    return x.permute([letters.index(letter) for letter in "BNSD"])


def join(y: Tensor, layout: str) -> Tensor:
    """Return [batch, heads, rows, size] in a layout."""
    letters = layout.replace("H", "ND").replace("T", "S")
    if "B" not in letters:
        return join(y, f"B{layout}").squeeze(0)
    y = y.permute(["BNSD".index(letter) for letter in letters])
    return y.flatten(-2) if layout.endswith("H") else y


def attend(
    query: Tensor, key: Tensor, value: Tensor, scale: float, hidden: Tensor | None = None, *, bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return softmax(scale * query key^T + bias) value, and each row's largest score and sum of exponentials.

    query is [batch, heads, rows, size]; key and value may have fewer heads, each of which then serves several of the
    query's. A row that sees no key gives zeros, with a largest score of -inf and a sum of 0. NaN stays NaN.
    """
    shared = query.shape[1] // key.shape[1]
    query, key, value = wide(query), wide(key), wide(value)
    if shared > 1:
        key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
    scores = query @ key.transpose(-1, -2) * scale
    if bias is not None:
        scores = scores + wide(bias)
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    largest = scores.amax(-1, keepdim=True)
    exponentials = (scores - largest.masked_fill(largest == -torch.inf, 0)).exp()
    total = exponentials.sum(-1, keepdim=True)
    return exponentials @ value / total.masked_fill(total == 0, 1), largest, total


def ranges(ends: Sequence[int]) -> Iterator[slice]:
    """Return the rows of each sequence, given where each ends; a trailing end of 0 stands for a sequence of no rows."""
    return (slice(start, max(start, end)) for start, end in pairwise((0, *ends)))


def paged(cache: Tensor, blocks: Tensor, length: int, heads: int) -> Tensor:
    """Return [1, heads, length, size] of one sequence from a cache of blocks.

    The cache is [blocks, block size, heads * size], [blocks, block size, heads, size] or [blocks, heads, block size,
    size]; where both of the latter could be meant, the first is taken.
    """
    if cache.dim() == 3:
        cache = cache.reshape(*cache.shape[:-1], heads, -1)
    elif cache.shape[2] != heads:
        cache = cache.transpose(1, 2)
    used = blocks[: -(-length // cache.shape[1])].long()
    return cache[used].flatten(0, 1)[:length].transpose(0, 1).unsqueeze(0)


def by_sequence(
    attention: Attention, query: Tensor, value_size: int, pieces: Iterable[Piece]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `attend` does for a query [batch, heads, rows, size] of which each piece attends on its own.

    Rows of no piece, and pieces without keys, give zeros, with a largest score of -inf and a sum of 0.
    """
    rows = wide(query[..., :1])
    results = rows.new_zeros((*rows.shape[:-1], value_size)), torch.full_like(rows, -torch.inf), torch.zeros_like(rows)
    for number, piece in enumerate(pieces):
        if piece.rows.stop > piece.rows.start and piece.key.shape[2]:
            mine = (slice(piece.batch, piece.batch + 1), slice(None), piece.rows)
            for whole, part in zip(results, attention(number, query[mine], piece.key, piece.value), strict=True):
                whole[mine] = part
    return results


def check_sharing(heads: int, key_heads: int) -> None:
    """Demand that each head of the keys serves equally many of the queries."""
    demand(key_heads > 0 and heads % key_heads == 0, f"{heads} heads of query cannot share {key_heads} of key")


def check_mode(mode: int, known: Sequence[int] = range(5)) -> None:
    """Demand a sparse mode that Visibility has."""
    demand(mode in known, f"sparse_mode is {mode}; the stand-in computes {', '.join(map(str, known))}")
