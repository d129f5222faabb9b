"""What a front end hands to the simulator: one use of an operator, with or without data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DType


@dataclass(frozen=True, slots=True)
class TensorType:
    """The dtype and shape of a tensor."""

    dtype: DType
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        """The number of dimensions; 0 for a scalar."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the user's world: a line of code, a module of a model, a node of a graph; "" or 0 where not known."""

    file: str = ""
    line: int = 0
    function: str = ""
    module: str = ""
    operator: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file else ""
        inside = self.module or self.function
        return " in ".join(part for part in (place, inside) if part) or "an unknown place"


@dataclass(frozen=True, slots=True)
class Operand:
    """What a call puts on a port.

    `constant` says that the value is fixed when the program is built, as some chips require of weights; `origin` is
    where the dtype was born, if anybody knows.
    """

    type: TensorType
    constant: bool = False
    layout: str = ""
    origin: Site | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One use of an operator: every port's operand (a variadic port has several), every attribute, and the site."""

    operator: str
    operands: Mapping[str, tuple[Operand, ...]]
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    site: Site | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _call, (self.operator, dict(self.operands), dict(self.attributes), self.site)


def _call(operator: str, operands: dict[str, Any], attributes: dict[str, Any], site: Site | None) -> Call:
    """Return a pickled call: a read-only view, as its mappings are, cannot be pickled."""
    return Call(operator, MappingProxyType(operands), MappingProxyType(attributes), site)
