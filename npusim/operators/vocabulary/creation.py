"""Tensors out of numbers: constants, ranges and random draws."""

from npusim.operators import inference as infer
from npusim.operators.model import operator

_CONSTANTS = (
    operator("fill(self, value) -> out"),
    operator("zero(self) -> out", None, None, "zeros_like"),
    operator("one(self) -> out", None, None, "ones_like"),
    operator("full(; size: ints, fill_value: number, dtype: dtype = None) -> out", infer.made),
    operator("zeros(; size: ints, dtype: dtype = None) -> out", infer.made),
    operator("ones(; size: ints, dtype: dtype = None) -> out", infer.made),
    operator("empty(; size: ints, dtype: dtype = None) -> out", infer.made),
    operator("full_like(self; fill_value: number, dtype: dtype = None) -> out"),
    operator("empty_like(self; dtype: dtype = None) -> out"),
    operator("arange(; start: number = 0, end: number, step: number = 1, dtype: dtype = None) -> out", infer.arange),
    operator("range(; start: number, end: number, step: number = 1, dtype: dtype = None) -> out"),
    operator("linspace(; start: number, end: number, steps: int, dtype: dtype = None) -> out"),
    operator("logspace(; start: number, end: number, steps: int, base: float = 10.0, dtype: dtype = None) -> out"),
    operator("eye(; n: int, m: int = None, dtype: dtype = None) -> out"),
    operator("tril_indices(; row: int, col: int, offset: int = 0, dtype: dtype = 'int64') -> out"),
    operator("triu_indices(; row: int, col: int, offset: int = 0, dtype: dtype = 'int64') -> out"),
    operator("scalar_tensor(; s: number, dtype: dtype = None) -> out", infer.made),
)

_RANDOM = (
    operator("rand(; size: ints, dtype: dtype = None) -> out", infer.made),
    operator("randn(; size: ints, dtype: dtype = None) -> out", infer.made),
    operator("randint(; low: int = 0, high: int, size: ints, dtype: dtype = None) -> out"),
    operator("randperm(; n: int, dtype: dtype = 'int64') -> out"),
    operator("uniform(self; from: float = 0.0, to: float = 1.0) -> out"),
    operator("normal(self; mean: float = 0.0, std: float = 1.0) -> out"),
    operator("random(self; from: int = 0, to: int = None) -> out"),
    operator("exponential(self; lambd: float = 1.0) -> out"),
    operator("bernoulli(self, prob?; p: float = None) -> out"),
    operator("multinomial(self; num_samples: int, replacement: bool = False) -> out"),
    operator("poisson(self) -> out"),
    operator("dropout(input; p: float, train: bool) -> out"),
    operator("native_dropout(input; p: float, train: bool = None) -> out, mask"),
    operator("dropout_gen_mask(; shape: ints, prob: float, dtype: dtype = None) -> out"),
    operator("dropout_do_mask(self, mask; prob: float) -> out"),
)

ROWS = (*_CONSTANTS, *_RANDOM)
