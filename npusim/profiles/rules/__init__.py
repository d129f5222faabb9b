"""The kinds of rule a profile may state: one small class a kind, and the table of them all."""

from collections.abc import Mapping
from types import MappingProxyType

from npusim.profiles.rules.base import Finding, Rule
from npusim.profiles.rules.dtypes import Dtype, DtypeBits, ForbidDtype, Promoted, Rows, SameDtype
from npusim.profiles.rules.shapes import Dim, MultipleOf, Numel, Rank, SameShape
from npusim.profiles.rules.usage import Absent, Arity, AttributeValue, Constant, NotOffered

KINDS: Mapping[str, type[Rule]] = MappingProxyType(
    {
        kind.key: kind
        for kind in (
            Dtype,
            Rows,
            SameDtype,
            ForbidDtype,
            Promoted,
            DtypeBits,
            Rank,
            SameShape,
            Dim,
            MultipleOf,
            Numel,
            AttributeValue,
            Constant,
            Absent,
            Arity,
            NotOffered,
        )
    }
)
"""Every kind by the key that a profile writes. To add a kind, write its class and name it here."""

__all__ = ["KINDS", "Finding", "Rule"]
