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
class Quantisation:
    """How the integers of a tensor stand for real numbers: real = scale * (integer - zero point).

    One scale and zero point for all (`axis` None), one for each slice along `axis`, or one for each group of
    `group_size` elements along it. `scheme` is the vendor's name of the arrangement, such as asym or dfp.
    """

    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int | None = None
    group_size: int | None = None
    scheme: str = ""

    @property
    def granularity(self) -> str:
        """per_tensor, per_channel or per_group."""
        if self.group_size is not None:
            return "per_group"
        return "per_tensor" if self.axis is None else "per_channel"


@dataclass(frozen=True, slots=True)
class Operand:
    """What a call puts on a port; whatever nobody has said of it is empty, and is not judged.

    constant  whether the value is fixed when the program is built, as some chips require of weights
    layout    the vendor's name of the order of elements, such as TILE
    origin    where the dtype was born
    quant     how integers stand for real numbers
    memory    the vendor's name of where the tensor lies, such as SBUF
    value     the content of a constant, flattened in row-major order
    dynamic   the axes whose size is not fixed when the program is built; the shape holds one possible size
    """

    type: TensorType
    constant: bool = False
    layout: str = ""
    origin: Site | None = None
    quant: Quantisation | None = None
    memory: str = ""
    value: tuple[float, ...] | None = None
    dynamic: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One use of an operator: every input port's operand (a variadic port has several), every attribute, and the site.

    `outputs` holds what the caller knows of the results; the others are inferred where the operator can be.
    """

    operator: str
    operands: Mapping[str, tuple[Operand, ...]]
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    site: Site | None = None
    outputs: Mapping[str, tuple[Operand, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __reduce__(self) -> tuple[Any, ...]:
        return _call, (self.operator, *map(dict, (self.operands, self.attributes, self.outputs)), self.site)


def _call(
    operator: str, operands: dict[str, Any], attributes: dict[str, Any], outputs: dict[str, Any], site: Site | None
) -> Call:
    """Return a pickled call: a read-only view, as its mappings are, cannot be pickled."""
    return Call(
        operator, MappingProxyType(operands), MappingProxyType(attributes), site, outputs=MappingProxyType(outputs)
    )
