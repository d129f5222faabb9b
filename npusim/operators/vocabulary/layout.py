"""Reshaping, joining and moving, without arithmetic."""

from npusim.operators import inference as infer
from npusim.operators.model import operator

_VIEWS = (
    operator("squeeze(self; dim: ints) -> out"),
    operator("unsqueeze(self; dim: int) -> out"),
    operator("expand(self; size: ints) -> out", None, None, "broadcast_to"),
    operator("flatten(self; start_dim: int = 0, end_dim: int = -1) -> out"),
    operator("unflatten(self; dim: int, sizes: ints) -> out"),
    operator("view_as_real(self) -> out"),
    operator("view_as_complex(self) -> out"),
    operator("as_strided(self; size: ints, stride: ints, storage_offset: int = None) -> out"),
    operator("movedim(self; source: int, destination: int) -> out"),
    operator("t(self) -> out"),
    operator("unfold(self; dimension: int, size: int, step: int) -> out"),
    operator("diagonal(self; offset: int = 0, dim1: int = 0, dim2: int = 1) -> out"),
    operator("bitcast(self; dtype: dtype) -> out", None, None, "view_dtype"),
    operator("unbind(self; dim: int = 0) -> out*", None, None, "unpack"),
    operator("chunk(self; chunks: int, dim: int = 0) -> out*"),
)

_JOINING = (
    operator("stack(tensors*; dim: int = 0) -> out", None, None, "pack"),
    operator("hstack(tensors*) -> out"),
    operator("vstack(tensors*) -> out"),
    operator("chunk_cat(tensors*; dim: int, num_chunks: int) -> out"),
    operator("block_diag(tensors*) -> out"),
    operator("meshgrid(tensors*) -> out*"),
    operator("broadcast_tensors(tensors*) -> out*"),
)

_MOVING = (
    operator("clone(self) -> out", infer.same),
    operator("identity(self) -> out", infer.same),
    operator("flip(self; dims: ints) -> out"),
    operator("roll(self; shifts: ints, dims: ints = ()) -> out"),
    operator("rot90(self; k: int = 1, dims: ints = (0, 1)) -> out"),
    operator("repeat(self; repeats: ints) -> out", None, None, "tile"),
    operator("repeat_interleave(self, repeats; dim: int = None, output_size: int = None) -> out"),
    operator("tril(self; diagonal: int = 0) -> out"),
    operator("triu(self; diagonal: int = 0) -> out"),
    operator("diag(self; diagonal: int = 0) -> out"),
    operator("diag_embed(self; offset: int = 0, dim1: int = -2, dim2: int = -1) -> out"),
    operator("copy(self, src) -> out", None, None, "inplace_copy"),
    operator("slice_v2(self; starts: ints, ends: ints, axes: ints, steps: ints) -> out", None, None, "strided_slice"),
    operator("reverse_sequence(self, seq_lengths; seq_dim: int, batch_dim: int) -> out"),
    operator("pixel_shuffle(self; upscale_factor: int) -> out", None, None, "depth_to_space"),
    operator("pixel_unshuffle(self; downscale_factor: int) -> out", None, None, "space_to_depth"),
    operator("channel_shuffle(self; groups: int) -> out"),
    operator("space_to_batch(self; block_shape: ints, paddings: ints = ()) -> out"),
    operator("batch_to_space(self; block_shape: ints, crops: ints = ()) -> out"),
    operator("npu_format_cast(self; acl_format: int) -> out", None, None, "format_cast"),
    operator("trans_matmul_weight(mm_weight_ref) -> out"),
)

_PADDING = (
    operator("constant_pad_nd(self; pad: ints, value: number = 0) -> out", None, None, "pad"),
    operator("reflection_pad1d(self; padding: ints) -> out"),
    operator("reflection_pad2d(self; padding: ints) -> out"),
    operator("reflection_pad3d(self; padding: ints) -> out"),
    operator("replication_pad1d(self; padding: ints) -> out"),
    operator("replication_pad2d(self; padding: ints) -> out"),
    operator("replication_pad3d(self; padding: ints) -> out"),
    operator("circular_pad(self; pad: ints) -> out"),
    operator("mirror_pad(self; pad: ints, mode: str = 'reflect') -> out"),
)

ROWS = (*_VIEWS, *_JOINING, *_MOVING, *_PADDING)
