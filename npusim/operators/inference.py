"""Shape and dtype inference: what comes out of an operator, before any chip has a say."""

import math
from collections.abc import Sequence

from npusim.call import TensorType
from npusim.dtypes import DTYPES, DType, Kind, dtype, promote
from npusim.errors import CallError, NoResultDtypeError

FLOAT32 = DTYPES["float32"]
BOOL = DTYPES["bool"]


def result_dtype(types: Sequence[TensorType]) -> DType:
    """Return the dtype in which these operands meet, by torch's rule.

    Tensors with dimensions decide; a 0-d tensor counts only if its kind (bool < integer < float < complex) is higher.
    Source: torch.result_type, "Tensor Attributes" in the PyTorch documentation. Raises CallError if there is none.
    """
    shaped = [t.dtype for t in types if t.shape]
    scalars = [t.dtype for t in types if not t.shape]
    if not shaped:
        return _join(scalars)
    result = _join(shaped)
    if scalars:
        scalar = _join(scalars)
        if scalar.kind.value > result.kind.value:
            return _join([result, scalar])
    return result


def _join(dtypes: Sequence[DType]) -> DType:
    joined = dtypes[0]
    for other in dtypes[1:]:
        common = promote(joined, other)
        if common is None:
            reason = f"{joined} and {other} have no common dtype to promote to; cast one of them first"
            raise NoResultDtypeError(reason)
        joined = common
    return joined


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that numpy's broadcasting rule gives; raises CallError naming the shapes if they do not fit."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = []
    for sizes in zip(*padded, strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            raise CallError(f"shapes {' and '.join(map(_show, shapes))} cannot be broadcast together")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def axis(dim: int, rank: int, what: str = "dim") -> int:
    """Return `dim` counted from the front; raises CallError unless -rank <= dim < rank (rank 0 counts as 1)."""
    span = max(rank, 1)
    if not -span <= dim < span:
        raise CallError(f"{what}={dim} is out of range for a tensor of rank {rank}; allowed: {-span}..{span - 1}")
    return dim % span


def same(self: TensorType, **_: object) -> tuple[TensorType, ...]:
    """One output like the only input."""
    return (self,)


def floating(self: TensorType, **_: object) -> tuple[TensorType, ...]:
    """As `same`, integers and bool becoming float32 (torch's default dtype)."""
    return (TensorType(_as_float(self.dtype), self.shape),)


def _as_float(found: DType) -> DType:
    return FLOAT32 if found.kind in {Kind.BOOL, Kind.INTEGER} else found


def elementwise(self: TensorType, other: TensorType, **_: object) -> tuple[TensorType, ...]:
    """Broadcast and promoted."""
    return (TensorType(result_dtype((self, other)), broadcast(self.shape, other.shape)),)


def scaled_elementwise(self: TensorType, other: TensorType, *, alpha: float) -> tuple[TensorType, ...]:
    """As `elementwise`; integers take no fractional alpha (torch's rule)."""
    result = elementwise(self, other)
    if isinstance(alpha, float) and result[0].dtype.kind.value < Kind.FLOAT.value:
        raise CallError(f"alpha={alpha} of {result[0].dtype} tensors must be a whole number")
    return result


def floating_elementwise(self: TensorType, other: TensorType) -> tuple[TensorType, ...]:
    """As `elementwise`, integers and bool becoming float32."""
    return floating(*elementwise(self, other))


def comparison(self: TensorType, other: TensorType) -> tuple[TensorType, ...]:
    """Broadcast, to bool; the operands must have a common dtype."""
    return (TensorType(BOOL, elementwise(self, other)[0].shape),)


def where(condition: TensorType, self: TensorType, other: TensorType) -> tuple[TensorType, ...]:
    """All three broadcast, the two values promoted."""
    if condition.dtype.kind not in {Kind.BOOL, Kind.INTEGER}:
        raise CallError(f"where takes a condition of bool or, where a chip allows it, integers, not {condition.dtype}")
    shape = broadcast(condition.shape, self.shape, other.shape)
    return (TensorType(result_dtype((self, other)), shape),)


def cast(self: TensorType, *, dtype: str) -> tuple[TensorType, ...]:
    """The same shape in another dtype."""
    return (TensorType(_row(dtype), self.shape),)


def _row(name: str) -> DType:
    return dtype(name)


def made(*, size: Sequence[int] = (), dtype: str | None, **_: object) -> tuple[TensorType, ...]:
    """A new tensor; without a dtype, float32 (torch's default dtype)."""
    return (TensorType(FLOAT32 if dtype is None else _row(dtype), tuple(size)),)


def arange(*, start: float, end: float, step: float, dtype: str | None) -> tuple[TensorType, ...]:
    """As many numbers as fit from `start` until before `end`; int64 if none of the three has a fraction."""
    if step == 0 or (end - start) / step < 0:
        raise CallError(f"arange from {start:g} to {end:g} in steps of {step:g} has no end")
    whole = all(isinstance(number, int) for number in (start, end, step))
    return made(size=(math.ceil((end - start) / step),), dtype="int64" if dtype is None and whole else dtype)


def _reduced(shape: tuple[int, ...], dim: Sequence[int] | None, keepdim: bool) -> tuple[int, ...]:
    axes = {axis(d, len(shape)) for d in dim} if dim else set(range(len(shape)))
    if dim and len(axes) != len(dim):
        raise CallError(f"dim={tuple(dim)} names an axis twice for a tensor of rank {len(shape)}")
    return tuple(1 if i in axes else size for i, size in enumerate(shape) if keepdim or i not in axes)


def total(self: TensorType, *, dim: Sequence[int] | None, keepdim: bool, dtype: str | None) -> tuple[TensorType, ...]:
    """A sum: integers and bool are summed in int64, as torch does, unless a dtype is given."""
    default = self.dtype if self.dtype.kind.value >= Kind.FLOAT.value else DTYPES["int64"]
    return (TensorType(_row(dtype) if dtype else default, _reduced(self.shape, dim, keepdim)),)


def average(self: TensorType, *, dim: Sequence[int] | None, keepdim: bool, dtype: str | None) -> tuple[TensorType, ...]:
    """A mean: of floats, or into a dtype that is one."""
    result = _row(dtype) if dtype else self.dtype
    if result.kind.value < Kind.FLOAT.value:
        error = CallError if dtype else NoResultDtypeError
        raise error(f"mean of {result} has no float result; give dtype=float32 or another float dtype")
    return (TensorType(result, _reduced(self.shape, dim, keepdim)),)


def extremum(self: TensorType, *, dim: Sequence[int] | None = None, keepdim: bool = False) -> tuple[TensorType, ...]:
    """A maximum: of at least one element."""
    shape = _reduced(self.shape, dim, keepdim)
    if math.prod(self.shape) == 0 and math.prod(shape) > 0:
        raise CallError(f"the maximum over an empty axis of {_show(self.shape)} is not defined")
    return (TensorType(self.dtype, shape),)


def along(self: TensorType, *, dim: int) -> tuple[TensorType, ...]:
    """Like the input, floats, with an axis that exists."""
    axis(dim, self.rank)
    return floating(self)


def normalised(
    input: TensorType,  # noqa: A002 - the port's name
    weight: TensorType | None,
    bias: TensorType | None = None,
    *,
    normalized_shape: Sequence[int],
    **_: object,
) -> tuple[TensorType, ...]:
    """Like the input, floats, whose trailing sizes are `normalized_shape`, as are those of weight and bias."""
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise CallError(
            f"normalized_shape={_show(shape)} must be the trailing sizes of the input, {_show(input.shape)}"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given.shape != shape:
            raise CallError(f"{name} must have the shape {_show(shape)} of normalized_shape, not {_show(given.shape)}")
    return floating(input)


def matmul(self: TensorType, mat2: TensorType) -> tuple[TensorType, ...]:
    """numpy.matmul's shapes: batched, broadcast, one-dimensional operands as vectors."""
    return (TensorType(result_dtype((self, mat2)), _matmul_shape(self.shape, mat2.shape)),)


def _matmul_shape(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    if not left or not right:
        raise CallError(f"matmul takes tensors of rank 1 and more, not {_show(left)} and {_show(right)}")
    rows, cols = (1, *left)[-2:], (*right, 1)[:2] if len(right) == 1 else right[-2:]
    if rows[1] != cols[0]:
        raise CallError(f"matmul of {_show(left)} and {_show(right)}: the inner sizes {rows[1]} and {cols[0]} differ")
    return broadcast(left[:-2], right[:-2]) + rows[:1] * (len(left) > 1) + cols[1:] * (len(right) > 1)


def linear(input: TensorType, weight: TensorType, bias: TensorType | None) -> tuple[TensorType, ...]:  # noqa: A002
    """input[..., in] @ weight[out, in].T + bias[out]."""
    if weight.rank != 2:
        raise CallError(f"linear takes a weight of rank 2 (out, in), not {_show(weight.shape)}")
    shape = _matmul_shape(input.shape, weight.shape[::-1])
    if bias is not None and broadcast(bias.shape, shape) != shape:
        raise CallError(f"linear: a bias of shape {_show(bias.shape)} does not fit the result {_show(shape)}")
    return (TensorType(result_dtype([t for t in (input, weight, bias) if t is not None]), shape),)


def matmul_all_reduce(
    x1: TensorType, x2: TensorType, bias: TensorType | None, x3: TensorType | None, **_: object
) -> tuple[TensorType, ...]:
    """x1 @ x2 (+ bias + x3), summed over the ranks of a group."""
    shape = _matmul_shape(x1.shape, x2.shape)
    for name, given in (("bias", bias), ("x3", x3)):
        if given is not None and broadcast(given.shape, shape) != shape:
            raise CallError(f"matmul_all_reduce: {name} {_show(given.shape)} does not fit the result {_show(shape)}")
    return (TensorType(result_dtype((x1, x2)), shape),)


def rotary(x: TensorType, cos: TensorType, sin: TensorType, *, mode: int) -> tuple[TensorType, ...]:
    """Like x, whose last size is even; cos and sin broadcast against it."""
    if mode not in {0, 1}:
        raise CallError(f"mode={mode} of rotary_position_embedding: allowed are 0 (half) and 1 (interleave)")
    if not x.shape or x.shape[-1] % 2:
        raise CallError(f"rotary_position_embedding rotates pairs: the last size of x {_show(x.shape)} must be even")
    if broadcast(x.shape, cos.shape, sin.shape) != x.shape:
        raise CallError(f"cos {_show(cos.shape)} and sin {_show(sin.shape)} must broadcast to x {_show(x.shape)}")
    return (x,)


def attention(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    attn_mask: TensorType | None,
    *,
    is_causal: bool,
    enable_gqa: bool,
    **_: object,
) -> tuple[TensorType, ...]:
    """[..., L, E] x [..., S, E] x [..., S, Ev] -> [..., L, Ev], in the dtype of the query."""
    if min(query.rank, key.rank, value.rank) < 2:
        raise CallError("scaled_dot_product_attention takes query, key and value of rank 2 and more")
    if query.shape[-1] != key.shape[-1]:
        raise CallError(f"query and key must have one head size, not {query.shape[-1]} and {key.shape[-1]}")
    if key.shape[-2] != value.shape[-2]:
        raise CallError(f"key and value must have one length, not {key.shape[-2]} and {value.shape[-2]}")
    if attn_mask is not None and is_causal:
        raise CallError("scaled_dot_product_attention takes attn_mask or is_causal=True, not both")
    lead = _attention_lead(query.shape[:-2], key.shape[:-2], value.shape[:-2], enable_gqa)
    scores = (*lead, query.shape[-2], key.shape[-2])
    if attn_mask is not None and broadcast(attn_mask.shape, scores) != scores:
        raise CallError(f"attn_mask {_show(attn_mask.shape)} does not fit the scores {_show(scores)}")
    return (TensorType(_as_float(query.dtype), (*lead, query.shape[-2], value.shape[-1])),)


def _attention_lead(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], enable_gqa: bool
) -> tuple[int, ...]:
    if not enable_gqa:
        return broadcast(query, key, value)
    if not query or not key or key[-1:] != value[-1:] or key[-1] == 0 or query[-1] % key[-1]:
        raise CallError(f"enable_gqa needs query heads {query[-1:]} to be a multiple of key and value heads {key[-1:]}")
    return broadcast(query[:-1], key[:-1], value[:-1]) + query[-1:]


def cat(tensors: Sequence[TensorType], *, dim: int) -> tuple[TensorType, ...]:
    """Joined along an axis; all other sizes equal. A tensor of shape [0] adds its dtype only (torch's rule)."""
    if not tensors:
        raise CallError("cat takes at least one tensor")
    joined = [t for t in tensors if t.shape != (0,)] or tensors
    first = joined[0]
    along_axis = axis(dim, first.rank)

    def others(t: TensorType) -> tuple[int, ...]:
        return t.shape[:along_axis] + t.shape[along_axis + 1 :]

    for t in joined:
        if t.rank == 0 or t.rank != first.rank or others(t) != others(first):
            raise CallError(f"cat along dim={dim}: {_show(t.shape)} does not fit {_show(first.shape)}")
    size = sum(t.shape[along_axis] for t in joined)
    return (TensorType(result_dtype(tensors), (*first.shape[:along_axis], size, *first.shape[along_axis + 1 :])),)


def split_sizes(size: int, split_size: int | Sequence[int]) -> tuple[int, ...]:
    """Return the length of every part; raises CallError if they do not make up `size`."""
    if isinstance(split_size, int):
        if split_size <= 0:
            raise CallError(f"split_size={split_size} must be positive")
        whole, rest = divmod(size, split_size)
        return (split_size,) * whole + ((rest,) if rest or not whole else ())
    sizes = tuple(split_size)
    if not sizes or sum(sizes) != size or min(sizes) < 0:
        raise CallError(f"split_size={sizes} must be sizes that add up to {size}, the size of the axis")
    return sizes


def split(self: TensorType, *, split_size: int | Sequence[int], dim: int) -> tuple[TensorType, ...]:
    """Cut along an axis, into equal parts (the last may be shorter) or given ones."""
    if not self.shape:
        raise CallError("split takes a tensor of rank 1 and more")
    at = axis(dim, self.rank)
    sizes = split_sizes(self.shape[at], split_size)
    return tuple(TensorType(self.dtype, (*self.shape[:at], size, *self.shape[at + 1 :])) for size in sizes)


def reshape(self: TensorType, *, shape: Sequence[int]) -> tuple[TensorType, ...]:
    """The same elements in another shape; one size may be -1."""
    sizes, elements = list(shape), math.prod(self.shape)
    if sizes.count(-1) > 1 or any(size < -1 for size in sizes):
        raise CallError(f"shape={_show(shape)} of reshape: sizes are 0 or more, and at most one is -1")
    if -1 in sizes:
        rest = math.prod(size for size in sizes if size != -1)
        if rest == 0:
            raise CallError(f"shape={_show(shape)} of reshape: -1 beside a 0 could be any size")
        sizes[sizes.index(-1)] = elements // rest
    if math.prod(sizes) != elements:
        raise CallError(
            f"reshape of {_show(self.shape)} ({elements} elements) to {_show(shape)} loses or adds elements"
        )
    return (TensorType(self.dtype, tuple(sizes)),)


def transpose(self: TensorType, *, dim0: int, dim1: int) -> tuple[TensorType, ...]:
    """Two axes exchanged."""
    first, second = axis(dim0, self.rank, "dim0"), axis(dim1, self.rank, "dim1")
    sizes = list(self.shape)
    if sizes:
        sizes[first], sizes[second] = sizes[second], sizes[first]
    return (TensorType(self.dtype, tuple(sizes)),)


def permute(self: TensorType, *, dims: Sequence[int]) -> tuple[TensorType, ...]:
    """Every axis in a new order."""
    order = tuple(axis(d, self.rank, "dims") for d in dims)
    if sorted(order) != list(range(self.rank)):
        raise CallError(f"dims={tuple(dims)} is not a permutation of the {self.rank} axes of {_show(self.shape)}")
    return (TensorType(self.dtype, tuple(self.shape[i] for i in order)),)


def slice_bounds(size: int, start: int | None, end: int | None, step: int) -> tuple[int, int]:
    """Return the clamped start and end; raises CallError unless step is positive (torch's rule)."""
    if step <= 0:
        raise CallError(f"step={step} of slice must be positive")
    low, high, _ = slice(start, end, step).indices(size)
    return low, max(low, high)


def slice_(self: TensorType, *, dim: int, start: int | None, end: int | None, step: int) -> tuple[TensorType, ...]:
    """A strided range of one axis, out-of-range bounds clamped."""
    if not self.shape:
        raise CallError("slice takes a tensor of rank 1 and more")
    at = axis(dim, self.rank)
    low, high = slice_bounds(self.shape[at], start, end, step)
    size = (high - low + step - 1) // step
    return (TensorType(self.dtype, (*self.shape[:at], size, *self.shape[at + 1 :])),)


def _index(name: str, found: TensorType) -> None:
    if not found.dtype.is_integer:
        raise CallError(f"{name} must be integers, not {found.dtype}")


def gather(self: TensorType, index: TensorType, *, dim: int) -> tuple[TensorType, ...]:
    """out[i][j][k] = self[index[i][j][k]][j][k] for dim=0, and so on; index no larger than self on the other axes."""
    _index("index", index)
    at = axis(dim, self.rank)
    if index.rank != self.rank or any(
        i > s for d, (i, s) in enumerate(zip(index.shape, self.shape, strict=True)) if d != at
    ):
        raise CallError(f"gather along dim={dim}: index {_show(index.shape)} does not fit self {_show(self.shape)}")
    return (TensorType(self.dtype, index.shape),)


def embedding(weight: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
    """Rows of a table."""
    _index("indices", indices)
    if weight.rank != 2:
        raise CallError(f"embedding takes a weight of rank 2, not {_show(weight.shape)}")
    return (TensorType(weight.dtype, indices.shape + weight.shape[1:]),)


def _show(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
