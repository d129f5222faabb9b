"""Read the definition of a CANN operator, a C++ source such as add_def.cpp: its ports and rows, chip by chip."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from npusim.errors import UsageError
from npusim.importers.cann_operator import Attribute, OperatorInfo, Port, literal
from npusim.importers.reading import Source

_CLASS = re.compile(r"\bclass\s+(?P<name>\w+)\s*(?:final\s*)?:\s*public\s+(?:\w+::)*OpDef\b", re.ASCII)
_BLANKED = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:[^"\\\n]|\\.)*")', re.DOTALL)
_LIST = re.compile(
    r"(?:vector|initializer_list)\s*<\s*(?:ge::)?(?:DataType|Format)\s*>\s*(?P<name>\w+)\s*=?\s*(?P<body>\{[^;]*?\})\s*;",
    re.ASCII,
)
_DEFINED = re.compile(
    r"#define\s+(?P<name>\w+)\s*(?:\\\n)?\s*(?P<body>\{(?:[^\n]|\\\n)*?\})\s*$", re.ASCII | re.MULTILINE
)
_STATEMENT = re.compile(
    r"\b(?P<object>\w+)\s*(?:\.|->)\s*(?P<what>Input|Output|Attr)\s*\(\s*(?P<name>\"[^\"]*\"|[^)]*)\s*\)", re.ASCII
)
_CONFIG = re.compile(
    r"\bAddConfig\s*\(\s*(?P<soc>\"\w+\"|\w+)\s*(?:,\s*(?P<config>\w+)\s*(?P<made>\(\s*\))?\s*)?\)", re.ASCII
)
_MADE = re.compile(r"\bOpAICoreConfig\s+(?P<config>\w+)\s*=\s*(?:this->)?(?P<function>\w+)\s*\(", re.ASCII)
_FUNCTION = re.compile(r"\bOpAICoreConfig\s+(?P<name>\w+)\s*\([^)]*\)\s*(?:const\s*)?\{", re.ASCII)
_CALL = re.compile(r"\s*\.\s*(?P<name>\w+)\s*\(", re.ASCII)
_NAME = re.compile(r"\w+", re.ASCII)
_WORD = re.compile(r"(?:\w+::)*(?:FORMAT_)?(?P<word>\w+)", re.ASCII)
_BRACKET = re.compile(r'"(?:[^"\\\n]|\\.)*"|[({\[]|[)}\]]')
_CLOSING = {"(": ")", "{": "}", "[": "]"}
_SELF = "this"
_TYPES = ("Int", "Float", "Bool", "String", "ListInt", "ListFloat", "ListBool", "ListString", "ListListInt")
_FORM = "a class of OpDef with this->Input(...), such as those of *_def.cpp"


def operators_of(source: Source, soc: str = "") -> tuple[str, list[OperatorInfo]]:
    """Return the chip that is asked for, or the only one, and the operators that are defined for it."""
    definitions = [_Definition(source, *found) for found in _classes(source)]
    if not definitions:
        source.fail(0, f"no operator is defined here; expected {_FORM}")
    socs = list(dict.fromkeys(name for definition in definitions for name in definition.configs))
    if not socs:
        source.fail(
            definitions[0].start, f'{definitions[0].name} is added for no chip; expected AddConfig("ascend910b")'
        )
    chosen = soc.lower() or (socs[0] if len(socs) == 1 else "")
    if chosen not in socs:
        asked = f"not {soc}" if soc else "give one with --soc"
        raise UsageError(f"{source.file} is written for {', '.join(socs)}: {asked}")
    return chosen, [definition.operator(chosen) for definition in definitions if chosen in definition.configs]


def _classes(source: Source) -> Iterator[tuple[str, int, str]]:
    """Yield the name, the place and the text of every class of an operator, without comments."""
    text = _BLANKED.sub(lambda found: found[1] or re.sub(r"[^\n]", " ", found[0]), source.text)
    starts = list(_CLASS.finditer(text))
    ends = [*(match.start() for match in starts[1:]), len(text)]
    for match, end in zip(starts, ends, strict=False):
        yield match["name"], match.start(), text[:end]


@dataclass(frozen=True, slots=True)
class _Argument:
    """A port or an attribute as one statement defines it; `calls` are the methods of its chain and their arguments."""

    what: str
    name: str
    calls: Mapping[str, str]


class _Definition:
    """One class: what it says of its ports, and what it says otherwise for some chips."""

    def __init__(self, source: Source, name: str, start: int, text: str) -> None:
        self._source, self.name, self.start, self._text = source, name, start, text
        self._lists = {
            match["name"]: match["body"] for pattern in (_LIST, _DEFINED) for match in pattern.finditer(text)
        }
        self._bodies = {match["name"]: self._until(match.end() - 1) for match in _FUNCTION.finditer(text)}
        self._made = {match["config"]: match["function"] for match in _MADE.finditer(text, start)}
        self._problems: list[str] = []
        self.configs = dict(self._configs())

    def operator(self, soc: str) -> OperatorInfo:
        """Return the operator as it is on one chip: a chip's own ports replace those of the same name."""
        arguments = {(one.what, one.name): one for one in self._arguments(_SELF)}
        arguments |= {(one.what, one.name): one for one in self._arguments(self.configs[soc])}
        found = list(arguments.values())
        inputs, outputs = ([one for one in found if one.what == what] for what in ("Input", "Output"))
        ports = [self._port(one) for one in (*inputs, *outputs)]
        by_name = {port.name: port for port in reversed(ports)}  # an input wins over an output of its name
        followed = [_following(port, one, by_name) for port, one in zip(ports, (*inputs, *outputs), strict=True)]
        attributes = tuple(self._attribute(one) for one in found if one.what == "Attr")
        problems = tuple(dict.fromkeys(self._problems))
        return OperatorInfo(self.name, tuple(followed), attributes, self.start, problems)

    def _configs(self) -> Iterator[tuple[str, str]]:
        """Yield each chip with the object, or the function, that says what is different on it."""
        for match in _CONFIG.finditer(self._text, self.start):
            if not match["soc"].startswith('"'):
                self._problems.append(f"what AddConfig({match['soc']}, ...) adds for chips that the code computes")
                continue
            yield match["soc"].strip('"').lower(), match["config"] or ""

    def _arguments(self, owner: str) -> Iterator[_Argument]:
        """Yield what statements on an object define: on it, and before in the function that made it."""
        function = owner if owner in self._bodies else self._made.get(owner, "")
        within = self._bodies.get(function)
        if within is not None:
            yield from self._statements(*within, owner="")
        if owner and owner != function:
            yield from self._statements(self.start, len(self._text), owner=owner)

    def _statements(self, start: int, end: int, owner: str) -> Iterator[_Argument]:
        inside = [place for place in self._bodies.values() if place != (start, end)]
        for match in _STATEMENT.finditer(self._text, start, end):
            elsewhere = any(first <= match.start() < last for first, last in inside)
            if (owner and (match["object"] != owner or elsewhere)) or (not owner and match["object"] == _SELF):
                continue
            if not match["name"].startswith('"'):
                self._problems.append(f"{match['what']}({match['name'].strip()}), whose name the code computes")
                continue
            name = match["name"].strip('"')
            if not name:
                self._source.fail(
                    match.start("name"), f"expected the name of an {match['what']}, found {match['name']}"
                )
            yield _Argument(match["what"], name, dict(self._chain(match.end())))

    def _chain(self, offset: int) -> Iterator[tuple[str, str]]:
        """Yield the methods that are called on what a statement defines, with the text of their arguments."""
        while match := _CALL.match(self._text, offset):
            start, offset = self._until(match.end() - 1)
            yield match["name"], self._text[start + 1 : offset - 1].strip()

    def _until(self, offset: int) -> tuple[int, int]:
        """Return where a bracket opens and the place after the one that closes it, or fail."""
        expected: list[str] = []
        for match in _BRACKET.finditer(self._text, offset):
            if match[0] in _CLOSING:
                expected.append(_CLOSING[match[0]])
            elif len(match[0]) == 1 and expected.pop() != match[0]:
                break
            if not expected:
                return offset, match.end()
        return self._source.fail(offset, f"{self._text[offset]!r} is not closed; expected {_FORM}")

    def _port(self, one: _Argument) -> Port:
        lists = [name for name in ("DataType", "DataTypeList") if name in one.calls]
        formats = next((one.calls[name] for name in ("Format", "FormatList") if name in one.calls), "")
        dtypes = self._words(one, one.calls[lists[0]]) if lists else ()
        return Port(
            one.name,
            one.what == "Input",
            one.calls.get("ParamType", "REQUIRED").rpartition(":")[2].lower(),
            dtypes,
            self._words(one, formats),
            is_free="DataTypeList" in lists,
        )

    def _words(self, one: _Argument, text: str) -> tuple[str, ...]:
        """Return the dtypes or formats of a list, or of a name that stands for one."""
        body = self._lists.get(text, text) if _NAME.fullmatch(text) else text
        if (body and not re.fullmatch(r"[\s{}\\,:\w]*", body, re.ASCII)) or (body and not body.startswith("{")):
            self._problems.append(f"the list {' '.join(text.split())} of {one.name}, which the code computes")
            return ()
        return tuple(match["word"] for match in _WORD.finditer(body.replace("\\\n", "\n")))

    def _attribute(self, one: _Argument) -> Attribute:
        kind = next((name for name in one.calls if name in _TYPES), "unknown")
        text = one.calls.get(kind, "")
        default = text.strip('"') if kind == "String" and text.startswith('"') else literal(text)
        is_required = one.calls.get("AttrType", "").endswith("REQUIRED")
        return Attribute(one.name, kind, is_required, default)


def _following(port: Port, one: _Argument, ports: Mapping[str, Port]) -> Port:
    """Return the port with the dtypes of the one that it follows."""
    other = ports.get(one.calls.get("Follow", "").partition(",")[0].strip().strip('"'))
    return port if other is None or port.dtypes else replace(port, dtypes=other.dtypes, is_free=other.is_free)
