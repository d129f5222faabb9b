"""Propose the smallest changes that could mend what a run found: for a refused dtype, and for an overflow."""

from collections.abc import Iterator
from dataclasses import dataclass

from npusim.frontends.torch.observation import Observation
from npusim.frontends.torch.repairs.edits import SCALABLE, Action, Edit
from npusim.frontends.torch.repairs.lineage import Lineage, Step, above
from npusim.report.place import show_file
from npusim.simulator import Violation

MAX_LEVELS = 3
"""How many operators above a promotion a cast is tried."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change worth trying: where it stands in the story, the edits, and what to write, a line of text each."""

    title: str
    edits: tuple[Edit, ...]
    code: tuple[str, ...]


def for_rejection(violation: Violation, operator: str, target: str, lineage: Lineage) -> Iterator[Proposal]:
    """Yield casts for an operand of a refused dtype, from where it kills back to where it was born and beyond.

    operator  the torch operator that was refused, without its overload
    target    the allowed dtype to cast to, by its canonical name
    """
    site, found = violation.site, violation.found
    if site is None:
        return
    death = Edit(site.file, site.line, operator, Action.CAST_INPUTS, found, target)
    yield Proposal(
        f"cast at death: {violation.port} of {violation.operator}",
        (death,),
        (f"{show_file(site.file)}:{site.line}  cast {violation.port} to {target} before {violation.api or operator}",),
    )
    steps = lineage.taken.get((site.file, site.line, operator), [])
    level = list(dict.fromkeys(birth for step in steps for birth in step.births))
    made = [step for step in level if not step.takes]
    if made:
        edits = _edits(made, Action.CAST_OUTPUT, found, target)
        yield Proposal(f"cast at birth: {_operators('result', made)}", edits, tuple(_code(made, found, target)))
    title = "cast at birth"
    seen: set[tuple[Edit, ...]] = {()}
    for _ in range(MAX_LEVELS + 1):
        level = [step for step in level if step.takes]
        edits = _edits(level, Action.CAST_INPUTS, found, target)
        if edits not in seen:
            yield Proposal(f"{title}: {_operators('inputs', level)}", edits, tuple(_code(level, found, target)))
        seen.add(edits)
        level, title = _computing(above(level)), "cast earlier"


def for_overflow(seen: Observation, operator: str) -> Iterator[Proposal]:
    """Yield ways to keep a value that is too large for its dtype: in a wider dtype, in bfloat16, or scaled."""
    site = seen.site
    place = f"{show_file(site.file)}:{site.line}"
    for target in ("float32", "bfloat16"):
        if target != seen.dtype:
            edit = Edit(site.file, site.line, operator, Action.HOLD, seen.dtype, target)
            code = f"{place}  compute {operator} in {target}, and cast back where the result fits {seen.dtype} again"
            yield Proposal(f"keep in {target}", (edit,), (code,))
    if operator in SCALABLE and seen.true_value and seen.limit:
        factor = _scale(abs(seen.true_value) / seen.limit)
        edit = Edit(site.file, site.line, operator, Action.SCALE, seen.dtype, seen.dtype, factor)
        code = f"{place}  multiply the operands of {operator} by {factor:g}, and undo it where the result fits again"
        yield Proposal(f"scale by {factor:g}", (edit,), (code,))


def _scale(excess: float) -> float:
    """Return a power of two that brings values this many times too large well into range."""
    factor = 1.0
    while excess * factor > 0.5:
        factor /= 2
    return factor


_MOVES = {
    *("aten.cat", "aten.stack", "aten.index", "aten.index_select", "aten.gather", "aten.embedding", "aten.clone"),
    *("aten.repeat", "aten.repeat_interleave", "aten.contiguous", "aten.copy", "aten.masked_select", "aten.reshape"),
}
"""Operators that only move numbers: a cast before one is a cast after it."""


def _computing(level: list[Step]) -> list[Step]:
    """Return steps with those that only move numbers replaced by the ones above them."""
    while any(step.operator in _MOVES for step in level):
        moved = [(above([step]) if step.operator in _MOVES else [step]) for step in level]
        level = list(dict.fromkeys(step for steps in moved for step in steps))
    return level


def _edits(steps: list[Step], action: Action, found: str, target: str) -> tuple[Edit, ...]:
    edits = {Edit(one.place.file, one.place.line, one.operator, action, found, target) for one in steps}
    return tuple(sorted(edits, key=lambda one: (one.file, one.line, one.operator)))


def _operators(what: str, steps: list[Step]) -> str:
    return f"{what} of " + ", ".join(dict.fromkeys(step.operator.partition(".")[2] for step in steps))


def _code(steps: list[Step], found: str, target: str) -> Iterator[str]:
    """Yield what to write, once an expression."""
    lines: dict[tuple[str, int, str], list[str]] = {}
    for step in steps:
        place = step.place
        lines.setdefault((place.file, place.line, place.text), []).extend(place.names)
    for (file, line, text), names in lines.items():
        what = " and ".join(dict.fromkeys(names)) or f"what is {found}"
        yield f"{show_file(file)}:{line}  cast {what} to {target} in: {text}"
