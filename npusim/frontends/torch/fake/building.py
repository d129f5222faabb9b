"""Build a model without memory, and keep its forward pass from taking any for what it makes itself."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from math import prod
from traceback import walk_tb
from types import MethodType
from typing import Any, TypeVar

import torch
from torch import nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import (
    TorchDispatchMode,
    _get_current_dispatch_mode_stack,
    _pop_mode,
    _push_mode,
)
from torch.utils._pytree import tree_map_only

from npusim.call import Site
from npusim.errors import UsageError
from npusim.frontends.torch.fake.hollow import Hollow, form_of, like
from npusim.frontends.torch.fake.propagation import propagate
from npusim.frontends.torch.fake.reading import Answers, refusal
from npusim.frontends.torch.fake.shapes import form_out
from npusim.frontends.torch.modes import Mode

Model = TypeVar("Model", bound=nn.Module)
_UNALLOCATED = "its data is not allocated yet"
"""What torch says of a tensor without memory: c10/core/TensorImpl.h in pytorch/pytorch."""

_SMALL_BYTES = 65_536
"""A new float up to this size is real: rates, angles and the like, which models compute on and read."""


_HUGE_BYTES = 2**26
"""A new tensor of this size or more has no data even if it is of integers, or computed from real tensors."""


def fake(build: Callable[[], tuple[Model, Any]], values: Mapping[str, Any] | None = None) -> tuple[Model, Any]:
    """Return the model and the inputs that `build()` returns, but without memory for their floats.

    build   makes the model and its inputs in the usual way: default dtype, `model.to(dtype)` and initialisation work
    values  what reading data of a float gives: "file.py:LINE" -> value for one line (a number, or an array for tolist
            and numpy), "item" -> value for any line, "index" -> what argmax and sampling choose (0 if not given)

    Floats have a dtype, a shape and a device but no data; integers and booleans that do not depend on them are real,
    so that control flow by token ids, grid sizes or masks runs as it does in a real run. The model is called like any
    other, in a run of a device or outside. What had to be assumed in place of data (balanced routing of experts,
    chosen tokens) is listed in `model.npusim_notes`. Reading a float's data raises DataReadError, which names the
    line, unless `values` has an answer. Raises UsageError where `build` or `values` is not what it should be.
    """
    answers = Answers(values or {})
    with Weightless(answers), _reads_named():
        built = build()
    if not (isinstance(built, tuple) and len(built) == 2 and isinstance(built[0], nn.Module)):
        raise UsageError(f"build() must return (model, inputs), an nn.Module and what it is called with, not {built!r}")
    model, inputs = built
    made: dict[int, torch.Tensor] = {}
    _empty(model, answers, made)
    model.forward = MethodType(_weightless(type(model).forward, model.__dict__.get("forward"), answers), model)
    model.npusim_notes = answers.notes  # type: ignore[assignment]
    if isinstance(inputs, Mapping):
        inputs = dict(inputs)  # what a processor of transformers returns is one, but not a dict
    return model, tree_map_only(torch.Tensor, lambda tensor: _emptied(tensor, answers, made), inputs)


class Weightless(Mode):
    """Within it, a large float that is made from nothing gets no memory."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute one operator: for real if all its tensors are."""
        kwargs = kwargs or {}
        if Hollow in types:
            return propagate(func, args, kwargs)
        if _is_factory(func):
            made = _large(func, args, kwargs)
            if made is not None:
                device = kwargs.get("device") or torch.device("cpu")
                return Hollow(form_of(made), torch.device(device), self._answers)
        spread = self._spread(func, args, kwargs)
        return func(*args, **kwargs) if spread is None else spread

    def _spread(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hollow | None:
        """Return a tensor without data where real ones spread to a huge one, as positions do to an attention mask."""
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        if len(tensors) < 2 or prod(tensor.numel() for tensor in tensors) < _HUGE_BYTES:
            return None
        form = form_out(func, args, kwargs)
        if form is None or prod(form.size) * form.dtype.itemsize < _HUGE_BYTES:
            return None
        self._answers.assume(f"{func.overloadpacket.__name__} of real tensors has no data: {list(form.size)} is large")
        return Hollow(form, tensors[0].device, self._answers)


@contextmanager
def _reads_named() -> Iterator[None]:
    """Name the line where torch itself reads memory, as torch.tensor([fake]) does: nothing can be asked there."""
    try:
        yield
    except RuntimeError as error:
        if _UNALLOCATED not in str(error):
            raise
        frame, line = list(walk_tb(error.__traceback__))[-1]
        at = Site(frame.f_code.co_filename, line, frame.f_code.co_qualname)
        raise refusal(None, "torch", inner=at) from error


@contextmanager
def underneath(mode: TorchDispatchMode) -> Iterator[None]:
    """Run the block with a dispatch mode below those that are active: they see each operator first."""
    _reorder(lambda modes: [mode, *modes])
    try:
        yield
    finally:
        _reorder(lambda modes: [each for each in modes if each is not mode])


def _reorder(order: Callable[[list[TorchDispatchMode]], list[TorchDispatchMode]]) -> None:
    modes = list(_get_current_dispatch_mode_stack())
    for _ in modes:
        _pop_mode()
    for mode in order(modes):
        _push_mode(mode)


def _weightless(method: Callable[..., Any], own: Callable[..., Any] | None, answers: Answers) -> Callable[..., Any]:
    @wraps(method)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with underneath(Weightless(answers)), _reads_named():
            return own(*args, **kwargs) if own is not None else method(self, *args, **kwargs)

    return forward


def _empty(model: nn.Module, answers: Answers, made: dict[int, torch.Tensor]) -> None:
    for module in model.modules():
        for own in (module._parameters, module._buffers):
            for name, tensor in own.items():
                if tensor is not None:
                    own[name] = _emptied(tensor, answers, made)  # type: ignore[assignment]


def _emptied(tensor: torch.Tensor, answers: Answers, made: dict[int, torch.Tensor]) -> torch.Tensor:
    """Return a tensor without data for a real float, always the same for the same one: weights may be shared."""
    real_float = tensor.is_floating_point() or tensor.is_complex() or tensor.is_meta
    if isinstance(tensor, Hollow) or not real_float:
        return tensor
    return made.setdefault(id(tensor), like(tensor, answers))


@cache
def _is_factory(func: OpOverload) -> bool:
    arguments = func._schema.arguments
    return any(argument.name == "device" for argument in arguments) and not any(
        "Tensor" in str(argument.type) for argument in arguments
    )


def _large(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
    """Return a meta tensor of what the factory gives, if that is a large float; None if it is to be made for real."""
    if torch.device(kwargs.get("device") or "cpu").type == "meta":
        return None
    on_meta = {**kwargs, "device": torch.device("meta"), "pin_memory": False}
    made: torch.Tensor = func(*args, **{**on_meta, "generator": None} if "generator" in kwargs else on_meta)
    is_float = made.dtype.is_floating_point or made.dtype.is_complex
    return made if is_float and made.numel() * made.itemsize > _SMALL_BYTES else None
