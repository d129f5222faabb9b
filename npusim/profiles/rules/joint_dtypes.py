"""Rules on the dtypes of several ports together."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar

from npusim.dtypes import DType, promote
from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits
from npusim.profiles.json_parts import DTYPES as DTYPES_SCHEMA
from npusim.profiles.json_parts import TEXT, TEXTS, list_of, mapping_of, record
from npusim.profiles.rules.base import Finding, Rule, by_port, named_ports, nearest_dtype, read_parts, read_ports
from npusim.profiles.rules.dtypes import LIKELY, closest, outside, typed
from npusim.profiles.subject import Subject
from npusim.profiles.values import read_dtypes

Groups = tuple[tuple[DType, ...], ...]
_GROUPS_SCHEMA = record({"ports": TEXTS, "groups": list_of(DTYPES_SCHEMA)})


def _read_groups(node: Node) -> Groups:
    return tuple(read_dtypes(group) for group in node.items("a list of groups of dtypes")) or node.fail(
        "expected at least one group of dtypes, found an empty list"
    )


def together(seen: Subject, ports: Iterable[str], row: DType) -> Iterator[Edits]:
    """Yield ways in which ports have one dtype: those on which the call puts something, then its results as well."""
    every = tuple(Edit(port, dtype=row) for port in ports if seen.types.get(port))
    given = tuple(edit for edit in every if seen.operands.get(edit.port))
    yield from dict.fromkeys(edits for edits in (given, every) if edits)


def _alone(port: str, dtypes: Iterable[DType]) -> Iterator[Edits]:
    """Yield the port with each of some dtypes, and its last operand alone: it may have several."""
    for row in dtypes:
        yield (Edit(port, dtype=row),)
        yield (Edit(port, index=-1, dtype=row),)


def _aligned(seen: Subject, ports: tuple[str, ...], finding: Finding, more: Iterable[DType] = ()) -> Iterator[Edits]:
    """Yield the finding's port with what it may have, then all ports with each dtype that is there, or may be."""
    allowed = [row for row in finding.allowed if isinstance(row, DType)]
    yield from ((Edit(finding.port, dtype=row),) for row in allowed)
    for row in dict.fromkeys((*(found for _, _, found in typed(seen, *ports)), *more)):
        yield from together(seen, ports, row)


