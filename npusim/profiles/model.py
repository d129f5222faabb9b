"""A profile as data: what one chip with one software stack accepts, how it refuses, and how it computes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DType
from npusim.numerics.model import Numerics
from npusim.operators import Operator
from npusim.profiles.conditions import Condition
from npusim.profiles.dialects import Dialect
from npusim.profiles.document import Mark
from npusim.profiles.expressions import Expression
from npusim.profiles.rules import Rule
from npusim.profiles.subject import Subject
from npusim.profiles.words import Confidence, Enforcement, Placement


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
    preferred_work_group_size_multiple: int | None = None
    max_constant_buffer_size_bytes: int | None = None
    max_parameter_size_bytes: int | None = None
    half_fp_config: tuple[str, ...] | None = None
    single_fp_config: tuple[str, ...] | None = None
    double_fp_config: tuple[str, ...] | None = None
    extensions: tuple[str, ...] | None = None
    lacks_extensions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A rule in its place: when it applies, the vendor's own sentence if it has one, and who says so.

    `returns` is the status of the vendor's function where the call breaks it, None the dialect's; `spoken` are the
    expressions that the sentence mentions.
    """

    rule: Rule
    source: str
    confidence: Confidence
    mark: Mark
    when: Condition | None = None
    text: str = ""
    enforcement: Enforcement | None = None
    returns: int | None = None
    spoken: Mapping[str, Expression] = field(default_factory=lambda: MappingProxyType({}))

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
    settled_by: str = ""

    @property
    def is_offered(self) -> bool:
        """Whether any call at all may be accepted."""
        return not any(check.rule.refuses_all and check.when is None for check in self.checks)

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
    frontends: tuple[str, ...] = ()
    unlisted: Check | None = None
    settled_by: str = ""
    ancestors: tuple[str, ...] = ()
    file: str = ""

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: Any) -> bool:
        return self is other
