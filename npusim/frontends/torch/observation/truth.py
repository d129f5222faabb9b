"""Compute one operator again in a wider dtype: what its result would be if the format had no limits."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from npusim.frontends.torch.arguments import tensors_in
from npusim.frontends.torch.fake import is_fake

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
NO_DATA = "tensors without data (fake or meta) were not observed"

_UNINITIALISED = frozenset({"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"})
_OVERWRITTEN = frozenset({"copy_", "fill_", "zero_"})
"""In-place operators whose result does not depend on what was there."""
_NORMALISATION = re.compile("(rms|layer|group|instance|deep)_norm")
_NUMBERS = (torch.IntType, torch.FloatType, torch.BoolType, torch.NumberType)
_SWITCHES = frozenset({"train", "training"})
_CHANCES = frozenset({"p", "dropout_p", "dropout"})


@dataclass(frozen=True, slots=True)
class Traits:
    """What an overload's schema and tags say of it.

    name              without namespace and overload
    arguments         the names of its arguments, in order, with their defaults where they have one
    written           the names of those that it writes to, which may be tensors or lists of them
    reads_written     whether its result depends on what they held before
    is_seeded         whether it may draw random numbers
    is_pointwise      whether each element of the result depends on one element of every operand, after broadcasting
    is_garbage        whether its result is memory that nobody has written to yet
    is_normalisation  whether it divides by a root of a mean of squares
    makes_nothing     whether all that it returns are views of its operands, or numbers; one that may copy makes some
    """

    name: str
    arguments: Mapping[str, Any]
    written: frozenset[str]
    reads_written: bool
    is_seeded: bool
    is_pointwise: bool
    is_garbage: bool
    is_normalisation: bool
    makes_nothing: bool


@cache
def traits(func: Any) -> Traits:
    """Return the traits of a torch.ops overload."""
    schema = func._schema
    name = schema.name.partition("::")[2]
    written = frozenset(a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write)
    return Traits(
        name,
        {a.name: a.default_value if a.has_default_value() else None for a in schema.arguments},
        written,
        bool(written) and name not in _OVERWRITTEN,
        torch.Tag.nondeterministic_seeded in func.tags,
        torch.Tag.pointwise in func.tags,
        name in _UNINITIALISED,
        _NORMALISATION.search(name) is not None,
        not written
        and not func._can_decompose()  # as reshape, which copies where it has to
        and all(r.alias_info is not None or isinstance(r.type, _NUMBERS) for r in schema.returns),
    )


def is_random(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether this call draws random numbers: a dropout that is not training, or has probability 0, does not."""
    if not traits(func).is_seeded:
        return False
    given = by_name(func, args, kwargs)
    return not (any(given.get(n) is False for n in _SWITCHES) or any(given.get(n) == 0 for n in _CHANCES & set(given)))


def by_name(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by their names, with the defaults of those that were left out."""
    arguments = traits(func).arguments
    return {**arguments, **dict(zip(arguments, args, strict=False)), **kwargs}


def has_data(value: Any) -> bool:
    """Whether every tensor in a value holds numbers; fake and meta tensors, ours and torch's, do not."""
    return not any(is_fake(one) or isinstance(one, FakeTensor) or one.is_meta for one in tensors_in(value))


def outcome(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> list[torch.Tensor]:
    """Return the tensors that a call wrote to, and behind them those that it returned."""
    changed = traits(func).written
    if not changed:
        return list(tensors_in(output))
    return [
        *tensors_in([one for name, one in by_name(func, args, kwargs).items() if name in changed]),
        *tensors_in(output),
    ]


def made(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> list[tuple[int, torch.Tensor]]:
    """Return what a call wrote to or made, with its index in `outcome`; not the views that it returned of operands."""
    if isinstance(output, torch.Tensor) and not traits(func).written:
        storage = output.untyped_storage()
        return [] if any(one.untyped_storage() is storage for one in tensors_in((args, kwargs))) else [(0, output)]
    found = list(enumerate(outcome(func, args, kwargs, output)))
    changed = len(found) - sum(1 for _ in tensors_in(output))
    operands = {id(one.untyped_storage()) for one in tensors_in((args, kwargs))}
    return [(i, one) for i, one in found if i < changed or id(one.untyped_storage()) not in operands]


def mapped(args: tuple[Any, ...], kwargs: Mapping[str, Any], change: Callable[[Any], Any]) -> Arguments:
    """Return arguments with `change` applied to everything in them that is not a list or tuple."""

    def walk(value: Any) -> Any:
        return type(value)(map(walk, value)) if isinstance(value, list | tuple) else change(value)

    return tuple(map(walk, args)), {name: walk(value) for name, value in kwargs.items()}


def widened(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    wide: torch.dtype,
    convert: Callable[[torch.Tensor, torch.dtype], torch.Tensor] = torch.Tensor.to,
) -> Arguments:
    """Return arguments with every float tensor and every float dtype that is narrower than `wide` made `wide`.

    Tensors that need no conversion are handed on as they are: for a call that writes to them, copy them first.
    """

    def widen(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return convert(value, wide) if is_narrow(value.dtype, wide) else value
        return wide if isinstance(value, torch.dtype) and is_narrow(value, wide) else value

    return mapped(args, kwargs, widen)


def preserved(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
    """Return arguments with copies in the place of the tensors that a call is about to write to."""
    changed = {id(one) for one in outcome(func, args, kwargs, None)}
    return mapped(args, kwargs, lambda value: value.clone() if id(value) in changed else value)


@cache
def is_narrow(dtype: torch.dtype, wide: torch.dtype) -> bool:
    """Whether a dtype is a real float of fewer bits than `wide`."""
    return dtype.is_floating_point and dtype.itemsize < wide.itemsize
