"""What the operators mean: float64 versions that are written to be read, not to be fast."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.dtypes import Kind
from npusim.dtypes import dtype as dtype_row

Array = NDArray[Any]

erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(self: Array, *, approximate: str) -> Any:
    """The Gaussian error linear unit, exact or by Hendrycks and Gimpel's tanh formula (arXiv:1606.08415)."""
    if approximate == "tanh":
        return 0.5 * self * (1 + np.tanh(math.sqrt(2 / math.pi) * (self + 0.044715 * self**3)))
    return 0.5 * self * (1 + erf(self / math.sqrt(2)))


def of_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with an integer or bool operand made float64 first, which numpy itself does only for int64."""
    return lambda self, **attributes: function(self * 1.0, **attributes)


def like(result: Any, *operands: Array) -> Any:
    """Return `result` in the dtype to which the operands promote: numpy counts with bool as with integers."""
    return np.asarray(result).astype(np.result_type(*operands))


def power(self: Array, exponent: Array) -> Any:
    """Self ** exponent; of integers, what is left of a fraction is 0."""
    if np.result_type(self, exponent).kind in "fc":
        return np.power(self, exponent)
    whole = np.power(self, np.maximum(exponent, 0))
    inverse = np.where(self == 1, 1, np.where(self == -1, 1 - 2 * (exponent % 2), 0))
    return like(np.where(exponent < 0, inverse, whole), self, exponent)


def sigmoid(self: Array) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-self))


def silu(self: Array) -> Any:
    """X * sigmoid(x) (arXiv:1702.03118)."""
    return self * sigmoid(self)


def cast(self: Array, *, dtype: str) -> Any:
    """Converted by the library that defines the format; integers are truncated towards zero."""
    storage = dtype_row(dtype).storage
    return self.astype(storage)


def _axes(self: Array, dim: Sequence[int] | None) -> tuple[int, ...] | None:
    return tuple(dim) if dim and self.ndim else None


def _entering(self: Array, dtype: str | None) -> Array:
    """The operand of a reduction, converted before it is summed if a dtype is given (torch's rule); floats to float64.

    Integers and bool are summed in int64 where none is.
    """
    kind = None if dtype is None else dtype_row(dtype).kind
    if kind is None:
        return self.astype(np.int64) if self.dtype.kind in "bui" else self
    return self * 1.0 if kind in {Kind.FLOAT, Kind.COMPLEX} else cast(self, dtype=str(dtype))


def total(self: Array, *, dim: Sequence[int] | None, keepdim: bool, dtype: str | None) -> Any:
    """The sum over some axes, or all."""
    entering = _entering(self, dtype)
    return np.sum(entering, axis=_axes(self, dim), keepdims=keepdim, dtype=entering.dtype)


def average(self: Array, *, dim: Sequence[int] | None, keepdim: bool, dtype: str | None) -> Any:
    """The mean over some axes, or all."""
    axes = _axes(self, dim)
    count = self.size if axes is None else math.prod(self.shape[axis] for axis in axes)
    return np.sum(_entering(self, dtype), axis=axes, keepdims=keepdim) / np.float64(count)


def maximum_of(self: Array, *, dim: Sequence[int] | None = None, keepdim: bool = False) -> Any:
    """The largest element over some axes, or all; NaN where there is one."""
    return np.max(self, axis=_axes(self, dim), keepdims=keepdim)


def softmax(self: Array, *, dim: int) -> Any:
    """exp(x) / sum(exp(x)), shifted by the maximum."""
    shifted = np.exp(self - np.max(self, axis=dim, keepdims=True, initial=-math.inf))
    return shifted / np.sum(shifted, axis=dim, keepdims=True)


def _trailing(normalized_shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(range(-len(normalized_shape), 0))


def layer_norm(
    input: Array,  # noqa: A002 - the port's name
    weight: Array | None,
    bias: Array | None,
    *,
    normalized_shape: Sequence[int],
    eps: float,
) -> Any:
    """(x - mean) / sqrt(variance + eps) * weight + bias, over the trailing axes (arXiv:1607.06450)."""
    axes = _trailing(normalized_shape)
    centred = input - input.mean(axis=axes, keepdims=True)
    result = centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + eps)
    return result * (1 if weight is None else weight) + (0 if bias is None else bias)


def rms_norm(
    input: Array,  # noqa: A002 - the port's name
    weight: Array | None,
    *,
    normalized_shape: Sequence[int],
    eps: float,
) -> Any:
    """X / sqrt(mean(x^2) + eps) * weight, over the trailing axes (arXiv:1910.07467)."""
    square = (input**2).mean(axis=_trailing(normalized_shape), keepdims=True)
    return input / np.sqrt(square + eps) * (1 if weight is None else weight)


def linear(input: Array, weight: Array, bias: Array | None) -> Any:  # noqa: A002 - the port's name
    """Input @ weight.T + bias."""
    return np.matmul(input, weight.T) + (0 if bias is None else bias)


def matmul_all_reduce(x1: Array, x2: Array, bias: Array | None, x3: Array | None, **_: object) -> Any:
    """X1 @ x2 + bias + x3 on one rank: the sum over a group of one."""
    return np.matmul(x1, x2) + (0 if bias is None else bias) + (0 if x3 is None else x3)


def rotary(x: Array, cos: Array, sin: Array, *, mode: int) -> Any:
    """X * cos + rotate(x) * sin, pairs taken as halves (mode 0) or as neighbours (mode 1) (arXiv:2104.09864)."""
    pairs = x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2) if mode else np.stack(np.split(x, 2, axis=-1), axis=-1)
    turned = np.stack((-pairs[..., 1], pairs[..., 0]), axis=-1)
    flat = turned.reshape(x.shape) if mode else np.concatenate((turned[..., 0], turned[..., 1]), axis=-1)
    return x * cos + flat * sin


def attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None,
    *,
    dropout_p: float,  # noqa: ARG001 - nothing is dropped in inference
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> Any:
    """softmax(query @ key.T * scale + mask) @ value (arXiv:1706.03762), as torch defines mask, scale and causality."""
    if enable_gqa:
        repeats = query.shape[-3] // key.shape[-3]
        key, value = np.repeat(key, repeats, axis=-3), np.repeat(value, repeats, axis=-3)
    if scale is None:
        scale = float(1 / np.sqrt(query.shape[-1]))
    scores = np.matmul(query, np.swapaxes(key, -1, -2)) * scale
    if is_causal:
        attn_mask = np.tril(np.ones(scores.shape[-2:], dtype=bool))
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -math.inf) if attn_mask.dtype == bool else scores + attn_mask
    return np.matmul(softmax(scores, dim=-1), value)


def split(self: Array, *, split_size: int | Sequence[int], dim: int) -> tuple[Array, ...]:
    """Consecutive parts of one axis."""
    size = self.shape[dim]
    starts = range(split_size, size, split_size) if isinstance(split_size, int) else np.cumsum(split_size)[:-1].tolist()
    return tuple(np.split(self, list(starts), axis=dim))


def slice_(self: Array, *, dim: int, start: int | None, end: int | None, step: int) -> Any:
    """self[start:end:step] along one axis."""
    index: list[slice] = [slice(None)] * self.ndim
    index[dim] = slice(start, end, step)
    return self[tuple(index)]


def gather(self: Array, index: Array, *, dim: int) -> Any:
    """Along one axis by index; the other axes are cut to the index's sizes."""
    if not self.ndim:
        return self
    cut = tuple(slice(None) if d == dim % self.ndim else slice(size) for d, size in enumerate(index.shape))
    return np.take_along_axis(self[cut], index, axis=dim)


def cat(tensors: Sequence[Array], *, dim: int) -> Any:
    """Joined along one axis; a tensor of shape [0] adds its dtype only."""
    joined = [tensor for tensor in tensors if tensor.shape != (0,)] or tensors
    return np.concatenate(joined, axis=dim).astype(np.result_type(*tensors))


def permute(self: Array, *, dims: Sequence[int]) -> Any:
    """Every axis in a new order."""
    return np.transpose(self, dims)
