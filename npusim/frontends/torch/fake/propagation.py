"""Operators whose result, or its shape, depends on values: real where the values are real, else declared or refused."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch._ops import OpOverload

from npusim.errors import UsageError
from npusim.frontends.torch import places
from npusim.frontends.torch.arguments import tensors_in
from npusim.frontends.torch.fake.hollow import Hollow, form_of
from npusim.frontends.torch.fake.reading import refusal
from npusim.frontends.torch.fake.shapes import shapes

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of an operator with a Hollow among its arguments."""

    func: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def name(self) -> str:
        """The operator's name without its namespace and overload."""
        return str(self.func.overloadpacket.__name__)

    @property
    def source(self) -> Hollow:
        """The first argument without data."""
        return next(value for value in tensors_in((self.args, self.kwargs)) if isinstance(value, Hollow))

    def argument(self, name: str, default: Any = None) -> Any:
        """Return an argument by its name, however it was given."""
        position = [argument.name for argument in self.func._schema.arguments].index(name)
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)

    def shapes(self) -> Any:
        """Return the tensors without data that come out."""
        return shapes(self.func, self.args, self.kwargs)


Stub = Callable[[Asked], Any]
"""Returns the result of a call, or NotImplemented where nothing special is needed."""


def propagate(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what `func` gives for arguments of which at least one is a Hollow.

    Floats, and whatever is computed from them, come out without data. What only depends on shapes or on real integers
    is real. Raises DataReadError where the result depends on data that nobody has, UsageError for an operator whose
    shapes torch cannot tell.
    """
    stub = _STUBS.get(func)
    if stub is not None:
        found = stub(Asked(func, args, kwargs))
        if found is not NotImplemented:
            return found
    return shapes(func, args, kwargs)


def _read(asked: Asked) -> Any:
    name = "item" if asked.func is aten._local_scalar_dense.default else asked.name
    value = asked.source.answers.read(asked.source, f"{name}()")
    if not isinstance(value, int | float | complex):
        raise UsageError(f"values: {value!r} was given for {name}(), which gives one number")
    return value


def _refuse(asked: Asked) -> Any:
    raise refusal(asked.source, f"{asked.name}()")


def _index(asked: Asked) -> Any:
    """Index by real positions in place of a mask: how many elements it selects is known."""
    value, indices = asked.args
    if not any(index is not None and index.dtype in _MASKS for index in indices):
        return NotImplemented
    positions: list[torch.Tensor | None] = []
    for index in indices:
        if index is None or index.dtype not in _MASKS:
            positions.append(index)
        elif isinstance(index, Hollow):
            raise refusal(index, "indexing by a mask")
        else:
            positions += index.nonzero().unbind(1)
    return shapes(asked.func, (value, positions), {})


def _masked_select(asked: Asked) -> Any:
    value, mask = asked.args
    shape = shapes(aten.mul.Tensor, (value, mask), {}).shape
    return propagate(aten.index.Tensor, (value.expand(shape), [mask.expand(shape)]), {})


def _repeat_interleave(asked: Asked) -> Any:
    """Select by real positions in place of repeats: how many elements come out is known."""
    value, repeats, dim = asked.args[0], asked.argument("repeats"), asked.argument("dim")
    if isinstance(repeats, Hollow):
        raise refusal(repeats, "repeat_interleave()")
    if dim is None:
        value, dim = value.reshape(-1), 0
    if repeats.numel() == 1:
        repeats = repeats.reshape(1).expand(value.shape[dim])
    return shapes(aten.index_select.default, (value, dim, repeats.repeat_interleave(repeats)), {})


def _tensor_split(asked: Asked) -> Any:
    value, sections = asked.args[0], asked.argument("tensor_indices_or_sections")
    if isinstance(sections, Hollow):
        raise refusal(sections, "tensor_split()")
    return value.tensor_split(sections.tolist(), asked.argument("dim", 0))


def _attention(asked: Asked) -> Any:
    """Lay the result out like the query, as the CPU's flash attention does; the meta kernel knows only the other."""
    query, value = asked.args[0], asked.argument("value")
    if not isinstance(query, Hollow) or query.dim() != 4 or query.shape[-1] != value.shape[-1]:
        return NotImplemented
    return shapes(aten.empty_like.default, (query,), {})


def _grouped_product(asked: Asked) -> Any:
    """Multiply in any float dtype, as the CPU does; the meta kernel takes only bfloat16."""
    left, answers = asked.args[0], asked.source.answers
    if left.dtype is torch.bfloat16:
        return NotImplemented

    def as_bfloat16(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return value
        return Hollow(replace(form_of(value), dtype=torch.bfloat16), value.device, answers)

    product = shapes(asked.func, tuple(map(as_bfloat16, asked.args)), {**asked.kwargs, "out_dtype": None})
    return Hollow(replace(form_of(product), dtype=asked.argument("out_dtype") or left.dtype), left.device, answers)


def _factory(asked: Asked) -> Any:
    """Make real integers like a tensor without data, if it was for its shape only; a float has no data."""
    like, dtype = asked.args[0], asked.kwargs.get("dtype")
    if dtype is None or dtype.is_floating_point or dtype.is_complex or not isinstance(like, Hollow):
        return NotImplemented
    pattern = torch.empty((), dtype=like.dtype, device=like.device).expand(like.shape)
    return asked.func(pattern, *asked.args[1:], **asked.kwargs)


def _chosen(asked: Asked) -> Any:
    """Choose the index that the user gave, or 0: which is the largest is not known."""
    answers = asked.source.answers
    answers.assume(f"{asked.name} gives index {answers.index}")
    return _with_indices(asked.shapes(), lambda like: torch.full(like.shape, answers.index))


def _sorted(asked: Asked) -> Any:
    source = asked.source
    source.answers.assume(f"{asked.name} finds its input in order")
    dim = asked.argument("dim", -1)
    return _with_indices(asked.shapes(), lambda like: _along(like.shape, dim).contiguous())


def _topk(asked: Asked) -> Any:
    """Spread the choices evenly, all of a row distinct: row r takes r * k, r * k + 1, ... modulo the size."""
    source, k = asked.source, asked.argument("k", 1)
    dim = asked.argument("dim", -1)
    size = source.shape[dim] if source.dim() else 1
    rows = source.numel() // size if size else 0
    running = places.module_stack()
    where = f"routing of {rows} tokens balanced over {size} experts" if running else f"choice among {size} balanced"
    source.answers.assume(f"{where}, {k} each (topk{f' in {type(running[-1]).__name__}' if running else ''})")

    def spread(like: torch.Tensor) -> torch.Tensor:
        if not like.dim():
            return torch.zeros((), dtype=torch.int64)
        row = torch.arange(rows).reshape(like.movedim(dim, -1).shape[:-1]).unsqueeze(-1)
        chosen: torch.Tensor = (row * k + torch.arange(k)) % size
        return chosen.movedim(-1, dim).contiguous()

    return _with_indices(asked.shapes(), spread)


def _finite(asked: Asked) -> Any:
    source = asked.source
    source.answers.assume(f"{asked.name} finds every value finite")
    return torch.full(source.shape, asked.func is aten.isfinite.default)


def _compared(asked: Asked) -> Any:
    """Find a value equal to itself and unequal to infinity: what isfinite becomes where gradients are taken."""
    left, right = asked.args[:2]
    if left is not right and not (isinstance(right, float) and math.isinf(right)):
        return NotImplemented
    left.answers.assume("isfinite finds every value finite")
    return torch.full(left.shape, (left is right) == asked.name.startswith("eq"))


def _with_indices(out: Any, indices: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(out, torch.Tensor):
        return indices(out) if out.dtype is torch.int64 else out
    return tuple(_with_indices(each, indices) for each in out)


def _along(shape: torch.Size, dim: int) -> torch.Tensor:
    if not shape:
        return torch.zeros((), dtype=torch.int64)
    return torch.arange(shape[dim]).reshape([-1] + [1] * (len(shape) - 1 - dim % len(shape))).expand(shape)


_MASKS = (torch.bool, torch.uint8)

_BY_NAME: Mapping[str, Stub] = {
    "item.default": _read,
    "_local_scalar_dense.default": _read,
    "is_nonzero.default": _read,
    "equal.default": _read,
    "allclose.default": _read,
    "nonzero.default": _refuse,
    "nonzero_numpy.default": _refuse,
    "argwhere.default": _refuse,
    "unique_dim.default": _refuse,
    "unique_consecutive.default": _refuse,
    "_unique.default": _refuse,
    "_unique2.default": _refuse,
    "bincount.default": _refuse,
    "index.Tensor": _index,
    "masked_select.default": _masked_select,
    "repeat_interleave.Tensor": _refuse,
    "repeat_interleave.self_Tensor": _repeat_interleave,
    "tensor_split.tensor_indices_or_sections": _tensor_split,
    "scaled_dot_product_attention.default": _attention,
    "_grouped_mm.default": _grouped_product,
    "zeros_like.default": _factory,
    "ones_like.default": _factory,
    "full_like.default": _factory,
    "empty_like.default": _factory,
    "new_zeros.default": _factory,
    "new_ones.default": _factory,
    "new_full.default": _factory,
    "new_empty.default": _factory,
    "argmax.default": _chosen,
    "argmin.default": _chosen,
    "max.dim": _chosen,
    "min.dim": _chosen,
    "multinomial.default": _chosen,
    "sort.default": _sorted,
    "sort.stable": _sorted,
    "argsort.default": _sorted,
    "argsort.stable": _sorted,
    "topk.default": _topk,
    "isinf.default": _finite,
    "isnan.default": _finite,
    "isfinite.default": _finite,
    "eq.Tensor": _compared,
    "eq.Scalar": _compared,
    "ne.Tensor": _compared,
    "ne.Scalar": _compared,
}

_STUBS: Mapping[OpOverload, Stub] = {
    getattr(getattr(aten, packet), overload): stub
    for (packet, overload), stub in ((name.split("."), stub) for name, stub in _BY_NAME.items())
}
"""What is done for each operator that asks for values."""