@dataclass(frozen=True, slots=True)
class SameDtype(Rule):
    """The named ports, where present, have one dtype."""

    key: ClassVar[str] = "same_dtype"
    code: ClassVar[str] = "NPU103"
    example: ClassVar[str] = "same_dtype: [x1, x2, bias]"
    schema: ClassVar[Mapping[str, Any]] = TEXTS
    sentences: ClassVar[Mapping[str, str]] = {
        "same_dtype": "{first} has dtype {first_dtype} and {name} has {found}; they must be the same"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_dtype"})

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "SameDtype":
        return cls(read_ports(node, operator))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found = typed(seen, *self.ports)
        for port, index, other in found[1:]:
            first, _, wanted = found[0]
            if other is not wanted:
                hint = f"cast {port} or {first} so that they agree"
                fields = {"first": first, "first_dtype": wanted}
                yield Finding(port, other, (wanted,), hint, index=index, fields=fields)

    @property
    def targets(self) -> tuple[str, ...]:
        return self.ports[1:] or self.ports

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from _aligned(seen, self.ports, finding)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        first = [found for _, _, found in typed(seen, *self.ports)][:1]
        yield from _alone(target, outside(first))
        given = first or [next(iter(outside(())))]
        for other in outside(given):  # where the first port, such as an output, was not given
            yield Edit(self.ports[0], dtype=given[0]), Edit(target, dtype=other)


@dataclass(frozen=True, slots=True)
class Promoted(Rule):
    """The dtype to which the named ports promote is one of a list."""

    key: ClassVar[str] = "promoted"
    code: ClassVar[str] = "NPU105"
    example: ClassVar[str] = "promoted: {ports: [self, other], to: [float32, float16]}"
    schema: ClassVar[Mapping[str, Any]] = record({"ports": TEXTS, "to": DTYPES_SCHEMA})
    sentences: ClassVar[Mapping[str, str]] = {"promoted": "{ports} promote to {found}, which is not one of {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset({"ports"})

    ports: tuple[str, ...]
    allowed: tuple[DType, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Promoted":
        parts = read_parts(node, "ports", "to")
        return cls(read_ports(parts["ports"], operator), read_dtypes(parts["to"]))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        dtypes = [found for _, _, found in typed(seen, *self.ports)]
        joined: DType | None = dtypes[0] if dtypes else None
        for other in dtypes[1:]:
            joined = promote(joined, other) if joined else None
        if dtypes and joined not in self.allowed:
            fields = {"ports": " and ".join(self.ports)}
            hint = f"cast {' and '.join(self.ports)} to one of the allowed dtypes first"
            yield Finding(self.ports[0], joined or "nothing", self.allowed, hint, fields=fields)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        found = [row for _, _, row in typed(seen, *self.ports)]
        likely = dict.fromkeys((*(row for row in found if row in self.allowed), *closest(found[0], self.allowed)))
        for row in likely:
            yield from together(seen, self.ports, row)
        yield from ((Edit(port, dtype=row),) for port in self.ports if seen.types.get(port) for row in likely)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for row in outside(self.allowed):
            yield from together(seen, self.ports, row)
            yield from ((Edit(port, dtype=row),) for port in self.ports)


@dataclass(frozen=True, slots=True)
class TypeVariable(Rule):
    """The named ports, where present, have one and the same dtype of a list."""

    key: ClassVar[str] = "type_variable"
    code: ClassVar[str] = "NPU107"
    example: ClassVar[str] = "type_variable: {ports: [input, weight, out], dtypes: [float16, int8]}"
    schema: ClassVar[Mapping[str, Any]] = record({"ports": TEXTS, "dtypes": DTYPES_SCHEMA})
    sentences: ClassVar[Mapping[str, str]] = {
        "type_variable": "{name} has {found}; {ports} have one and the same dtype of {allowed}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"ports"})

    ports: tuple[str, ...]
    dtypes: tuple[DType, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "TypeVariable":
        parts = read_parts(node, "ports", "dtypes")
        return cls(read_ports(parts["ports"], operator), read_dtypes(parts["dtypes"]))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found = typed(seen, *self.ports)
        bound = next((row for _, _, row in found if row in self.dtypes), None)
        for port, index, row in found:
            if row is not bound:
                hint = f"cast {port} to {bound or nearest_dtype(row, self.dtypes)}"
                fields = {"ports": ", ".join(self.ports)}
                yield Finding(port, row, self.dtypes, hint, index=index, fields=fields)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        present = [row for _, _, row in typed(seen, *self.ports) if row in self.dtypes]
        for row in dict.fromkeys((*present, *closest(finding.found, self.dtypes))):
            yield (Edit(finding.port, dtype=row),)
            yield from together(seen, self.ports, row)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port in self.ports:
            yield from _alone(port, self.dtypes)
        for row in outside(self.dtypes):
            yield from together(seen, self.ports, row)
            yield from ((Edit(port, dtype=row),) for port in self.ports)


@dataclass(frozen=True, slots=True)
class MixedDtypes(Rule):
    """The named ports have one dtype, or all of them have dtypes of one group, within which they may be mixed."""

    key: ClassVar[str] = "mixed_dtypes"
    code: ClassVar[str] = "NPU108"
    example: ClassVar[str] = "mixed_dtypes: {ports: [self, other], groups: [[bfloat16, bfloat8_b, float32]]}"
    schema: ClassVar[Mapping[str, Any]] = _GROUPS_SCHEMA
    sentences: ClassVar[Mapping[str, str]] = {
        "mixed_dtypes": "{first} has {first_dtype} and {name} has {found}; with {first_dtype} goes {allowed}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_dtype"})

    ports: tuple[str, ...]
    groups: Groups

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "MixedDtypes":
        parts = read_parts(node, "ports", "groups")
        return cls(read_ports(parts["ports"], operator), _read_groups(parts["groups"]))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found = typed(seen, *self.ports)
        agreed = [row for _, _, row in found[:1]]
        for port, index, row in found[1:]:
            allowed = self._with(agreed)
            if row in allowed:
                agreed.append(row)
            else:
                first, _, wanted = found[0]
                hint = f"cast {port} to {nearest_dtype(row, allowed)}"
                yield Finding(port, row, allowed, hint, index=index, fields={"first": first, "first_dtype": wanted})

    def _with(self, agreed: list[DType]) -> tuple[DType, ...]:
        """The dtypes that may join those that agree."""
        alike = agreed[:1] if len(set(agreed)) == 1 else []
        grouped = (row for group in self.groups if set(agreed) <= set(group) for row in group)
        return tuple(dict.fromkeys((*alike, *grouped)))

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from _aligned(seen, self.ports, finding, (row for group in self.groups for row in group))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        first = [found for _, _, found in typed(seen, *self.ports)][:1]
        for port in self.ports[::-1]:
            yield from _alone(port, outside(self._with(first) if first else ()))


@dataclass(frozen=True, slots=True)
class CoupledDtypes(Rule):
    """If one of the named ports has a dtype of a list, all of them have dtypes of that list."""

    key: ClassVar[str] = "coupled_dtypes"
    code: ClassVar[str] = "NPU109"
    example: ClassVar[str] = "coupled_dtypes: {ports: [self, other], dtypes: [float32]}"
    schema: ClassVar[Mapping[str, Any]] = record({"ports": TEXTS, "dtypes": DTYPES_SCHEMA})
    sentences: ClassVar[Mapping[str, str]] = {
        "coupled_dtypes": "{first} has {first_dtype} and {name} has {found}; beside {first_dtype} goes only {allowed}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_dtype"})

    ports: tuple[str, ...]
    dtypes: tuple[DType, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "CoupledDtypes":
        parts = read_parts(node, "ports", "dtypes")
        return cls(read_ports(parts["ports"], operator), read_dtypes(parts["dtypes"]))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found = typed(seen, *self.ports)
        first, wanted = next(((port, row) for port, _, row in found if row in self.dtypes), ("", None))
        for port, index, row in found:
            if wanted is not None and row not in self.dtypes:
                hint = f"cast {port} to {wanted}, or {first} to {row}"
                fields = {"first": first, "first_dtype": wanted}
                yield Finding(port, row, self.dtypes, hint, index=index, fields=fields)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from _aligned(seen, self.ports, finding, self.dtypes)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port in self.ports:
            yield from _alone(port, self.dtypes)
        for port in self.ports:
            yield from _alone(port, outside(self.dtypes))


@dataclass(frozen=True, slots=True)
class ForbidMix(Rule):
    """Dtypes of two groups may not meet on the named ports; dtypes of no group may meet any."""

    key: ClassVar[str] = "forbid_mix"
    code: ClassVar[str] = "NPU110"
    example: ClassVar[str] = "forbid_mix: {ports: [self, other], groups: [[float8_e4m3], [float8_e4m3fn]]}"
    schema: ClassVar[Mapping[str, Any]] = _GROUPS_SCHEMA
    sentences: ClassVar[Mapping[str, str]] = {
        "forbid_mix": "{first} has {first_dtype} and {name} has {found}, which may not meet"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_dtype"})

    ports: tuple[str, ...]
    groups: Groups

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "ForbidMix":
        parts = read_parts(node, "ports", "groups")
        groups = _read_groups(parts["groups"])
        for one, other in combinations(groups, 2):
            if shared := set(one) & set(other):
                parts["groups"].fail(f"{', '.join(sorted(map(str, shared)))} stands in two groups, which may not meet")
        return cls(read_ports(parts["ports"], operator), groups)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found = [(port, i, row, group) for port, i, row in typed(seen, *self.ports) for group in self._group(row)]
        for port, index, row, group in found[1:]:
            first, _, wanted, own = found[0]
            if group is not own:
                hint = f"cast {port} to {wanted}, or {first} to {row}"
                fields = {"first": first, "first_dtype": wanted}
                allowed = (f"anything but {', '.join(map(str, self._others(own)))}",)
                yield Finding(port, row, allowed, hint, index=index, fields=fields)

    def _group(self, row: DType) -> Iterator[tuple[DType, ...]]:
        """Yield the group of a dtype, if it has one."""
        return (group for group in self.groups if row in group)

    def _others(self, own: tuple[DType, ...]) -> Iterator[DType]:
        return (row for group in self.groups if group is not own for row in group)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield (Edit(finding.port, dtype=finding.fields["first_dtype"]),)
        yield from _aligned(seen, self.ports, finding)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port in self.ports:
            yield from _alone(port, (row for group in self.groups for row in group))
        for one, other in combinations(self.ports, 2):
            for left, right in combinations(self.groups, 2):
                yield (Edit(one, dtype=left[0]), Edit(other, dtype=right[0]))


Derivation = tuple[str, tuple[tuple[DType, tuple[DType, ...]], ...]]
"""The port from which a dtype follows, and for its dtypes what follows."""


@dataclass(frozen=True, slots=True)
class DerivedDtype(Rule):
    """The dtype of an output follows from that of another port; other dtypes there say nothing."""

    key: ClassVar[str] = "derived_dtype"
    code: ClassVar[str] = "NPU112"
    example: ClassVar[str] = "derived_dtype: {out: {from: self, to: {int8: int32, float16: float16}}}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(record({"from": TEXT, "to": mapping_of(DTYPES_SCHEMA)}))
    sentences: ClassVar[Mapping[str, str]] = {
        "derived_dtype": "{name} has {found}; with {first_dtype} on {first} it has {allowed}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_dtype"})

    derivations: tuple[tuple[str, Derivation], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "DerivedDtype":
        return cls(by_port(node, operator, lambda value: _read_derivation(value, operator)))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, (first, follows) in self.derivations:
            source = seen.dtype(first)
            allowed = tuple(each for row, result in follows if row is source for each in result)
            for _, index, found in typed(seen, port):
                if allowed and found not in allowed:
                    hint = f"ask for {' or '.join(map(str, allowed))} on {port}"
                    fields = {"first": first, "first_dtype": source}
                    yield Finding(port, found, allowed, hint, index=index, fields=fields)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.derivations)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from ((Edit(finding.port, dtype=row),) for row in finding.allowed)
        for port, (first, follows) in self.derivations:
            if port == finding.port:
                yield from ((Edit(first, dtype=row),) for row, result in follows if finding.found in result)
                yield from ((Edit(first, dtype=row), Edit(port, dtype=result[0])) for row, result in follows)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port, (first, follows) in self.derivations:
            if port == target:
                yield from ((Edit(port, dtype=row),) for row in LIKELY if row is not seen.dtype(port))
                yield from (
                    (Edit(first, dtype=row), Edit(port, dtype=next(outside(result)))) for row, result in follows
                )


def read_port(node: Node, operator: Operator) -> str:
    """Return one port, not a group, or fail where it is named."""
    found = named_ports(replace(node, key=None), node.text("a port"), operator)
    return found[0] if len(found) == 1 else node.fail(f"expected one port, found {', '.join(found) or 'none'}")


def _read_derivation(node: Node, operator: Operator) -> Derivation:
    parts = read_parts(node, "from", "to")
    entries = parts["to"].mapping("a mapping from dtypes to dtypes")
    follows = tuple(
        (read_dtypes(Node(name, value.key or value.mark))[0], read_dtypes(value)) for name, value in entries.items()
    )
    return read_port(parts["from"], operator), follows or parts["to"].fail(
        "expected at least one dtype, found an empty mapping"
    )
