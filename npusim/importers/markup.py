"""Read XML as a tree with places, without what XML can do beyond that: no entities, no files, no endless depth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from npusim.importers.reading import Source, fail, shown
from npusim.profiles.document import Mark

MAX_DEPTH = 40
MAX_ELEMENTS = 400_000


@dataclass(slots=True)
class Element:
    """One element: its tag and attributes, the elements in it, the text before and between them, its place."""

    tag: str
    attributes: Mapping[str, str]
    mark: Mark
    children: "list[Element]" = field(default_factory=list)
    text: str = ""

    def fail(self, message: str) -> NoReturn:
        """Raise ImportFormatError at this element."""
        fail(self.mark, message)

    def get(self, name: str) -> str:
        """Return an attribute, or fail."""
        if name not in self.attributes:
            found = ", ".join(self.attributes) or "none"
            self.fail(f"<{self.tag}> lacks the attribute {name!r}; it has {found}")
        return self.attributes[name]

    def integer(self, name: str) -> int:
        """Return an attribute as a whole number, or fail."""
        text = self.get(name)
        if not text.removeprefix("-").isdecimal() or len(text) > 18:
            self.fail(f"expected a whole number as {name!r} of <{self.tag}>, found {shown(text)}")
        return int(text)

    def all(self, tag: str) -> "list[Element]":
        """Return the elements of a tag in this one."""
        return [child for child in self.children if child.tag == tag]

    def one(self, tag: str) -> "Element":
        """Return the only element of a tag in this one, or fail."""
        found = self.all(tag)
        if len(found) != 1:
            self.fail(f"expected one <{tag}> in <{self.tag}>, found {len(found)}")
        return found[0]


def parse(source: Source) -> Element:
    """Return the root element of XML text.

    Raises ImportFormatError, with the place, for text that is not XML, for a document type with declarations of its
    own, entities that are not of XML itself, and more than 40 levels or 400,000 elements. A document type that only
    names a file is passed over; the file is never read.
    """
    return _Tree(source).root


class _Tree:
    """Grows a tree from the parser's events."""

    def __init__(self, source: Source) -> None:
        self._file = source.file
        self._open: list[Element] = []
        self._count = 0
        self._roots: list[Element] = []
        parser = self._parser = expat.ParserCreate("utf-8")
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._skipped
        try:
            parser.Parse(source.text.encode("utf-8"), True)
        except expat.ExpatError as error:
            mark = Mark(self._file, error.lineno, error.offset + 1)
            fail(mark, f"not XML: {expat.ErrorString(error.code)}; expected the specification's tosa.xml")

    @property
    def root(self) -> Element:
        return self._roots[0]

    @property
    def _mark(self) -> Mark:
        return Mark(self._file, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, self._mark)
        self._count += 1
        if self._count > MAX_ELEMENTS:
            element.fail(f"more than {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            element.fail(f"nested deeper than {MAX_DEPTH} levels")
        (self._open[-1].children if self._open else self._roots).append(element)
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text

    def _doctype(self, _name: str, _system: str | None, _public: str | None, has_subset: bool) -> None:
        if has_subset:
            fail(self._mark, "a document type with declarations of its own is not read; take them out of the file")

    def _entity(self, name: str, *_: object) -> None:
        fail(self._mark, f"the entity {name!r} is declared here; entities are not read; take them out of the file")

    def _skipped(self, name: str, _is_parameter: bool) -> None:
        fail(self._mark, f"the entity {name!r} is not one of XML itself; write what it stands for")
