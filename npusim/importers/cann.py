"""Import what CANN says of its kernels: an installed table of operators, or the source of one operator's definition."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from npusim.dtypes import dtype
from npusim.errors import UnknownDtypeError
from npusim.importers import op_definition, ops_info
from npusim.importers.cann_operator import OperatorInfo, Port, Value
from npusim.importers.reading import read
from npusim.importers.writing import Imported, Remarks

_PREFIX = "cann_"
"""Stands before every operator's name: kernels have ports of their own, not those of npusim's operators."""

_SELECTED = "the code of the operator, which selects its dtypes and formats itself"
_ATTRIBUTE_TYPES = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "listint": "ints",
    "listfloat": "floats",
    "string": "str",
}
"""CANN's types of attributes, in lower case -> npusim's."""


def import_cann(path: Path, soc: str = "", identity: str = "") -> Imported:
    """Return the profile of an `aic-<soc>-ops-info.json` or of an operator's definition, a C++ source.

    `soc` names the chip where the file speaks of several; the id is the chip's name if none is given. Raises
    ImportFormatError, with file:line:column, for a file that is neither, UsageError for a chip it does not speak of.
    """
    source = read(path)
    reader = op_definition if path.suffix in {".cpp", ".cc", ".h"} else ops_info
    chip, operators = reader.operators_of(source, soc)
    table = _Table(path.name, Remarks())
    entries: dict[str, Any] = {}
    comments: dict[str, list[str]] = {}
    for operator in operators:
        name = _PREFIX + _snake(operator.name)
        if name in entries:
            source.fail(operator.offset, f"the operator {operator.name} has the name of {entries[name]['api']}: {name}")
        entries[name] = table.entry(name, operator)
        comments[name] = [f"{path.name}:{source.mark(operator.offset).line}", *_comments(operator)]
    document = {
        "npusim": 1,
        "id": identity or f"{chip}-kernels",
        "name": f"The kernels of CANN for {chip}",
        "soc": chip.upper(),
        "stack": {"name": "CANN", "version": "unknown"},
        "settled_by": "the version of CANN that the file comes from, and its checks before a kernel is chosen",
        "operators": entries,
    }
    heading = (
        f"Imported from {path.name}: the kernels of CANN for {chip}. Operators have {_PREFIX} before their name. A row "
        "is one kernel; what the layers above check or convert before one is chosen is not in here. Formats of tensors "
        "stand in comments: CANN converts between them."
    )
    return Imported(document, heading, comments, table.remarks)


@dataclass(frozen=True, slots=True)
class _Table:
    """Turns the operators of a file into entries of a profile."""

    file: str
    remarks: Remarks

    def entry(self, name: str, operator: OperatorInfo) -> dict[str, Any]:
        """Return what the profile says to one operator."""
        ports = _renamed(operator.ports)
        for problem in operator.problems:
            self.remarks.add(name, problem)
        rows = list(self._rows(name, ports))
        found = {
            "signature": f"{name}{self._signature(name, operator, ports)}",
            "api": operator.name,
            "ports": dict(self._lists(name, ports)),
            "rows": rows,
            "settled_by": "" if rows or any(port.is_free for port in ports.values()) else _SELECTED,
        }
        facts = {key: value for key, value in found.items() if value}
        return facts | {"source": f"CANN, {self.file}, {operator.name}", "confidence": "documented"}

    def _rows(self, name: str, ports: dict[str, Port]) -> Iterator[dict[str, str]]:
        """Yield one row for each place in the lists of dtypes, each once."""
        joint = {new: port.dtypes for new, port in ports.items() if port.dtypes and not port.is_free}
        lengths = {len(dtypes) for dtypes in joint.values()}
        if len(lengths) > 1:
            listed = ", ".join(f"{new} {len(dtypes)}" for new, dtypes in joint.items())
            self.remarks.add(name, f"rows, because the lists of dtypes are not equally long: {listed}")
            return
        seen: set[tuple[str, ...]] = set()
        for words in zip(*joint.values(), strict=True):
            if words not in seen:
                seen.add(words)
                dtypes = [self._dtype(name, word, ", ".join(words)) for word in words]
                if all(dtypes):
                    yield dict(zip(joint, dtypes, strict=True))

    def _lists(self, name: str, ports: dict[str, Port]) -> Iterator[tuple[str, list[str]]]:
        """Yield the ports whose dtypes are free of those of others."""
        for new, port in ((new, port) for new, port in ports.items() if port.is_free):
            dtypes = [self._dtype(name, word, f"{new}: {word}") for word in dict.fromkeys(port.dtypes)]
            if any(dtypes):
                yield new, list(dict.fromkeys(filter(None, dtypes)))

    def _dtype(self, name: str, word: str, row: str) -> str:
        try:
            return dtype(word).name
        except UnknownDtypeError:
            self.remarks.add(name, f"the row {row}, because npusim knows no dtype {word!r}")
            return ""

    def _signature(self, name: str, operator: OperatorInfo, ports: dict[str, Port]) -> str:
        inputs = ", ".join(_spelled(new, port) for new, port in ports.items() if port.is_input)
        outputs = ", ".join(_spelled(new, port) for new, port in ports.items() if not port.is_input) or "nothing?"
        attributes = []
        for attribute in operator.attributes:
            kind = _ATTRIBUTE_TYPES.get(attribute.type.lower(), "")
            if kind and attribute.name not in ports and re.fullmatch(r"\w+", attribute.name, re.ASCII):
                attributes.append(f"{attribute.name}: {kind}{_default(kind, attribute.default, attribute.required)}")
            else:
                self.remarks.add(name, f"the attribute {attribute.name} of type {attribute.type}")
        listed = "; " + ", ".join(attributes) if attributes else ""
        return f"({inputs}{listed}) -> {outputs}"


def _comments(operator: OperatorInfo) -> Iterator[str]:
    """Yield what a reader should know: outputs that have another name here, and formats other than ND."""
    ports = _renamed(operator.ports)
    yield from (f"{new} is the output {port.name}" for new, port in ports.items() if new != port.name)
    for new, port in ports.items():
        formats = list(dict.fromkeys(port.formats))
        if formats and formats != ["ND"]:
            yield f"formats of {new}: {', '.join(formats)}"


def _renamed(ports: Sequence[Port]) -> dict[str, Port]:
    """Return the ports by names of which no two are the same: an output that is an input as well gets `_out`."""
    found: dict[str, Port] = {}
    for port in ports:
        name = re.sub(r"\W", "_", port.name, flags=re.ASCII)
        while name in found:
            name += "_out"
        found[name] = port
    return found


def _spelled(name: str, port: Port) -> str:
    marks = {"optional": "?", "dynamic": "*"}
    return name + marks.get(port.kind.lower(), "")


def _default(kind: str, value: Value, required: bool) -> str:
    if required:
        return ""
    match kind, value:
        case "bool", bool():
            pass
        case "int", int() if not isinstance(value, bool):
            pass
        case "float", int() | float() if not isinstance(value, bool) and isfinite(value):
            value = float(value)
        case "str", str() if not set("'\\\n") & set(value):
            pass
        case "ints", tuple() if all(isinstance(item, int) for item in value):
            pass
        case "floats", tuple() if all(map(isfinite, value)):
            value = tuple(map(float, value))
        case _:
            value = None
    return f" = {value!r}"


def _snake(name: str) -> str:
    """Return CamelCase in lower case with underscores."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", re.sub(r"\W", "_", name, flags=re.ASCII))
    return re.sub(r"_+", "_", parted.lower())
