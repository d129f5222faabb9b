"""What a lowering says: which module, function or operator a deployment replaces, and by what."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

ABSENT = object()
"""What an argument without a value is: it is not passed on."""


@dataclass(frozen=True, slots=True)
class Literal:
    """An argument that is the same in every call."""

    value: Any

    def find(self, inputs: Mapping[str, Any], module: nn.Module | None) -> Any:  # noqa: ARG002 - see Argument
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Input:
    """An argument of the replaced call, by its name or its position; absent if the call has none."""

    name: str

    def find(self, inputs: Mapping[str, Any], module: nn.Module | None) -> Any:  # noqa: ARG002 - see Argument
        """Return the value."""
        if self.name.isdigit():
            return next((value for index, value in enumerate(inputs.values()) if index == int(self.name)), ABSENT)
        return inputs.get(self.name, ABSENT)


@dataclass(frozen=True, slots=True)
class Attribute:
    """The first of some attributes of the replaced module that it has."""

    names: tuple[str, ...]

    def find(self, inputs: Mapping[str, Any], module: nn.Module | None) -> Any:  # noqa: ARG002 - see Argument
        """Return the value; raises LookupError for a module with none of them."""
        for name in self.names:
            if hasattr(module, name):
                return getattr(module, name)
        raise LookupError(" or ".join(self.names))


Argument = Literal | Input | Attribute
"""Where an argument of a replacement comes from; `find` takes the replaced call's arguments and module."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """A condition: an argument is a tensor with one of these sizes along an axis."""

    argument: Argument
    axis: int
    allowed: range

    def holds(self, inputs: Mapping[str, Any], module: nn.Module | None) -> bool:
        """Return whether it is."""
        value = self.argument.find(inputs, module)
        return (size := _size(value, self.axis)) is not None and size in self.allowed


@dataclass(frozen=True, slots=True)
class SameSize:
    """A condition: two arguments are tensors of the same size along an axis."""

    one: Argument
    other: Argument
    axis: int

    def holds(self, inputs: Mapping[str, Any], module: nn.Module | None) -> bool:
        """Return whether they are."""
        one, other = (_size(argument.find(inputs, module), self.axis) for argument in (self.one, self.other))
        return one is not None and one == other


@dataclass(frozen=True, slots=True)
class OfClass:
    """A condition: an attribute of the module is an object of a class whose name fits one of these patterns."""

    argument: Argument
    patterns: tuple[str, ...]

    def holds(self, inputs: Mapping[str, Any], module: nn.Module | None) -> bool:
        """Return whether it is."""
        return fits(type(self.argument.find(inputs, module)).__name__, self.patterns)


@dataclass(frozen=True, slots=True)
class Plain:
    """A condition: an argument is one of these numbers, texts or None; one that is not given is None."""

    argument: Argument
    allowed: tuple[str | int | float | None, ...]

    def holds(self, inputs: Mapping[str, Any], module: nn.Module | None) -> bool:
        """Return whether it is."""
        found = self.argument.find(inputs, module)
        value = None if found is ABSENT else found
        return any(type(one) is type(value) and one == value for one in self.allowed)


Condition = Sizes | SameSize | OfClass | Plain


@dataclass(frozen=True, slots=True)
class Row:
    """One replacement.

    patterns    shell patterns: of class names for a module, "module:function" for a function, "aten.name" or
                "aten.name.overload" for an operator
    excluded    patterns of those that are left as they are
    held_as     patterns of the attribute by which its owner holds a module; any if empty
    owners      patterns of the class name of that owner; any if empty
    within      patterns of the path of the module in which an operator runs; any if empty
    parameters  the names of a function's parameters, as far as they must be; for a module they are its own
    when        every one of these must hold for a call
    runs        "npu.name" for an operator, else the name of a function in `replacements`
    arguments   what that is given
    demanded    those of them without which it cannot run
    result      which of several results stands for the one of the replaced call; all if None
    source      who says so
    """

    patterns: tuple[str, ...]
    runs: str
    arguments: Mapping[str, Argument]
    demanded: frozenset[str]
    excluded: tuple[str, ...] = ()
    held_as: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    result: int | None = None
    source: str = ""

    def names(self, name: str) -> bool:
        """Return whether the row is about this class, function or operator."""
        return fits(name, self.patterns) and not fits(name, self.excluded)

    def given(self, inputs: Mapping[str, Any], module: nn.Module | None) -> dict[str, Any] | None:
        """Return the arguments of the replacement; None if the row does not hold for a call with these inputs."""
        try:
            if not all(condition.holds(inputs, module) for condition in self.when):
                return None
            found = {name: argument.find(inputs, module) for name, argument in self.arguments.items()}
        except LookupError:
            return None
        found = {name: value for name, value in found.items() if value is not ABSENT}
        return found if self.demanded <= found.keys() else None


@dataclass(frozen=True, slots=True)
class Described:
    """One lowering as its file describes it.

    views_run  whether an operator that only changes how memory is seen is run as one
    overrides  the composite operators of torch that the stack implements itself, rather than their parts
    notes      what a reader of a report should know
    """

    name: str
    title: str
    extends: tuple[str, ...]
    views_run: bool
    overrides: frozenset[str]
    notes: tuple[str, ...]
    modules: tuple[Row, ...]
    functions: tuple[Row, ...]
    operators: tuple[Row, ...]


def fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a name fits one of some shell patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _size(value: Any, axis: int) -> int | None:
    """Return the size of a tensor along an axis, counted from the end; None for what is none or has no such axis."""
    return value.shape[axis] if isinstance(value, torch.Tensor) and value.dim() >= -axis else None
