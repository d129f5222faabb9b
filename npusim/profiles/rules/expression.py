"""The rule for what no other kind fits: an expression that must hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.edits import Edits
from npusim.profiles.expressions import Expression, UndecidableError, read_expression
from npusim.profiles.json_parts import TEXT
from npusim.profiles.perturbations import perturbations
from npusim.profiles.rules.base import Finding, Rule
from npusim.profiles.subject import Subject


@dataclass(frozen=True, slots=True)
class Expr(Rule):
    """An expression over ports and attributes holds; where it needs something that is not given, it is not judged."""

    key: ClassVar[str] = "expr"
    code: ClassVar[str] = "NPU901"
    example: ClassVar[str] = 'expr: "self.shape[-1] * self.bits % 256 == 0"'
    sentences: ClassVar[Mapping[str, str]] = {"expr": "it must hold that {expression}"}
    fields: ClassVar[frozenset[str]] = frozenset({"expression"})
    schema: ClassVar[Mapping[str, Any]] = TEXT

    expression: Expression

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Expr":
        return cls(read_expression(node, operator))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        try:
            holds = self.expression.value(seen)
        except UndecidableError:
            return
        if not holds:
            text = self.expression.text
            yield Finding("", self._found(seen), (text,), f"change {self._names()}", fields={"expression": text})

    def notes(self, seen: Subject) -> Iterator[str]:
        try:
            self.expression.value(seen)
        except UndecidableError as reason:
            if not any(not seen.types.get(port) for port in self.expression.ports):
                yield f"not judged: {self.expression.text} ({reason})"

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from perturbations(self.expression, seen)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from perturbations(self.expression, seen)

    def _names(self) -> str:
        return " or ".join(sorted(self.expression.ports | self.expression.attributes)) or "the call"

    def _found(self, seen: Subject) -> str:
        ports = (f"{port}: {seen.type(port)}" for port in sorted(self.expression.ports) if seen.types.get(port))
        attributes = (f"{name}: {seen.attributes[name]}" for name in sorted(self.expression.attributes))
        return ", ".join((*ports, *attributes)) or "this call"
