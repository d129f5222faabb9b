"""The shapes and dtypes that come out of an operator: from torch's meta kernels, each asked only once."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch._ops import OpOverload

from npusim.errors import UsageError
from npusim.frontends.torch.arguments import tensors_in
from npusim.frontends.torch.fake.arguments import with_tensors
from npusim.frontends.torch.fake.hollow import Form, Hollow, form_of
from npusim.frontends.torch.fake.reading import refusal

_META = torch.device("meta")
_UNREGISTERED = "There was no fake impl registered"
"""What an operator made by torch.library.custom_op says: torch/_library/custom_ops.py in pytorch/pytorch."""

_MOST = 100_000
_TYPED = (bool, float, complex)  # 1 == 1.0 == True, but promotion tells them apart


@dataclass(frozen=True, slots=True)
class _Same:
    """One of the arguments itself; `now` is what it has become where the operator changed its shape in place."""

    argument: int
    now: Form | None


_Outcome = Form | _Same | list[Any] | tuple[Any, ...] | int | float | bool | None
_outcomes: dict[tuple[Any, ...], _Outcome] = {}
"""What came out of an operator for arguments of these dtypes, sizes, strides and values."""


def shapes(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the tensors without data that come out of `func`; raises UsageError if torch cannot tell their shapes."""
    outcome, tensors = _known(func, args, kwargs)
    traits = _traits(func)
    source = next(tensor for tensor in tensors if type(tensor) is Hollow)
    if traits.written:
        _spoil(traits, args, kwargs, source)
    device = _device(args, kwargs) if traits.names_device else None
    if traits.is_view and torch.is_inference_mode_enabled() and not source.is_inference():
        with torch._C._InferenceMode(False):  # a view of a normal tensor is a normal one
            return _realise(outcome, tensors, source, device)
    return _realise(outcome, tensors, source, device)


def form_out(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Form | None:
    """Return the form of the new tensor that comes out of real ones; None if that is not what comes out, or known."""
    try:
        outcome, _ = _known(func, args, kwargs)
    except (RuntimeError, UsageError):  # its shape depends on data, and data are there
        return None
    return outcome if isinstance(outcome, Form) and not _traits(func).is_view else None


def _known(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[_Outcome, list[torch.Tensor]]:
    tensors: list[torch.Tensor] = []
    key: list[Any] = [func, torch.get_default_dtype()]
    for value in args:
        _describe(value, key, tensors)
    for name, value in kwargs.items():
        key.append(name)
        _describe(value, key, tensors)
    known = tuple(key)
    try:
        return _outcomes[known], tensors
    except KeyError:
        if len(_outcomes) >= _MOST:
            _outcomes.clear()
        outcome = _outcomes[known] = _ask(func, args, kwargs)
    except TypeError:  # an argument that cannot be a key
        outcome = _ask(func, args, kwargs)
    return outcome, tensors


def _describe(value: Any, key: list[Any], tensors: list[torch.Tensor]) -> None:
    if isinstance(value, torch.Tensor):
        key += (value.dtype, value.shape, value.stride())
        tensors.append(value)
    elif isinstance(value, list | tuple):
        key.append(len(value))
        for element in value:
            _describe(element, key, tensors)
    else:
        key.append(value)
        if isinstance(value, _TYPED):
            key.append(type(value))


def _realise(outcome: _Outcome, tensors: list[torch.Tensor], source: Hollow, device: torch.device | None) -> Any:
    match outcome:
        case Form():
            return Hollow(outcome, device or source.device, source.answers)
        case _Same(index, now):
            same = tensors[index]
            if now is not None:
                same.data = Hollow(now, same.device, source.answers)
            if device is not None and device != same.device:
                return Hollow(form_of(same), device, source.answers)
            return same
        case list() | tuple():
            return type(outcome)(_realise(each, tensors, source, device) for each in outcome)
        case _:
            return outcome


def _ask(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Outcome:
    tensors = list(tensors_in((args, kwargs)))
    metas = [torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device=_META) for t in tensors]
    before = [form_of(meta) for meta in metas]
    args, kwargs = with_tensors((args, kwargs), metas, _META)
    out = _run(func, args, kwargs)
    now = [form_of(meta) for meta in metas]
    changed = {id(meta): _Same(i, None if now[i] == before[i] else now[i]) for i, meta in enumerate(metas)}
    return _outcome(out, changed)


def _run(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return func(*args, **kwargs)
    except RuntimeError as error:
        if not isinstance(error, NotImplementedError) and _UNREGISTERED not in str(error):
            raise
        parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        raise UsageError(
            f"{func} has no rule for its shapes, so it cannot run without data: "
            f"register one with torch.library.register_fake({func._schema.name!r})"
        ) from error


def _outcome(out: Any, changed: dict[int, _Same]) -> _Outcome:
    if isinstance(out, torch.Tensor):
        return changed.get(id(out)) or form_of(out)
    if isinstance(out, list | tuple):
        parts = [_outcome(each, changed) for each in out]
        return parts if isinstance(out, list) else tuple(parts)
    return out  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Traits:
    is_view: bool
    names_device: bool
    written: tuple[int | str, ...]


@cache
def _traits(func: OpOverload) -> _Traits:
    schema = func._schema
    aliases = [value.alias_info for value in schema.returns if value.alias_info is not None]
    written = (
        (argument.name if argument.kwarg_only else position)
        for position, argument in enumerate(schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )
    return _Traits(
        is_view=any(not alias.is_write for alias in aliases),
        names_device=any(argument.name == "device" for argument in schema.arguments),
        written=tuple(written),
    )


def _spoil(traits: _Traits, args: tuple[Any, ...], kwargs: dict[str, Any], source: Hollow) -> None:
    """Make NaN of a real float that values without data are written into; a real integer cannot take them."""
    for place in traits.written:
        target = kwargs.get(place) if isinstance(place, str) else (args[place] if place < len(args) else None)
        for tensor in tensors_in(target):
            if type(tensor) is Hollow:
                continue
            if not tensor.is_floating_point():
                raise refusal(source, "writing into a real tensor of integers")
            tensor.fill_(torch.nan)


def _device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.device | None:
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.device):
            return value
    return None
