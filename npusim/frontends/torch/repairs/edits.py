"""A change to single calls of a model, made in passing: the user's files stay as they are."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import torch

from npusim.frontends.torch.arguments import mapped, tensors_in
from npusim.frontends.torch.operands import torch_dtype
from npusim.frontends.torch.places import innermost

if TYPE_CHECKING:
    from npusim.frontends.torch.interception import Interception

_HELD = "_npusim_held"


class Action(StrEnum):
    """What an edit does at its line.

    cast_inputs  cast the operands of one dtype to another
    cast_output  cast the result
    hold         compute in a wider dtype from here on, until a result fits into the narrow one again
    scale        as hold, but in the same dtype with the operands scaled by a power of two
    """

    CAST_INPUTS = "cast_inputs"
    CAST_OUTPUT = "cast_output"
    HOLD = "hold"
    SCALE = "scale"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change at every call of one torch operator on one line of code.

    operator  the operator without its overload, such as aten.mul
    found     the dtype, by its canonical name, of the tensors that are changed
    target    the dtype they get; for a scale the same
    factor    what operands are scaled by
    ends      the lines at which held results fitted again; filled in while the edit is applied
    """

    file: str
    line: int
    operator: str
    action: Action
    found: str
    target: str
    factor: float = 1.0
    ends: set[tuple[str, int]] = field(default_factory=set, compare=False)

    def apply(self, run: "Interception", func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the result of a call changed by this edit, or NotImplemented if it is not one that it changes."""
        holds = self.action in {Action.HOLD, Action.SCALE}
        if holds and any(hasattr(one, _HELD) for one in tensors_in((args, kwargs))):
            return self._held_on(run, func, args, kwargs)
        if packet(func) != self.operator or not self._is_here():
            return NotImplemented
        if self.action is Action.CAST_OUTPUT:
            return self._cast(run, run.perform(func, args, kwargs))
        if self.action is Action.SCALE:
            given = self._mapped((args, dict(kwargs)), lambda one: _times(run, one, self.factor))
            output = run.perform(func, *given)
            return self._fitted(run, output, self.factor ** degree(func, args))
        given = self._mapped((args, dict(kwargs)), lambda one: self._to(run, one))
        output = run.perform(func, *given)
        return self._fitted(run, output, 1.0) if holds else output

    def _is_here(self) -> bool:
        frame, _, _ = innermost(sys._getframe(1))
        return frame is not None and (frame.f_lineno, frame.f_code.co_filename) == (self.line, self.file)

    def _held_on(self, run: "Interception", func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Compute with operands that are held, and hold the result unless it fits."""
        factors = {id(one): getattr(one, _HELD) for one in tensors_in((args, kwargs)) if hasattr(one, _HELD)}
        power = _joint(func, args, factors)
        if power is None:  # no scale survives this operator: undo it first
            given = mapped((args, dict(kwargs)), lambda one: _times(run, one, 1 / factors.get(id(one), 1.0)))
            return run.perform(func, *given)
        if self.action is Action.HOLD:
            args, kwargs = self._mapped((args, dict(kwargs)), lambda one: self._to(run, one))
        elif packet(func) in _SUMS:  # what is added must be scaled alike
            args = tuple(one * power if isinstance(one, int | float) else one for one in args)
        return self._fitted(run, run.perform(func, args, kwargs), power)

    def _fitted(self, run: "Interception", output: Any, factor: float) -> Any:
        """Return a result in the narrow dtype if its true value fits there, else hold it."""
        limit = torch.finfo(self._found).max

        def settle(one: torch.Tensor) -> torch.Tensor:
            if not one.is_floating_point():
                return one
            if one.numel() and one.abs().amax().float().item() > limit * min(factor, 1.0):
                setattr(one, _HELD, factor)
                return one
            frame, _, _ = innermost(sys._getframe(1))
            if frame is not None:
                self.ends.add((frame.f_code.co_filename, frame.f_lineno))
            back = _times(run, one, 1 / factor)
            return run.perform(torch.ops.aten.to.dtype, (back, self._found), {}) if back.dtype != self._found else back

        return mapped(output, settle)

    @property
    def _found(self) -> torch.dtype:
        return torch_dtype(self.found) or torch.float32

    def _cast(self, run: "Interception", output: Any) -> Any:
        return self._mapped(output, lambda one: self._to(run, one))

    def _to(self, run: "Interception", one: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = run.perform(torch.ops.aten.to.dtype, (one, torch_dtype(self.target)), {})
        return result

    def _mapped(self, value: Any, change: Any) -> Any:
        """Return a value with the tensors of the found dtype changed; 0-d ones, which promote nothing, stay."""
        return mapped(value, lambda one: change(one) if one.dtype == self._found and one.dim() else one)


def packet(func: Any) -> str:
    """Return an operator's name without the overload: aten.mul for aten.mul.Tensor and aten.mul_.Scalar."""
    namespace, _, name = func._schema.name.partition("::")
    return f"{namespace}.{name.rstrip('_')}"


def packet_name(overload: str) -> str:
    """Return the same for an overload's name, such as aten.mul_.Tensor."""
    return ".".join(overload.split(".")[:2]).rstrip("_")


_ADD_UP = {"aten.mul", "aten.matmul", "aten.mm", "aten.bmm"}
_SUMS = {"aten.add", "aten.sub"}
_KEEP = {"aten.mean", "aten.sum", "aten.neg", "aten.abs", "aten.amax", "aten.clone", "aten.contiguous", "aten.to"}
_KEEP |= {"aten.view", "aten.reshape", "aten.transpose", "aten.permute", "aten.unsqueeze", "aten.expand"}
_POWERS = {"aten.sqrt": 0.5, "aten.rsqrt": -0.5, "aten.reciprocal": -1.0, "aten.square": 2.0}
SCALABLE = {"aten.pow", "aten.square", "aten.sum", "aten.mean", *_ADD_UP}
"""Operators that can overflow and of which `degree` says what a scale of their operands does to the result."""


def degree(func: Any, args: tuple[Any, ...]) -> float:
    """Return by which power of a factor a result grows when the operands of a scalable operator, but 0-d ones, are."""
    name = packet(func)
    if name == "aten.pow" and isinstance(args[1], int | float):
        return float(args[1])
    if name in _ADD_UP:
        return float(sum(isinstance(one, torch.Tensor) and one.dim() > 0 for one in args[:2]))
    return _POWERS.get(name, 1.0)


def _joint(func: Any, args: tuple[Any, ...], factors: Mapping[int, float]) -> float | None:
    """Return the factor of a result whose operands have these; None where a scale has no meaning afterwards."""
    name = packet(func)
    given = [factors.get(id(one), 1.0) for one in args if isinstance(one, torch.Tensor)]
    if all(factor == 1.0 for factor in given):
        return 1.0
    if name in _ADD_UP:
        return given[0] * (given[1] if len(given) > 1 else 1.0)
    if name == "aten.div":
        return given[0] / (given[1] if len(given) > 1 else 1.0)
    if name in _SUMS:
        return given[0] if len(set(given)) == 1 else None
    if name == "aten.pow" and isinstance(args[1], int | float):
        return float(given[0] ** float(args[1]))
    if name in _POWERS:
        return float(given[0] ** _POWERS[name])
    return given[0] if name in _KEEP and len(given) == 1 else None


def _times(run: "Interception", one: torch.Tensor, factor: float) -> torch.Tensor:
    if factor == 1.0:
        return one
    result: torch.Tensor = run.perform(torch.ops.aten.mul.Tensor, (one, factor), {})
    return result
