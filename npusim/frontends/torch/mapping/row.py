"""What a row of the mapping says: the operator that a torch operator is, and what its arguments are called there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Given = Mapping[str, Any]
"""The arguments of a torch call by their schema names, defaults filled in."""


class Role(StrEnum):
    """What a torch operator is to a chip.

    operator  it is computed
    view      it only changes how memory is seen: an eager backend launches no kernel
    free      allocation or bookkeeping: nothing runs on the chip
    """

    OPERATOR = "operator"
    VIEW = "view"
    FREE = "free"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A torch operator's place in the vocabulary. An argument lands on the port or attribute of its own name.

    renames   arguments that have another name there, or several
    drops     tensor arguments for which the operator has no port
    computed  ports and attributes that follow from the arguments
    """

    operator: str | None
    role: Role = Role.OPERATOR
    renames: Mapping[str, str | tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    drops: frozenset[str] = frozenset()
    computed: Mapping[str, Callable[[Given], Any]] = field(default_factory=lambda: MappingProxyType({}))

    def computing(self, /, **computed: Callable[[Given], Any]) -> "Row":
        """Return the row with ports or attributes that follow from the arguments."""
        return Row(self.operator, self.role, self.renames, self.drops, MappingProxyType(computed))


Rule = Row | Callable[[Given], Row | None]
"""A row, or what chooses one by the arguments; None where only the operators that it is made of are known."""


def to(operator: str, /, *drops: str, **renames: str | tuple[str, ...]) -> Row:
    """Return the row of a torch operator that is computed as `operator`."""
    return Row(operator, Role.OPERATOR, MappingProxyType(renames), frozenset(drops))


def seen_as(operator: str, /, *drops: str, **renames: str | tuple[str, ...]) -> Row:
    """Return the row of a view."""
    return Row(operator, Role.VIEW, MappingProxyType(renames), frozenset(drops))


FREE = Row(None, Role.FREE)
"""The row of what does not run on the chip."""
