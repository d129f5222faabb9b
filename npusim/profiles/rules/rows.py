"""Joint signatures: rows over ports and attributes, of which a call has to have one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, product
from types import MappingProxyType
from typing import Any, ClassVar

from npusim.dtypes import DType, dtype
from npusim.operators import Operator
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.edits import Change, Edit, Edits, SetAttribute
from npusim.profiles.json_parts import DTYPES, TEXTS, list_of
from npusim.profiles.rules.base import GROUPS, Finding, Rule, named_ports
from npusim.profiles.rules.dtypes import outside
from npusim.profiles.rules.quantisation import quantised_as, quantised_operands
from npusim.profiles.subject import Subject
from npusim.profiles.values import read_dtype

_REQUIRES = "requires"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row takes in one of its columns: a dtype, perhaps in one quantisation scheme, or an attribute's word.

    In a table that names schemes (`uint8/asym`), an operand that has one needs a cell with that very scheme; one that
    has none goes with any.
    """

    value: DType | str
    scheme: str = ""

    def __str__(self) -> str:
        return f"{self.value}/{self.scheme}" if self.scheme else str(self.value)


Found = Mapping[str, tuple[Cell, ...]]
"""What a call has in the columns."""


@dataclass(frozen=True, slots=True)
class Row:
    """One signature: the cells of each of its columns, and the features that it needs and that are off.

    A column is a port, or an attribute that holds a dtype or a word. A row that lacks a feature takes no call.
    """

    cells: Mapping[str, tuple[Cell, ...]]
    requires: tuple[str, ...] = ()

    def wrong(self, found: Found) -> list[str]:
        """The columns in which the row does not take what was found."""
        return [name for name, cells in self.cells.items() if not _is_in(cells, found.get(name, ()))]

    def takes(self, found: Found) -> bool:
        """Whether the row takes what was found in every column."""
        return all(_is_in(cells, found.get(name, ())) for name, cells in self.cells.items())

    def contains(self, other: "Row") -> bool:
        """Whether this row takes whatever the other takes, wherever that one is there."""
        return set(self.requires) <= set(other.requires) and all(
            name in other.cells and set(other.cells[name]) <= set(cells) for name, cells in self.cells.items()
        )

    def __str__(self) -> str:
        return ", ".join(f"{name}: {'|'.join(map(str, cells))}" for name, cells in self.cells.items())


@dataclass(frozen=True, slots=True)
class Rows(Rule):
    """Only these joint signatures are taken: in each row every named port has one of its dtypes."""

    key: ClassVar[str] = "rows"
    code: ClassVar[str] = "NPU102"
    example: ClassVar[str] = "rows: [{self: float16, out: float16}, {self: float16, out: float32}]"
    schema: ClassVar[Mapping[str, Any]] = list_of(
        {
            "type": "object",
            "properties": dict.fromkeys(("if", "unless", _REQUIRES), TEXTS),
            "additionalProperties": {"anyOf": [DTYPES, TEXTS]},
        }
    )
    sentences: ClassVar[Mapping[str, str]] = {
        "rows": "no row takes {found}; the rows are {allowed}",
        "rows_locked": "{found} needs {requires}, which is not enabled",
        "rows_locked_several": "{found} needs all of {requires}, which are not enabled",
    }
    fields: ClassVar[frozenset[str]] = frozenset({"requires"})

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    has_schemes: bool = False

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Rows":
        rows = tuple(_read_row(row, operator) for row in node.items("a list of rows"))
        if not rows:
            node.fail("rows: at least one row; an operator that is not offered says `not_offered`")
        places = {port.name: place for place, port in enumerate(operator.ports)}
        named = dict.fromkeys(name for row in rows for name in row.cells)
        columns = sorted(named, key=lambda name: places.get(name, len(places)))
        schemes = (cell.scheme for row in rows for cells in row.cells.values() for cell in cells)
        return cls(rows, tuple(columns), any(schemes))

    @property
    def refuses_all(self) -> bool:
        return not self.open_rows

    @property
    def open_rows(self) -> tuple[Row, ...]:
        """The rows whose features are all on."""
        return tuple(row for row in self.rows if not row.requires)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found = self._found(seen)
        taking = [row for row in self.rows if row.takes(found)]
        if any(not row.requires for row in taking):
            return
        shown = str(Row({name: tuple(dict.fromkeys(cells)) for name, cells in found.items()}))
        allowed = tuple(map(str, self.open_rows or self.rows))
        if taking:
            requires = min(taking, key=lambda row: len(row.requires)).requires
            sentence = "rows_locked" if len(requires) == 1 else "rows_locked_several"
            hint = f"enable {', '.join(requires)}, if the chip has it"
            fields = {_REQUIRES: requires}
            yield Finding(next(iter(found), ""), shown, allowed, hint, sentence, fields=fields)
            return
        best = self._nearest(found)[0]
        wrong = best.wrong(found)
        port = next(name for name in found if name in wrong)
        index = next(i for i, cell in enumerate(found[port]) if not _is_in(best.cells[port], (cell,)))
        hint = ", ".join(_hint(name, best.cells[name][0], found[name]) for name in wrong)
        yield Finding(port, shown, allowed, hint, index=index, fields={_REQUIRES: ""})

    def _found(self, seen: Subject) -> Found:
        """What the call has in each column; nothing for a port that is absent and an attribute that is not set."""
        found: dict[str, tuple[Cell, ...]] = {}
        for name in self.columns:
            value = seen.attributes.get(name)
            if types := seen.types.get(name):
                schemes = {i: quant.scheme for i, quant in quantised_operands(seen, name)} if self.has_schemes else {}
                found[name] = tuple(Cell(t.dtype, schemes.get(i, "")) for i, t in enumerate(types))
            elif value is not None:
                found[name] = (Cell(dtype(value) if isinstance(next(self._column(name)), DType) else value),)
        return found

    def _nearest(self, found: Found) -> list[Row]:
        """The rows whose features are on, the one with the most columns as they are first."""
        return sorted(
            self.open_rows or self.rows,
            key=lambda row: len(row.wrong(found)) - sum(name in found for name in row.cells),
        )

    def _column(self, name: str) -> Iterator[DType | str]:
        """Everything that stands in a column."""
        return (cell.value for row in self.rows for cell in row.cells.get(name, ()))

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        found = self._found(seen)
        for row in self._nearest(found):
            wrong = row.wrong(found)
            for cells in islice(product(*(row.cells[name] for name in wrong)), _WAYS):
                edits = tuple(_put(seen, name, cell) for name, cell in zip(wrong, cells, strict=True))
                given = tuple(e for e in edits if isinstance(e, SetAttribute) or seen.operands.get(e.port))
                yield from dict.fromkeys(some for some in (given, edits) if some)  # results may follow

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for name in self.columns:
            dtypes = [value for value in self._column(name) if isinstance(value, DType)]
            others = [Cell(row) for row in outside(dtypes)] if dtypes else [Cell("?")]
            yield from ((_put(seen, name, cell),) for cell in others[:_WAYS])
        for row in self.rows:
            if row.requires:
                yield tuple(_put(seen, name, cells[0]) for name, cells in row.cells.items())
        for name in self.columns:
            for cell in dict.fromkeys(cell for row in self.rows for cell in row.cells.get(name, ())):
                yield (_put(seen, name, cell),)
                yield (_put(seen, name, replace(cell, scheme="?")),)


