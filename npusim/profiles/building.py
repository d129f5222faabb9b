"""Turn a profile's document into the model, or say at which line and column it cannot be."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from npusim.errors import UnknownOperatorError
from npusim.numerics.model import Numerics
from npusim.operators import ALIASES, OPERATORS, Operator
from npusim.operators.model import operator as parse_operator
from npusim.profiles import schema
from npusim.profiles.conditions import Condition, read_condition
from npusim.profiles.dialects import choose, expressions_of
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.expressions import Expression, read_expression
from npusim.profiles.flattening import Flat, flatten
from npusim.profiles.inheritance import overlay
from npusim.profiles.model import Check, Entry, Note, OpenCLLimits, Profile, Stack
from npusim.profiles.rules import KINDS, Rule
from npusim.profiles.rules.dtypes import Dtype
from npusim.profiles.rules.rows import Rows
from npusim.profiles.schema import UNKNOWN, read_keys
from npusim.profiles.values import read_dtypes
from npusim.profiles.words import Confidence, Enforcement, Placement

VERSION = 1


def build(
    path: Path,
    stack_version: str | None = None,
    *,
    frontend: str | None = None,
    features: Mapping[str, bool] | None = None,
    is_family: bool = False,
) -> Profile:
    """Return the profile in a file, laid over what it extends; `stack_version` overrides the version it states.

    With `is_family` the file may be a family, read as the device that it would be with its own features.
    Raises ProfileError with file:line:column for anything that is not a version-1 profile, UsageError for a front end
    or a feature that it does not have.
    """
    return read_profile(flatten(path, frontend=frontend, features=features), path, stack_version, is_family=is_family)


def read_profile(flat: Flat, path: Path, stack_version: str | None = None, *, is_family: bool = False) -> Profile:
    """Return the profile of a flat document."""
    document = flat.document
    found = read_keys(document, schema.PROFILE, "a profile")
    if found["npusim"] != VERSION:
        document.mapping()["npusim"].fail(f"this npusim reads version {VERSION} of the schema, not {found['npusim']}")
    identity = _identity(document, found, path, is_family)
    stack = schema.read_stack(found["stack"]) if "stack" in found else Stack("", "")
    stack = Stack(stack.name, stack_version or stack.version, flat.frontend or stack.frontend)
    entries = Entries(found.get("operators"), _items(found.get("rules")))
    if flat.names is None:
        entries.read_all()
    return Profile(
        id=identity,
        name=found.get("name", identity),
        stack=stack,
        dialect=choose(schema.read_dialects(found["dialects"]) if "dialects" in found else (), stack.version),
        numerics=schema.read_numerics(found["numerics"]) if "numerics" in found else Numerics(),
        enforcement=found.get("enforcement", Enforcement.ERROR),
        operators=entries,
        names=MappingProxyType(_names(entries) if flat.names is None else dict(flat.names)),
        soc=found.get("soc", identity.upper()),
        narrows=found.get("narrows", MappingProxyType({})),
        opencl=schema.read_opencl(found["opencl"]) if "opencl" in found else OpenCLLimits(),
        features=MappingProxyType(dict(flat.features)),
        frontends=flat.frontends,
        unlisted=_unlisted(found.get("unlisted")),
        settled_by=found.get("settled_by", ""),
        ancestors=flat.ancestors,
        file=str(path),
    )


def _identity(document: Node, found: Mapping[str, Any], path: Path, is_family: bool) -> str:
    key = "family" if is_family and "id" not in found else "id"
    if key not in found:
        if "family" in found:
            document.fail(f"{path.stem} is a family for others to extend, not a device; load a profile that extends it")
        document.fail("a profile has an id")
    if found[key] != path.stem:
        document.mapping()[key].fail(f"the {key} {found[key]!r} must be the file's name, {path.stem!r}")
    return str(found[key])


def _names(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Every vendor name, in lower case, to the operator it stands for; of several, the first whose own name it is."""
    variants = [(operator, variant) for operator, entry in entries.items() for _, variant in entry.variants]
    names: dict[str, str] = {}
    for operator, entry in (*entries.items(), *variants):
        for name in filter(None, (entry.api, *entry.aliases)):
            names.setdefault(name.lower(), operator)
    return names


def find_operator(profile: Profile, name: str) -> Operator:
    """Return the operator that `name` means: npusim's own name, an alias, or the vendor's name in any case.

    Raises UnknownOperatorError with the nearest names.
    """
    own = name if name in profile.operators or name in OPERATORS else ALIASES.get(name)
    own = own or profile.names.get(name.lower())
    if own is None:
        candidates = list(dict.fromkeys((*profile.operators, *OPERATORS, *ALIASES, *_spelled(profile))))
        raise UnknownOperatorError(name, get_close_matches(name, candidates, n=3), f"for {profile.id}")
    return profile.operators[own].operator if own in profile.operators else OPERATORS[own]


