"""Reductions, scans, searches and sorting."""

from npusim.operators import inference as infer
from npusim.operators.model import operator

_REDUCTIONS = (
    operator("amin(self; dim: ints = None, keepdim: bool = False) -> out", infer.extremum),
    operator("min(self) -> out", infer.extremum),
    operator("max_dim(self; dim: int, keepdim: bool = False) -> values, indices"),
    operator("min_dim(self; dim: int, keepdim: bool = False) -> values, indices"),
    operator("max_n(tensors*) -> out"),
    operator("aminmax(self; dim: int = None, keepdim: bool = False) -> min, max"),
    operator("argmax(self; dim: int = None, keepdim: bool = False) -> out"),
    operator("argmin(self; dim: int = None, keepdim: bool = False) -> out"),
    operator("all(self; dim: ints = None, keepdim: bool = False) -> out"),
    operator("any(self; dim: ints = None, keepdim: bool = False) -> out"),
    operator("prod(self; dim: int = None, keepdim: bool = False, dtype: dtype = None) -> out"),
    operator("nansum(self; dim: ints = None, keepdim: bool = False, dtype: dtype = None) -> out"),
    operator("nanmean(self; dim: ints = None, keepdim: bool = False, dtype: dtype = None) -> out"),
    operator("count_nonzero(self; dim: ints) -> out"),
    operator("median(self) -> out"),
    operator("nanmedian(self) -> out"),
    operator("mode(self; dim: int = -1, keepdim: bool = False) -> values, indices"),
    operator("kthvalue(self; k: int, dim: int = -1, keepdim: bool = False) -> values, indices"),
    operator("quantile(self, q; dim: int = None, keepdim: bool = False, interpolation: str = 'linear') -> out"),
    operator("logsumexp(self; dim: ints, keepdim: bool = False) -> out"),
    operator("var(self; dim: ints = None, correction: number = None, keepdim: bool = False) -> out"),
    operator("std(self; dim: ints = None, correction: number = None, keepdim: bool = False) -> out"),
    operator("var_mean(self; dim: ints = None, correction: number = None, keepdim: bool = False) -> var, mean"),
    operator("std_mean(self; dim: ints = None, correction: number = None, keepdim: bool = False) -> std, mean"),
    operator("norm(self; p: number = None, dim: ints = None, keepdim: bool = False, dtype: dtype = None) -> out"),
    operator(
        "linalg_vector_norm(self; ord: number = 2, dim: ints = None, keepdim: bool = False, dtype: dtype = None) -> out"
    ),
    operator(
        "linalg_matrix_norm(self; ord: number, dim: ints = (-2, -1), keepdim: bool = False, dtype: dtype = None) -> out"
    ),
    operator("renorm(self; p: number, dim: int, maxnorm: number) -> out"),
    operator("dist(self, other; p: number = 2) -> out"),
    operator("l2_normalize(self; dim: ints = None, eps: float = 1e-12) -> out", None, None, "lp_normalize"),
    operator("reduce_sum_square(self; dim: ints = None, keepdim: bool = False) -> out"),
    operator("reduce_log_sum(self; dim: ints = None, keepdim: bool = False) -> out"),
    operator("reduce_l1(self; dim: ints = None, keepdim: bool = False) -> out"),
    operator("reduce_l2(self; dim: ints = None, keepdim: bool = False) -> out"),
    operator("moments(self; dim: ints = None, keepdim: bool = False) -> mean, variance"),
    operator("trace(self) -> out"),
)

_SCANS = (
    operator("cumsum(self; dim: int, dtype: dtype = None) -> out"),
    operator("cumprod(self; dim: int, dtype: dtype = None) -> out"),
    operator("cummax(self; dim: int) -> values, indices"),
    operator("cummin(self; dim: int) -> values, indices"),
    operator("logcumsumexp(self; dim: int) -> out"),
    operator("diff(self, prepend?, append?; n: int = 1, dim: int = -1) -> out"),
)

_SORTING = (
    operator("topk(self; k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> values, indices"),
    operator("sort(self; stable: bool = False, dim: int = -1, descending: bool = False) -> values, indices"),
    operator("argsort(self; stable: bool = False, dim: int = -1, descending: bool = False) -> out"),
    operator("msort(self) -> out"),
    operator(
        "unique(self; sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> out, "
        "inverse, counts"
    ),
    operator(
        "unique_dim(self; dim: int, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False)"
        " -> out, inverse, counts"
    ),
    operator(
        "unique_consecutive(self; return_inverse: bool = False, return_counts: bool = False, dim: int = None)"
        " -> out, inverse, counts"
    ),
    operator(
        "searchsorted(sorted_sequence, self, sorter?; out_int32: bool = False, right: bool = False, "
        "side: str = None) -> out"
    ),
    operator("bucketize(self, boundaries; out_int32: bool = False, right: bool = False) -> out"),
    operator("histc(self; bins: int = 100, min: number = 0, max: number = 0) -> out"),
    operator("bincount(self, weights?; minlength: int = 0) -> out"),
)

ROWS = (*_REDUCTIONS, *_SCANS, *_SORTING)
