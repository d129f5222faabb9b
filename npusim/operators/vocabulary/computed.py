"""The operators that npusim computes as well as judges: one row an operator, with its inference and its meaning."""

import numpy as np

from npusim.operators import inference as infer
from npusim.operators import reference as ref
from npusim.operators.model import operator

_UNARY = (
    operator("neg(self) -> out", infer.same, np.negative, "negative"),
    operator("abs(self) -> out", infer.same, np.abs),
    operator("relu(self) -> out", infer.same, lambda self: np.maximum(self, self.dtype.type(0))),
    operator("exp(self) -> out", infer.floating, ref.of_floats(np.exp)),
    operator("log(self) -> out", infer.floating, ref.of_floats(np.log)),
    operator("sqrt(self) -> out", infer.floating, ref.of_floats(np.sqrt)),
    operator("rsqrt(self) -> out", infer.floating, ref.of_floats(lambda self: 1 / np.sqrt(self))),
    operator("reciprocal(self) -> out", infer.floating, ref.of_floats(np.reciprocal)),
    operator("sin(self) -> out", infer.floating, ref.of_floats(np.sin)),
    operator("cos(self) -> out", infer.floating, ref.of_floats(np.cos)),
    operator("tanh(self) -> out", infer.floating, ref.of_floats(np.tanh)),
    operator("sigmoid(self) -> out", infer.floating, ref.of_floats(ref.sigmoid)),
    operator("silu(self) -> out", infer.floating, ref.of_floats(ref.silu), "swish"),
    operator("gelu(self; approximate: str = 'none') -> out", infer.floating, ref.of_floats(ref.gelu)),
    operator("cast(self; dtype: dtype) -> out", infer.cast, ref.cast, "astype"),
)

_BINARY = (
    operator(
        "add(self, other; alpha: number = 1) -> out",
        infer.scaled_elementwise,
        lambda self, other, alpha: ref.like(self + alpha * other, self, other),
    ),
    operator(
        "sub(self, other; alpha: number = 1) -> out",
        infer.scaled_elementwise,
        lambda self, other, alpha: ref.like(self - alpha * other, self, other),
        "subtract",
    ),
    operator("mul(self, other) -> out", infer.elementwise, np.multiply, "multiply"),
    operator("div(self, other) -> out", infer.floating_elementwise, np.divide, "divide"),
    operator("maximum(self, other) -> out", infer.elementwise, np.maximum),
    operator("minimum(self, other) -> out", infer.elementwise, np.minimum),
    operator("pow(self, exponent) -> out", infer.elementwise, ref.power),
    operator("eq(self, other) -> out", infer.comparison, np.equal, "equal"),
    operator("ne(self, other) -> out", infer.comparison, np.not_equal, "not_equal"),
    operator("lt(self, other) -> out", infer.comparison, np.less, "less"),
    operator("le(self, other) -> out", infer.comparison, np.less_equal, "less_equal"),
    operator("gt(self, other) -> out", infer.comparison, np.greater, "greater"),
    operator("ge(self, other) -> out", infer.comparison, np.greater_equal, "greater_equal"),
    operator("where(condition, self, other) -> out", infer.where, np.where),
)

_REDUCTIONS = (
    operator("sum(self; dim: ints = None, keepdim: bool = False, dtype: dtype = None) -> out", infer.total, ref.total),
    operator(
        "mean(self; dim: ints = None, keepdim: bool = False, dtype: dtype = None) -> out", infer.average, ref.average
    ),
    operator("amax(self; dim: ints = None, keepdim: bool = False) -> out", infer.extremum, ref.maximum_of),
    operator("max(self) -> out", infer.extremum, np.max),
    operator("softmax(self; dim: int = -1) -> out", infer.along, ref.of_floats(ref.softmax)),
    operator(
        "layer_norm(input, weight?, bias?; normalized_shape: ints, eps: float = 1e-05) -> out",
        infer.normalised,
        ref.layer_norm,
    ),
    operator(
        "rms_norm(input, weight?; normalized_shape: ints, eps: float = 1e-06) -> out", infer.normalised, ref.rms_norm
    ),
)

_CONTRACTIONS = (
    operator("matmul(self, mat2) -> out", infer.matmul, np.matmul),
    operator("linear(input, weight, bias?) -> out", infer.linear, ref.linear),
    operator(
        "matmul_all_reduce(x1, x2, bias?, x3?; group: str = '', reduce_op: str = 'sum') -> output",
        infer.matmul_all_reduce,
        ref.matmul_all_reduce,
    ),
    operator("rotary_position_embedding(x, cos, sin; mode: int = 0) -> y", infer.rotary, ref.rotary),
    operator(
        "scaled_dot_product_attention(query, key, value, attn_mask?; dropout_p: float = 0.0, is_causal: bool = False, "
        "scale: float = None, enable_gqa: bool = False) -> out",
        infer.attention,
        ref.attention,
    ),
)

_MOVEMENT = (
    operator("cat(tensors*; dim: int = 0) -> out", infer.cat, ref.cat, "concat"),
    operator("split(self; split_size: sizes, dim: int = 0) -> out*", infer.split, ref.split),
    operator("reshape(self; shape: ints) -> out", infer.reshape, np.reshape),
    operator(
        "transpose(self; dim0: int, dim1: int) -> out",
        infer.transpose,
        lambda self, dim0, dim1: np.swapaxes(self, dim0, dim1) if self.ndim else self,
    ),
    operator("permute(self; dims: ints) -> out", infer.permute, ref.permute, "permute_dims"),
    operator(
        "slice(self; dim: int = 0, start: int = None, end: int = None, step: int = 1) -> out", infer.slice_, ref.slice_
    ),
    operator("gather(self, index; dim: int) -> out", infer.gather, ref.gather),
    operator("embedding(weight, indices) -> out", infer.embedding, lambda weight, indices: weight[indices]),
)

ROWS = (*_UNARY, *_BINARY, *_REDUCTIONS, *_CONTRACTIONS, *_MOVEMENT)
