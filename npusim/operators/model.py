"""What an operator is: named ports, typed attributes, an inference rule and a float64 meaning."""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from npusim.call import TensorType

Infer = Callable[..., tuple[TensorType, ...]]
Reference = Callable[..., Any]
REQUIRED: Any = object()
"""Stands where an attribute has no default."""


@dataclass(frozen=True, slots=True)
class Port:
    """One named input or output; an optional one may be absent, a variadic one takes any number of operands."""

    name: str
    optional: bool = False
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """One named argument that is not a tensor; `type` is a key of `npusim.operators.binding.ATTRIBUTE_TYPES`."""

    name: str
    type: str
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Operator:
    """One device-independent operation.

    `infer` takes the TensorType of every input port in order (None for an absent one, a tuple for a variadic one) and
    the attributes by name, returns the TensorType of every output and raises CallError for what the operator cannot
    mean. `reference` takes arrays in the same places, floats as float64, and returns what exact arithmetic would give
    to float64 precision: an array, or a tuple of arrays where there are several outputs. An operator without them is
    only judged: its outputs are known where the call gives them, and it cannot be executed.
    """

    name: str
    inputs: tuple[Port, ...]
    attributes: tuple[Attribute, ...]
    outputs: tuple[Port, ...]
    infer: Infer | None = None
    reference: Reference | None = None
    aliases: tuple[str, ...] = ()

    @property
    def ports(self) -> tuple[Port, ...]:
        """Every port, inputs first."""
        return self.inputs + self.outputs

    @property
    def signature(self) -> str:
        """The operator as its table row writes it."""

        def port(p: Port) -> str:
            return p.name + "?" * p.optional + "*" * p.variadic

        attributes = ", ".join(
            f"{a.name}: {a.type}" + ("" if a.default is REQUIRED else f" = {a.default!r}") for a in self.attributes
        )
        arguments = ", ".join(map(port, self.inputs)) + (f"; {attributes}" if attributes else "")
        return f"{self.name}({arguments}) -> {', '.join(map(port, self.outputs))}"


_SIGNATURE = re.compile(r"(?P<name>\w+)\((?P<inputs>[^;)]*)(;(?P<attributes>.*))?\) -> (?P<outputs>.+)")
_PORT = re.compile(r"(?P<name>\w+)(?P<optional>\?)?(?P<variadic>\*)?")
_ATTRIBUTE = re.compile(r"(?P<name>\w+): (?P<type>\w+)( = (?P<default>'[^']*'|\([^)]*\)|[^,]+))?(, |$)")


def operator(signature: str, infer: Infer | None = None, reference: Reference | None = None, *aliases: str) -> Operator:
    """Build an operator from one line.

    `name(port, optional?, variadic*; attribute: type = default) -> out`. Raises ValueError if the line cannot be read.
    """
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise ValueError(f"not an operator signature: {signature!r}")
    return Operator(
        match["name"],
        _ports(match["inputs"]),
        _attributes((match["attributes"] or "").strip()),
        _ports(match["outputs"]),
        infer,
        reference,
        aliases,
    )


@cache
def _ports(text: str) -> tuple[Port, ...]:
    return tuple(Port(m["name"], bool(m["optional"]), bool(m["variadic"])) for m in _PORT.finditer(text))


@cache
def _attributes(text: str) -> tuple[Attribute, ...]:
    return tuple(_attribute(*found.group("name", "type", "default")) for found in _ATTRIBUTE.finditer(text))


@cache
def _attribute(name: str, kind: str, default: str | None) -> Attribute:
    return Attribute(name, kind, REQUIRED if default is None else ast.literal_eval(default))


Attributes = Mapping[str, Any]
