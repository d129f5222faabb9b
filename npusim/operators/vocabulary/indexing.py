"""Reading and writing at indices."""

from npusim.operators.model import operator

_READING = (
    operator("index(self, indices*) -> out"),
    operator("index_select(self, index; dim: int) -> out"),
    operator("take(self, index) -> out"),
    operator("take_along_dim(self, indices; dim: int = None) -> out"),
    operator("masked_select(self, mask) -> out"),
    operator("nonzero(self) -> out"),
    operator("argwhere(self) -> out"),
    operator("gather_v2(self, index; dim: int) -> out"),
    operator("gather_nd(self, indices; batch_dims: int = 0, negative_index_support: bool = False) -> out"),
    operator("select(self; dim: int, index: int) -> out"),
    operator(
        "embedding_bag(weight, indices, offsets, per_sample_weights?; scale_grad_by_freq: bool = False, "
        "mode: int = 0, sparse: bool = False, include_last_offset: bool = False, padding_idx: int = -1) -> output, "
        "offset2bag, bag_size, max_indices"
    ),
    operator("hashtable_lookup(lookups, keys, values) -> out, hits"),
    operator("one_hot(self; num_classes: int = -1) -> out"),
    operator("sequence_mask(lengths; max_length: int = None) -> out"),
)

_WRITING = (
    operator("index_put(self, indices*, values; accumulate: bool = False) -> out"),
    operator("index_add(self, index, source; dim: int, alpha: number = 1) -> out"),
    operator("index_copy(self, index, source; dim: int) -> out"),
    operator("index_fill(self, index, value; dim: int) -> out"),
    operator("index_reduce(self, index, source; dim: int, reduce: str, include_self: bool = True) -> out"),
    operator("scatter(self, index, src; dim: int, reduce: str = None) -> out", None, None, "scatter_elements"),
    operator("scatter_add(self, index, src; dim: int) -> out"),
    operator("scatter_reduce(self, index, src; dim: int, reduce: str, include_self: bool = True) -> out"),
    operator("scatter_nd(indices, updates; shape: ints) -> out"),
    operator("scatter_update(data, indices, updates; axis: int = 0) -> out"),
    operator("masked_fill(self, mask, value) -> out"),
    operator("masked_scatter(self, mask, source) -> out"),
    operator("slice_scatter(self, src; dim: int = 0, start: int = None, end: int = None, step: int = 1) -> out"),
    operator("select_scatter(self, src; dim: int, index: int) -> out"),
    operator("diagonal_scatter(self, src; offset: int = 0, dim1: int = 0, dim2: int = 1) -> out"),
    operator("strided_slice_assign(var, input_value, begin, end, strides, axes?) -> out"),
    operator("put(self, index, source; accumulate: bool = False) -> out"),
)

ROWS = (*_READING, *_WRITING)
