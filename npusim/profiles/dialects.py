"""The vendor's way of speaking: sentences, how they spell dtypes and lists, and what wraps them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DType
from npusim.profiles.ranges import Range

_FIELD = re.compile(r"\{(\w+)\}")
_EXPRESSION = re.compile(r"\{= ([^{}]+)\}")
_BRACES = re.compile(r"\{(\w+|= [^{}]+)\}")
_VERSION_PART = re.compile(r"\d+|[a-z]+", re.IGNORECASE)
COMMON_FIELDS = frozenset(
    {"name", "port", "index", "found", "allowed", "operator", "api", "soc", "soc_lower", "output"}
)
SPELLINGS = ("cann",)
"""Vendors whose dtype names the dtype table knows, each a field of DType."""
WRAPPING_FIELDS = frozenset({"sentence", "api", "operator", "date", "time", "pid", "returned"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one generation of a stack words its errors.

    sentences  rule kind (or its special case) -> template with {fields}
    spelling   whose dtype names it prints: "cann", a mapping from npusim's names, or "" for those
    opening, separator, closing
               what stands before, between and after the items of a list of dtypes
    wrapping   what the framework prints around a sentence, {sentence} being it
    returns    the status that the vendor's function returns where a rule does not say
    wrappings  the first digits of a status -> what is printed instead where the function returned it
    until      the last stack version that speaks so; "" for all later ones
    """

    sentences: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    spelling: str | Mapping[str, str] = ""
    opening: str = ""
    separator: str = ", "
    closing: str = ""
    wrapping: str = "{sentence}"
    returns: int = 0
    wrappings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    until: str = ""

    def around(self, returned: int | None) -> str:
        """Return what is printed around a sentence for a status: of the wrappings that fit, the most precise."""
        status = str(self.returns if returned is None else returned)
        nearest = max((digits for digits in self.wrappings if status.startswith(digits)), key=len, default="")
        return fill(self.wrappings[nearest] if nearest else self.wrapping, {"returned": status}, self)

    def spell(self, value: Any) -> str:
        """Return a value as this dialect prints it: dtypes, lists of them and shapes in the vendor's way."""
        match value:
            case DType():
                return self._dtype(value)
            case tuple() if value and isinstance(value[0], DType):
                return self.opening + self.separator.join(map(self.spell, value)) + self.closing
            case str() if not isinstance(self.spelling, str):
                return self.spelling.get(value, value)
            case tuple() if value and isinstance(value[0], Range | str | tuple):
                return ", ".join(map(self.spell, value))
            case tuple():
                return f"[{','.join(map(str, value))}]"
            case _:
                return str(value)

    def _dtype(self, value: DType) -> str:
        if not isinstance(self.spelling, str):
            return self.spelling.get(value.name, value.name)
        vendor = getattr(value, self.spelling, None) if self.spelling else None
        return vendor or value.name


NEUTRAL = Dialect()
"""For a profile without wordings of its own: every rule kind's plain sentence."""


def fill(template: str, fields: Mapping[str, Any], dialect: Dialect) -> str:
    """Return the template with its {fields} spelled in the dialect; an unknown field stays as it is."""
    return _BRACES.sub(lambda m: dialect.spell(fields[m[1]]) if m[1] in fields else m[0], template)


def fields_of(template: str) -> frozenset[str]:
    """Return the names of the {fields} of a template."""
    return frozenset(_FIELD.findall(template))


def expressions_of(template: str) -> tuple[str, ...]:
    """Return the expressions of a template, such as {= self.shape[0]}."""
    return tuple(dict.fromkeys(_EXPRESSION.findall(template)))


def version_key(version: str) -> tuple[tuple[int, int | str], ...]:
    """Return what versions sort by: numbers as numbers, and 8.1.RC1 before 8.1 and 8.2."""
    parts = _VERSION_PART.findall(version)
    key = tuple((1, int(part)) if part.isdigit() else (0, part.lower()) for part in parts)
    return (*key, (0, "~"))


def choose(dialects: tuple[Dialect, ...], version: str) -> Dialect:
    """Return the first dialect, in order of `until`, that still speaks in `version`."""
    for dialect in dialects:
        if not dialect.until or version_key(version) <= version_key(dialect.until):
            return dialect
    return dialects[-1] if dialects else NEUTRAL
