"""The kinds of rule a profile may state: one small class a kind, and the table of them all."""

from collections.abc import Mapping
from types import MappingProxyType

from npusim.profiles.rules.attributes import AttributeAbsent, AttributeValue, AxisAttribute, Permutation
from npusim.profiles.rules.base import Finding, Rule
from npusim.profiles.rules.blocks import BlockScaled, GroupSize
from npusim.profiles.rules.contents import Content, Domain, Value
from npusim.profiles.rules.dtypes import Dtype, DtypeBits, DtypeClass, ForbidDtype, OutputOnly
from npusim.profiles.rules.expression import Expr
from npusim.profiles.rules.joint_dtypes import (
    CoupledDtypes,
    DerivedDtype,
    ForbidMix,
    MixedDtypes,
    Promoted,
    SameDtype,
    TypeVariable,
)
from npusim.profiles.rules.joint_shapes import Alignment, BroadcastPattern, RankRows, SameNumel, SameShape, TileShapes
from npusim.profiles.rules.placement import Engine, Layout, Memory, MemoryRows
from npusim.profiles.rules.quantisation import ChannelAxis, Granularity, Quantised, SameQuant, ZeroPoint
from npusim.profiles.rules.rows import Rows
from npusim.profiles.rules.shapes import Dim, LeadingOnes, MultipleOf, Numel, Rank, Static
from npusim.profiles.rules.usage import Absent, Arity, Constant, NotModelled, NotOffered

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
            TypeVariable,
            MixedDtypes,
            CoupledDtypes,
            ForbidMix,
            DtypeClass,
            DerivedDtype,
            BlockScaled,
            OutputOnly,
            Rank,
            SameShape,
            Dim,
            MultipleOf,
            Numel,
            RankRows,
            Alignment,
            SameNumel,
            TileShapes,
            BroadcastPattern,
            LeadingOnes,
            Static,
            AttributeValue,
            AttributeAbsent,
            AxisAttribute,
            Permutation,
            Constant,
            Absent,
            Arity,
            Value,
            Content,
            Domain,
            NotOffered,
            Granularity,
            ChannelAxis,
            SameQuant,
            ZeroPoint,
            Quantised,
            GroupSize,
            Layout,
            Memory,
            MemoryRows,
            Engine,
            NotModelled,
            Expr,
        )
    }
)
"""Every kind by the key that a profile writes, in the order of their codes. To add one, write its class and name it."""

__all__ = ["KINDS", "Finding", "Rule"]