_WAYS = 8
"""How many ways of meeting one row are tried, and how many dtypes outside a column."""


def _is_in(allowed: Iterable[Cell], found: Iterable[Cell]) -> bool:
    """Whether a row takes what was found in a column; what has no scheme, or is not there, goes with any."""
    cells = tuple(allowed)
    return all(any(cell.value == one.value and one.scheme in {"", cell.scheme} for cell in cells) for one in found)


def _hint(name: str, cell: Cell, found: tuple[Cell, ...]) -> str:
    if isinstance(cell.value, str):
        return f"set {name} to {cell}"
    if cell.scheme and all(one.value is cell.value for one in found):
        return f"quantise {name} as {cell}"
    return f"cast {name} to {cell}"


def _put(seen: Subject, name: str, cell: Cell) -> Change:
    """The change by which a call has a cell in a column."""
    if name not in seen.types:
        return SetAttribute(name, cell.value.name if isinstance(cell.value, DType) else cell.value)
    row = cell.value if isinstance(cell.value, DType) else None
    is_told = cell.scheme or any(quant.scheme for _, quant in quantised_operands(seen, name))
    return Edit(name, dtype=row, quant=quantised_as(seen, name, scheme=cell.scheme) if is_told else None)


def _read_row(node: Node, operator: Operator) -> Row:
    entries = dict(node.mapping("a mapping from ports to dtypes"))
    requires = entries.pop(_REQUIRES, None)
    cells: dict[str, tuple[Cell, ...]] = {}
    for name, value in entries.items():
        for column, read in _columns(name, value, operator):
            cells[column] = read
    if not cells:
        node.fail("a row names at least one port")
    features = requires.many() if requires is not None else ()
    return Row(MappingProxyType(cells), tuple(item.text("a feature") for item in features))


def _columns(name: str, node: Node, operator: Operator) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    attributes = {attribute.name: attribute.type for attribute in operator.attributes}
    ports = [port.name for port in operator.ports]
    if name in ports or name in GROUPS:
        yield from ((port, _read_cells(node)) for port in named_ports(node, name, operator))
    elif attributes.get(name) == "dtype":
        yield name, tuple(Cell(read_dtype(item)) for item in node.some())
    elif attributes.get(name) == "str":
        yield name, tuple(Cell(item.text("a value")) for item in node.some())
    elif name in attributes:
        node.fail_at_key(f"{name} is of type {attributes[name]}; a row names ports and attributes of type dtype or str")
    else:
        known = [*ports, *(word for word, kind in attributes.items() if kind in {"dtype", "str"}), *GROUPS]
        node.fail_at_key(f"{operator.name} has no port {name!r}{did_you_mean(name, known)}")


def _read_cells(node: Node) -> tuple[Cell, ...]:
    found: list[Cell] = []
    for item in node.some():
        spelled, slash, scheme = item.text("a dtype, or dtype/scheme").partition("/")
        if slash and not scheme:
            item.fail(f"expected a quantisation scheme after {spelled}/, such as uint8/asym")
        cell = Cell(read_dtype(replace(item, value=spelled)), scheme)
        if cell in found:
            item.fail(f"{cell} is listed twice")
        found.append(cell)
    return tuple(found)