def _spelled(profile: Profile) -> Iterator[str]:
    for entry in profile.operators.values():
        yield from filter(None, (entry.api, *entry.aliases))


class Entries(Mapping[str, Entry]):
    """The entries of a profile's operators, each read when it is first asked for."""

    def __init__(self, node: Node | None, rules: list[Node]) -> None:
        self._nodes = node.mapping("a mapping from operators") if node is not None else {}
        self._generic = tuple(_Generic(item, self._nodes) for item in rules)
        self._read: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        entry = self._read.get(name)
        if entry is None:
            node = self._nodes[name]
            entry = self._read[name] = _entry(node, _operator(name, node), self._generic)
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def read_all(self) -> None:
        """Read every entry, so that a mistake in any of them is found now."""
        for name in self:
            self[name]


def _operator(name: str, entry: Node) -> Operator:
    """The operator of an entry: of the vocabulary, or declared by the entry's signature."""
    signature = entry.value.get("signature") if isinstance(entry.value, dict) else None
    if signature is not None:
        return _declared(name, signature)
    if name not in OPERATORS:
        near = did_you_mean(name, list(OPERATORS))
        entry.fail_at_key(f"unknown operator {name!r}{near}; one of this chip alone has a signature")
    return OPERATORS[name]


def _declared(name: str, node: Node) -> Operator:
    if name in OPERATORS:
        node.fail(f"{name} is an operator of npusim's own, {OPERATORS[name].signature}; it takes no signature")
    try:
        found = parse_operator(node.text("a signature"))
    except ValueError as error:
        node.fail(f"{error}; write it like {next(iter(OPERATORS.values())).signature}")
    if found.name != name:
        node.fail(f"the signature of {name} names {found.name}")
    return found


class _Generic:
    """One item of the profile's `rules`, which holds for every operator but those it leaves out."""

    def __init__(self, node: Node, operators: Mapping[str, Any]) -> None:
        entries = dict(node.mapping("a rule such as {static: {all: all}}"))
        self._only, self._except = (
            None if key not in entries else [_known(item, operators) for item in entries.pop(key).many()]
            for key in ("only", "except")
        )
        self.node = replace(node, value=entries)

    def speaks_of(self, operator: str) -> bool:
        """Whether the rule holds for an operator."""
        return operator not in (self._except or ()) and (self._only is None or operator in self._only)


def _known(node: Node, operators: Mapping[str, Any]) -> str:
    name = node.text("an operator")
    if name not in operators:
        node.fail(f"the profile has no entry of {name!r}{did_you_mean(name, list(operators))}")
    return name


def _unlisted(node: Node | None) -> Check | None:
    """The rule for every operator of which the profile has no entry."""
    if node is None:
        return None
    rule = _Reading(NOBODY, "", _confidence(node, node.mapping("a rule such as {not_offered: no such operator}")))
    return rule.check(node)


NOBODY = Operator("an operator", (), (), (), None, None)
"""Stands where a rule is about no operator in particular."""


def _entry(node: Node, operator: Operator, generic: tuple[_Generic, ...] = ()) -> Entry:
    if node.value == UNKNOWN:
        return Entry(operator, "", Confidence.UNKNOWN, node.mark, unknown=True)
    found = read_keys(node, schema.OPERATOR, f"the entry of {operator.name}")
    source, confidence = found.get("source", ""), _confidence(node, found)
    ports = _ports(found["ports"], operator) if "ports" in found else {}
    reading = _Reading(operator, source, confidence)
    own = _items(found.get("guards")) + _items(found.get("rules"))
    written = [item.mapping("a rule such as {same_dtype: [x1, x2]}") for item in own]
    is_offered = not any("not_offered" in entries and "when" not in entries for entries in written)
    checks = [
        *(reading.check(item) for item in _items(found.get("guards"))),
        *(reading.check(rule.node) for rule in generic if is_offered and rule.speaks_of(operator.name)),
        *(check for port in ports.values() for check in reading.port(port)),
        *(
            (Check(Rows.read(found["rows"], operator), source, confidence, found["rows"].mark),)
            if "rows" in found
            else ()
        ),
        *(reading.check(item) for item in _items(found.get("rules"))),
    ]
    return Entry(
        operator,
        source,
        confidence,
        node.mark,
        api=found.get("api", ""),
        aliases=found.get("aliases", ()),
        frameworks=_frameworks(found.get("frameworks")),
        labels=MappingProxyType({name: port.label for name, port in ports.items() if port.label}),
        checks=tuple(checks),
        notes=tuple(_note(item, operator) for item in _items(found.get("notes"))),
        placement=found.get("placement", Placement.DEVICE),
        unknown_ports=frozenset(name for name, port in ports.items() if port.dtypes is None),
        variants=tuple(_variant(item, node, operator, generic) for item in _items(found.get("variants"))),
        settled_by=found.get("settled_by", ""),
    )


