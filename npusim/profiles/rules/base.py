"""What every kind of rule offers, and how kinds read the ports they name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from npusim.dtypes import DType
from npusim.operators import Operator
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.subject import Subject


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a call breaks a rule.

    `found` and `allowed` hold dtypes, shapes or numbers, to be spelled by whoever prints them; `sentence` is the key of
    the vendor's wording where a kind has several, `fields` what such a wording may name beside the common fields,
    `index` the operand of a variadic port.
    """

    port: str
    found: Any
    allowed: tuple[Any, ...]
    hint: str
    sentence: str = ""
    index: int = 0
    fields: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


class Rule(Protocol):
    """What every kind offers. The class docstring is its documentation, printed by `npusim explain`.

    `sentences` are its own wordings; `fields` is what those, and a profile's, may name beside the common fields.
    """

    key: ClassVar[str]
    code: ClassVar[str]
    example: ClassVar[str]
    sentences: ClassVar[Mapping[str, str]]
    fields: ClassVar[frozenset[str]]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Rule":
        """Return the rule that a profile wrote, or fail at its place."""

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Yield every way in which the call breaks the rule; ports that are absent break nothing."""


def read_port(node: Node, name: str, operator: Operator) -> str:
    """Return the name of one of the operator's ports, or fail with the nearest ones."""
    names = [port.name for port in operator.ports]
    if name not in names:
        node.fail_at_key(f"{operator.name} has no port {name!r}{did_you_mean(name, names)}")
    return name


def read_ports(node: Node, operator: Operator) -> tuple[str, ...]:
    """Return one port or several."""
    return tuple(read_port(item, item.text("a port"), operator) for item in node.some())


def by_port(node: Node, operator: Operator, read: Callable[[Node], Any]) -> tuple[tuple[str, Any], ...]:
    """Return what a mapping from ports holds, each value read by `read`."""
    entries = node.mapping("a mapping from ports")
    return tuple((read_port(value, name, operator), read(value)) for name, value in entries.items())


def nearest_dtype(found: DType, allowed: Sequence[DType]) -> DType:
    """Return the allowed dtype that is closest to `found` in kind and width."""
    return min(allowed, key=lambda row: (row.kind is not found.kind, abs(row.bits - found.bits)))
