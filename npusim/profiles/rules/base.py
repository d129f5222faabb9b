"""What every kind of rule offers, and how kinds read the ports they name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Self

from npusim.dtypes import DType
from npusim.operators import Operator, Port
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.edits import Edits
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


class Rule:
    """What every kind offers. The class docstring is its documentation, printed by `npusim explain`.

    `sentences` are its own wordings; `fields` is what those, and a profile's, may name beside the common fields;
    `schema` is what a profile's value looks like, in JSON Schema.
    """

    __slots__ = ()
    key: ClassVar[str]
    code: ClassVar[str]
    example: ClassVar[str]
    schema: ClassVar[Mapping[str, Any]]
    sentences: ClassVar[Mapping[str, str]] = MappingProxyType({})
    fields: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def read(cls, node: Node, operator: Operator) -> Self:
        """Return the rule that a profile wrote, or fail at its place."""
        raise NotImplementedError

    def findings(self, seen: Subject) -> Iterator[Finding]:
        """Yield every way in which the call breaks the rule; ports that are absent break nothing."""
        return iter(())

    def notes(self, seen: Subject) -> Iterator[str]:
        """Yield what the rule has to say of a call that it does not reject."""
        return iter(())

    @property
    def refuses_all(self) -> bool:
        """Whether no call at all can meet it."""
        return False

    @property
    def targets(self) -> tuple[str, ...]:
        """The ports or attributes each of which alone can break it; "" for a rule on several together."""
        return ("",)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        """Yield changes by which a call that breaks the rule may come to meet it, likely ones first."""
        return iter(())

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        """Yield changes by which a call that meets the rule may come to break it on a target."""
        return iter(())


GROUPS: Mapping[str, Callable[[Operator], tuple[Port, ...]]] = MappingProxyType(
    {
        "inputs": lambda operator: operator.inputs,
        "outputs": lambda operator: operator.outputs,
        "all": lambda operator: operator.ports,
    }
)
"""Words that stand for several ports, where an operator has no port of that name."""


def named_ports(node: Node, name: str, operator: Operator) -> tuple[str, ...]:
    """Return the operator's ports that a name means: one, or those of a group; or fail with the nearest."""
    names = [port.name for port in operator.ports]
    if name in names:
        return (name,)
    if name in GROUPS:
        return tuple(port.name for port in GROUPS[name](operator))
    return node.fail_at_key(f"{operator.name} has no port {name!r}{did_you_mean(name, [*names, *GROUPS])}")


def read_ports(node: Node, operator: Operator) -> tuple[str, ...]:
    """Return one port or several."""
    return tuple(port for item in node.some() for port in named_ports(item, item.text("a port"), operator))


def by_port(node: Node, operator: Operator, read: Callable[[Node], Any]) -> tuple[tuple[str, Any], ...]:
    """Return what a mapping from ports holds, each value read by `read`."""
    entries = node.mapping("a mapping from ports")
    return tuple(
        (port, found)
        for name, value in entries.items()
        for found in (read(value),)
        for port in named_ports(value, name, operator)
    )


def read_parts(node: Node, *keys: str) -> Mapping[str, Node]:
    """Return the parts of a rule that has exactly these keys, or fail naming them."""
    entries = node.mapping(f"a mapping with {' and '.join(keys)}")
    if set(entries) != set(keys):
        node.fail(f"expected the keys {', '.join(keys)}, found {', '.join(entries)}")
    return entries


def nearest_dtype(found: DType, allowed: Sequence[DType]) -> DType:
    """Return the allowed dtype that is closest to `found` in kind and width."""
    return min(allowed, key=lambda row: (row.kind is not found.kind, abs(row.bits - found.bits)))