def _items(node: Node | None) -> list[Node]:
    return node.items() if node is not None else []


def _confidence(node: Node, found: Mapping[str, Any]) -> Confidence:
    if "confidence" not in found:
        return Confidence.UNKNOWN
    return Confidence(node.mapping()["confidence"].choice([c.value for c in Confidence], "confidence"))


def _frameworks(node: Node | None) -> Mapping[str, tuple[str, ...]]:
    entries = node.mapping("a mapping from frameworks") if node is not None else {}
    return MappingProxyType({name: schema.texts(value) for name, value in entries.items()})


class _Port:
    """One value of `ports`, short or long."""

    def __init__(self, name: str, node: Node) -> None:
        found: dict[str, Any] = (
            read_keys(node, schema.PORT, "a port") if isinstance(node.value, dict) else {"dtypes": node}
        )
        dtypes: Node | None = found.get("dtypes")
        self.name, self.node = name, node
        self.dtypes = None if dtypes is None or dtypes.value == UNKNOWN else read_dtypes(dtypes)
        self.label, self.text = found.get("label", ""), found.get("text", "")


def _ports(node: Node, operator: Operator) -> dict[str, _Port]:
    names = [port.name for port in operator.ports]
    found = {}
    for name, value in node.mapping("a mapping from ports to dtypes").items():
        if name not in names:
            value.fail_at_key(f"{operator.name} has no port {name!r}{did_you_mean(name, names)}")
        found[name] = _Port(name, value)
    return found


def _note(node: Node, operator: Operator) -> Note:
    found = read_keys(node, schema.NOTE, "a note")
    return Note(found["note"], _when(node, operator))


def _when(node: Node, operator: Operator) -> Condition | None:
    condition = node.mapping().get("when")
    return None if condition is None else read_condition(condition, operator)


def _variant(node: Node, base: Node, operator: Operator, generic: tuple[_Generic, ...]) -> tuple[Condition, Entry]:
    entries = dict(node.mapping("a variant"))
    when = entries.pop("when", None)
    if when is None:
        node.fail("a variant has a condition: when")
    plain = {key: value for key, value in base.mapping().items() if key != "variants"}
    merged = overlay(Node(plain, base.mark), Node(entries, node.mark))
    return read_condition(when, operator), _entry(merged, operator, generic)


class _Reading:
    """Reads the checks of one entry, which share its operator, source and confidence."""

    def __init__(self, operator: Operator, source: str, confidence: Confidence) -> None:
        self.operator, self.source, self.confidence = operator, source, confidence
        self._ports = frozenset(port.name for port in operator.ports)

    def port(self, port: _Port) -> Iterator[Check]:
        """Yield the dtype check of a port, if the profile has a list for it."""
        if port.dtypes is not None:
            rule = Dtype(((port.name, port.dtypes),))
            text = schema.check_sentence(port.node, port.text, self._ports)
            yield Check(rule, self.source, self.confidence, port.node.mark, text=text)

    def check(self, node: Node) -> Check:
        """Return one item of `rules` or `guards`."""
        entries = node.mapping("a rule such as {same_dtype: [x1, x2]}")
        kinds = [key for key in entries if key in KINDS]
        found = read_keys(node, schema.RULE, "a rule")
        if len(kinds) != 1:
            node.fail(f"a rule has one kind, this has {len(kinds)}: {', '.join(kinds) or ', '.join(entries)}")
        kind = KINDS[kinds[0]]
        rule: Rule = kind.read(entries[kinds[0]], self.operator)
        return Check(
            rule,
            found.get("source", self.source),
            _confidence(node, found) if "confidence" in entries else self.confidence,
            node.mark,
            when=_when(node, self.operator),
            text=schema.check_sentence(entries.get("text", node), found.get("text", ""), kind.fields | self._ports),
            enforcement=found.get("enforcement"),
            returns=found.get("returns"),
            spoken=self._spoken(entries["text"]) if "text" in entries else MappingProxyType({}),
        )

    def _spoken(self, text: Node) -> Mapping[str, Expression]:
        """The expressions of a sentence, such as {= self.shape[0]}."""
        found = expressions_of(str(text.value))
        return MappingProxyType({one: read_expression(replace(text, value=one), self.operator) for one in found})
