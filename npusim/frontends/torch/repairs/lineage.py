"""Follow a dtype from the operand that was refused back through every operator that handed it down."""

import linecache
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from npusim.frontends.torch.arguments import tensors_in
from npusim.frontends.torch.mapping import Role, translate
from npusim.frontends.torch.places import innermost
from npusim.frontends.torch.repairs.edits import packet

if TYPE_CHECKING:
    from npusim.frontends.torch.interception import Interception

_STEP = "_npusim_step"


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of a line of code: `text` is the expression that made the call, `names` the variables it took.

    `names` are those local variables that hold a tensor of the followed dtype which the call took.
    """

    file: str
    line: int
    text: str
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """One call that gave a tensor of the followed dtype.

    parents   the steps that made its operands of that dtype
    takes     whether it had any such operands
    promotes  whether narrower float operands met wider ones here
    """

    operator: str
    place: Place
    parents: "tuple[Step, ...]" = ()
    takes: bool = False
    promotes: bool = False

    @cached_property
    def births(self) -> "tuple[Step, ...]":
        """The steps at which the dtype came up: where it was first promoted, else where it was first made."""
        handed_down = list(dict.fromkeys(birth for parent in self.parents for birth in parent.births))
        promoted = tuple(birth for birth in handed_down if birth.promotes)
        if promoted or (handed_down and not self.promotes):
            return promoted or tuple(handed_down)
        return (self,)


class Lineage:
    """Records, as an edit that changes nothing, how tensors of one dtype came about.

    `taken` leads from (file, line, operator) to the steps of the operands of that dtype which calls there took.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self.taken: dict[tuple[str, int, str], list[Step]] = {}

    def apply(self, run: "Interception", func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Compute a call as it is, and remember what it took and gave of the dtype."""
        given = list(tensors_in((args, kwargs)))
        followed = [one for one in given if one.dtype == self._dtype and one.dim()]
        if not followed:
            output = run.perform(func, args, kwargs)
            made = [one for one in tensors_in(output) if one.dtype == self._dtype]
            if made:
                self._mark(made, Step(packet(func), _place([])))
            return output
        parents = tuple({id(one): one for one in (getattr(t, _STEP, None) for t in followed) if one}.values())
        if translate(func, args, kwargs).role is Role.VIEW and len(parents) == 1:
            output = run.perform(func, args, kwargs)
            self._mark(tensors_in(output), parents[0])
            return output
        place = _place(followed)
        self.taken.setdefault((place.file, place.line, packet(func)), []).extend(parents)
        promotes = any(one.is_floating_point() and one.dim() and one.dtype != self._dtype for one in given)
        output = run.perform(func, args, kwargs)
        self._mark(tensors_in(output), Step(packet(func), place, parents, True, promotes))
        return output

    def _mark(self, tensors: Any, step: Step) -> None:
        for one in tensors:
            if one.dtype == self._dtype:
                setattr(one, _STEP, step)


def above(steps: list[Step]) -> list[Step]:
    """Return the steps that made the operands of some steps, each once."""
    return list(dict.fromkeys(parent for step in steps for parent in step.parents))


def _place(taken: list[torch.Tensor]) -> Place:
    frame, _, _ = innermost(sys._getframe(1))
    if frame is None:
        return Place("", 0, "", ())
    steps = {id(getattr(one, _STEP, one)) for one in taken}
    names = tuple(
        name
        for name, value in frame.f_locals.items()
        if isinstance(value, torch.Tensor) and id(getattr(value, _STEP, value)) in steps
    )
    return Place(frame.f_code.co_filename, frame.f_lineno, _expression(frame), names)


def _expression(frame: FrameType) -> str:
    """Return the source of the expression that a frame is computing, its line if the compiler kept no columns."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    first, last, start, end = next(
        islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), (None, None, None, None)
    )
    if first is None or first != last or start is None or end is None:
        return line.strip()
    return line.encode()[start:end].decode()
