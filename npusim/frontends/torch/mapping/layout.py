"""Rows of views and of what moves elements without arithmetic."""

from collections.abc import Mapping

from npusim.frontends.torch.mapping.row import Given, Row, Rule, seen_as, to


def _unit_axes(given: Given) -> tuple[int, ...]:
    return tuple(axis for axis, size in enumerate(given["self"].shape) if size == 1)


def _size_of_other(given: Given) -> tuple[int, ...]:
    return tuple(given["other"].shape)


def _end(given: Given) -> int:
    return int(given["start"]) + int(given["length"])


_RESHAPED = seen_as("reshape", size="shape")

_VIEWS: Mapping[str, Rule] = {
    "aten.view": _RESHAPED,
    "aten.view.dtype": seen_as("bitcast"),
    "aten._unsafe_view": _RESHAPED,
    "aten._reshape_alias": _RESHAPED,
    "aten.reshape": seen_as("reshape"),
    "aten.view_as": seen_as("reshape", "other").computing(shape=_size_of_other),
    "aten.reshape_as": seen_as("reshape", "other").computing(shape=_size_of_other),
    "aten.flatten.using_ints": seen_as("flatten"),
    "aten.ravel": seen_as("flatten"),
    "aten.unflatten.int": seen_as("unflatten"),
    "aten.squeeze": seen_as("squeeze").computing(dim=_unit_axes),
    "aten.squeeze.dim": seen_as("squeeze"),
    "aten.squeeze.dims": seen_as("squeeze"),
    "aten.unsqueeze": seen_as("unsqueeze"),
    "aten.expand": seen_as("expand"),
    "aten.expand_as": seen_as("expand", "other").computing(size=_size_of_other),
    "aten.broadcast_to": seen_as("expand"),
    "aten.broadcast_tensors": seen_as("broadcast_tensors"),
    "aten.meshgrid": seen_as("meshgrid"),
    "aten.t": seen_as("t"),
    "aten.numpy_T": seen_as("t"),
    "aten.mT": seen_as("transpose").computing(dim0=lambda _: -2, dim1=lambda _: -1),
    "aten.transpose.int": seen_as("transpose"),
    "aten.swapaxes": seen_as("transpose", axis0="dim0", axis1="dim1"),
    "aten.swapdims": seen_as("transpose"),
    "aten.permute": seen_as("permute"),
    "aten.movedim.int": seen_as("movedim"),
    "aten.slice.Tensor": seen_as("slice"),
    "aten.narrow": seen_as("slice").computing(end=_end),
    "aten.select.int": seen_as("select"),
    "aten.unbind.int": seen_as("unbind"),
    "aten.split.Tensor": seen_as("split"),
    "aten.split.sizes": seen_as("split"),
    "aten.unsafe_split.Tensor": seen_as("split"),
    "aten.split_with_sizes": seen_as("split", split_sizes="split_size"),
    "aten.unsafe_split_with_sizes": seen_as("split", split_sizes="split_size"),
    "aten.chunk": seen_as("chunk"),
    "aten.unsafe_chunk": seen_as("chunk"),
    "aten.as_strided": seen_as("as_strided"),
    "aten.diagonal": seen_as("diagonal"),
    "aten.unfold": seen_as("unfold"),
    "aten.view_as_real": seen_as("view_as_real"),
    "aten.view_as_complex": seen_as("view_as_complex"),
    "aten.alias": seen_as("identity"),
    "aten.detach": seen_as("identity"),
    "aten._fw_primal": seen_as("identity"),
    "aten.resolve_conj": seen_as("identity"),
    "aten.resolve_neg": seen_as("identity"),
}


def _padded(given: Given) -> Row | None:
    """The pad of a mode; those that reflect or replicate are one operator for each number of axes."""
    axes = len(given["pad"]) // 2
    return _PADS.get(given["mode"], {}).get(axes)


_PADS: Mapping[str, Mapping[int, Row]] = {
    "constant": {axes: to("constant_pad_nd").computing(value=lambda given: given["value"] or 0) for axes in range(9)},
    "reflect": {axes: to(f"reflection_pad{axes}d", pad="padding") for axes in (1, 2, 3)},
    "replicate": {axes: to(f"replication_pad{axes}d", pad="padding") for axes in (1, 2, 3)},
    "circular": {axes: to("circular_pad") for axes in (1, 2, 3)},
}

_MOVED: Mapping[str, Rule] = {
    "aten.pad": _padded,
    "aten.tile": to("repeat", dims="repeats"),
    "aten._pad_circular": to("circular_pad"),
    "aten.slice_backward": to("copy", grad_output=("self", "src")),
    "aten.select_backward": to("copy", grad_output=("self", "src")),
    "aten.diagonal_backward": to("copy", grad_output=("self", "src")),
}

ROWS = {**_VIEWS, **_MOVED}
