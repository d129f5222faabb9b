"""What a referee is asked: one use of one operator, as plain JSON, with all that a vendor's tool may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Value = int | float | bool | Sequence[Any]


class CaseError(ValueError):
    """A case that no model can be built from: an unknown operator, a missing port, an attribute nobody reads."""


@dataclass(frozen=True, slots=True)
class Quant:
    """Scales and zero points; one of each is per tensor, more of them lie along `axis`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor on a port; -1 in the shape is a dynamic dimension, one number as value fills a constant."""

    dtype: str
    shape: tuple[int, ...]
    constant: bool = False
    value: Value = 0
    quant: Quant | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One call: operands and outputs by port, a port that takes any number of tensors holding all of them.

    `inside` asks about the operator in the middle of a graph, where its bool tensors are not the graph's own.
    """

    id: str
    operator: str
    operands: Mapping[str, tuple[Operand, ...]]
    outputs: Mapping[str, tuple[Operand, ...]]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    inside: bool = False


def parse(data: Mapping[str, Any]) -> Case:
    """The case that a JSON object describes."""
    try:
        return Case(
            id=str(data["id"]),
            operator=data["operator"],
            operands=_ports(data.get("operands", {})),
            outputs=_ports(data["outputs"]),
            attributes=data.get("attributes", {}),
            inside=data.get("inside", False),
        )
    except KeyError as missing:
        raise CaseError(f"the case has no {missing}") from None
    except TypeError as wrong:
        raise CaseError(str(wrong)) from None


def _ports(data: Mapping[str, Any]) -> dict[str, tuple[Operand, ...]]:
    return {
        port: tuple(map(_operand, held if isinstance(held, list) else [held]))
        for port, held in data.items()
        if held is not None
    }


def _operand(data: Mapping[str, Any]) -> Operand:
    fields = dict(data) | {"shape": tuple(data["shape"])}
    if (quant := data.get("quant")) is not None:
        fields["quant"] = Quant(tuple(quant["scales"]), tuple(quant["zero_points"]), quant.get("axis"))
    return Operand(**fields)
