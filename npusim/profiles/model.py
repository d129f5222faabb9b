"""A profile as data: what one chip with one software stack accepts, how it refuses, and how it computes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DType
from npusim.numerics.model import Numerics
from npusim.operators import Operator
from npusim.profiles.conditions import Condition
from npusim.profiles.dialects import Dialect
from npusim.profiles.document import Mark
from npusim.profiles.rules import Rule
from npusim.profiles.subject import Subject


class Confidence(StrEnum):
    """How sure a fact is."""

    DOCUMENTED = "documented"
    MEASURED = "measured"
    INFERRED = "inferred"
    UNKNOWN = "unknown"


class Placement(StrEnum):
    """Where an operator runs."""

    DEVICE = "device"
    HOST = "host"
    METADATA = "metadata"
    NOWHERE = "nowhere"


class Enforcement(StrEnum):
    """What a stack does on a rejection."""

    ERROR = "error"
    FALLBACK = "fallback"
    NARROW = "narrow"


@dataclass(frozen=True, slots=True)
class Stack:
    """The software between a user and the chip; `version` chooses the wording of errors."""

    name: str
    version: str
    frontend: str = ""


@dataclass(frozen=True, slots=True)
class OpenCLLimits:
    """What the chip allows an OpenCL kernel; None is unknown. Sizes in bytes where the name says so."""

    max_work_group_size: int | None = None
    max_work_item_sizes: tuple[int, ...] | None = None
    local_mem_size_bytes: int | None = None
    sub_group_sizes: tuple[int, ...] | None = None
    extensions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A rule in its place: when it applies, the vendor's own sentence if it has one, and who says so."""

    rule: Rule
    source: str
    confidence: Confidence
    mark: Mark
    when: Condition | None = None
    text: str = ""

    def applies(self, subject: Subject) -> bool:
        """Whether the rule is in force for this call."""
        return self.when is None or self.when.holds(subject)


@dataclass(frozen=True, slots=True)
class Note:
    """Something a user should know about an accepted call; it never rejects."""

    text: str
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a profile says about one operator: checks in the order in which the stack makes them.

    `unknown` is true where the profile knows that it does not know; `unknown_ports` are ports without facts.
    """

    operator: Operator
    source: str
    confidence: Confidence
    mark: Mark
    api: str = ""
    aliases: tuple[str, ...] = ()
    frameworks: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    checks: tuple[Check, ...] = ()
    notes: tuple[Note, ...] = ()
    placement: Placement = Placement.DEVICE
    unknown: bool = False
    unknown_ports: frozenset[str] = frozenset()
    variants: "tuple[tuple[Condition, Entry], ...]" = ()

    def variant(self, subject: Subject) -> "Entry":
        """Return the entry in force for this call: the first variant whose condition holds, else this one."""
        return next((entry for condition, entry in self.variants if condition.holds(subject)), self)


@dataclass(frozen=True, slots=True)
class Profile:
    """One chip with one software stack."""

    id: str
    name: str
    stack: Stack
    dialect: Dialect
    numerics: Numerics
    enforcement: Enforcement
    operators: Mapping[str, Entry]
    names: Mapping[str, str]
    soc: str = ""
    narrows: Mapping[DType, DType] = field(default_factory=lambda: MappingProxyType({}))
    opencl: OpenCLLimits = field(default_factory=OpenCLLimits)
    features: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    ancestors: tuple[str, ...] = ()
    file: str = ""

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: Any) -> bool:
        return self is other
