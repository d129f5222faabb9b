"""Turn a profile's document into the model, or say at which line and column it cannot be."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from npusim.errors import UnknownOperatorError
from npusim.numerics.model import Numerics
from npusim.operators import ALIASES, OPERATORS, Operator
from npusim.profiles import gates, schema
from npusim.profiles.conditions import Condition, read_condition
from npusim.profiles.dialects import choose
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.inheritance import overlay, resolve
from npusim.profiles.model import Check, Confidence, Enforcement, Entry, Note, OpenCLLimits, Placement, Profile, Stack
from npusim.profiles.rules import KINDS, Rule
from npusim.profiles.rules.dtypes import Dtype, Rows
from npusim.profiles.schema import UNKNOWN, read_keys
from npusim.profiles.values import read_dtypes

VERSION = 1


def flattened(path: Path) -> Node:
    """Return a profile's document as it remains after `extends` and features; its values are not read yet."""
    document, _ = resolve(path)
    return gates.apply(document, gates.read_features(document))


def build(path: Path, stack_version: str | None = None, *, is_family: bool = False) -> Profile:
    """Return the profile in a file, laid over what it extends; `stack_version` overrides the version it states.

    With `is_family` the file may be a family, read as the device that it would be with its own features.
    Raises ProfileError with file:line:column for anything that is not a version-1 profile.
    """
    document, ancestors = resolve(path)
    features = gates.read_features(document)
    document = gates.apply(document, features)
    found = read_keys(document, schema.PROFILE, "a profile")
    if found["npusim"] != VERSION:
        document.mapping()["npusim"].fail(f"this npusim reads version {VERSION} of the schema, not {found['npusim']}")
    identity = _identity(document, found, path, is_family)
    stack = schema.read_stack(found["stack"]) if "stack" in found else Stack("", "")
    stack = Stack(stack.name, stack_version or stack.version, stack.frontend)
    entries = dict(_entries(found["operators"])) if "operators" in found else {}
    return Profile(
        id=identity,
        name=found.get("name", identity),
        stack=stack,
        dialect=choose(schema.read_dialects(found["dialects"]) if "dialects" in found else (), stack.version),
        numerics=schema.read_numerics(found["numerics"]) if "numerics" in found else Numerics(),
        enforcement=found.get("enforcement", Enforcement.ERROR),
        operators=MappingProxyType(entries),
        names=MappingProxyType(_names(entries)),
        soc=found.get("soc", identity.upper()),
        narrows=found.get("narrows", MappingProxyType({})),
        opencl=schema.read_opencl(found["opencl"]) if "opencl" in found else OpenCLLimits(),
        features=MappingProxyType(dict(features)),
        ancestors=ancestors,
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


def find_operator(profile: Profile, name: str) -> str:
    """Return the operator that `name` means: npusim's own name, an alias, or the vendor's name in any case.

    Raises UnknownOperatorError with the nearest names.
    """
    operator = name if name in OPERATORS else ALIASES.get(name) or profile.names.get(name.lower())
    if operator is None:
        vendor = {spelled: spelled for spelled in _spelled(profile)}
        candidates = [*OPERATORS, *ALIASES, *vendor]
        raise UnknownOperatorError(name, get_close_matches(name, candidates, n=3), f"for {profile.id}")
    return operator


def _spelled(profile: Profile) -> Iterator[str]:
    for entry in profile.operators.values():
        yield from filter(None, (entry.api, *entry.aliases))


def _entries(node: Node) -> Iterator[tuple[str, Entry]]:
    for name, entry in node.mapping("a mapping from operators").items():
        if name not in OPERATORS:
            entry.fail_at_key(f"unknown operator {name!r}{did_you_mean(name, list(OPERATORS))}")
        yield name, _entry(entry, OPERATORS[name])


def _entry(node: Node, operator: Operator) -> Entry:
    if node.value == UNKNOWN:
        return Entry(operator, "", Confidence.UNKNOWN, node.mark, unknown=True)
    found = read_keys(node, schema.OPERATOR, f"the entry of {operator.name}")
    source, confidence = found.get("source", ""), _confidence(node, found)
    ports = _ports(found["ports"], operator) if "ports" in found else {}
    reading = _Reading(operator, source, confidence)
    checks = [
        *(reading.check(item) for item in _items(found.get("guards"))),
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
        variants=tuple(_variant(item, node, operator) for item in _items(found.get("variants"))),
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


def _variant(node: Node, base: Node, operator: Operator) -> tuple[Condition, Entry]:
    entries = dict(node.mapping("a variant"))
    when = entries.pop("when", None)
    if when is None:
        node.fail("a variant has a condition: when")
    plain = {key: value for key, value in base.mapping().items() if key != "variants"}
    merged = overlay(Node(plain, base.mark), Node(entries, node.mark))
    return read_condition(when, operator), _entry(merged, operator)


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
        )
