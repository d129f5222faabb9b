"""The arguments of a TOSA operator: its ports and attributes, and the rules that stand with them."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npusim.importers.markup import Element
from npusim.importers.tosa_rows import DTYPES, Extensions, one_or_several

_CATEGORIES = ("input", "output", "attribute")
_LIST = "tensor_list_t"
_SHAPE = "shape_t"
_NAME = re.compile(r"\w+", re.ASCII)
_RANK = re.compile(r"\d+|MAX_RANK( ?[-+] ?\d+)?")
_LIMIT = re.compile(r"MAX_[A-Z0-9_]+")
_SIMPLE = re.compile(r"\w+( ?[*+-] ?\w+)*(/\w+)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]\w*")
_DEFAULT = re.compile(r"Set to (\w+) by default")
_ELEMENTS = re.compile(r"\s*\[([\w, ]+)\]")
"""The names of a list's elements, as the description of an attribute gives them: [pad_top, pad_bottom]."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as the specification has it; `constant` are the profiles in which its value must be one."""

    name: str
    category: str
    type: str
    element: str
    scale: str
    shape: str
    optional: bool
    rank: str
    limits: tuple[tuple[str, str], ...]
    constant: tuple[Element, ...]
    freed: tuple[Element, ...]
    elements: tuple[str, ...]
    default: str

    @property
    def is_port(self) -> bool:
        """Whether it is a tensor of the graph."""
        return self.category != "attribute"

    @property
    def is_list(self) -> bool:
        """Whether it is any number of tensors."""
        return self.type == _LIST

    @property
    def port(self) -> str:
        """The port as a signature writes it."""
        return self.name + "?" * self.optional + "*" * self.is_list

    @property
    def dtype(self) -> str:
        """The dtype of its elements, if it is the same in every call."""
        return DTYPES.get(self.element, "")

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes of its axes, names or numbers, where the specification lists them."""
        match = re.fullmatch(r"\[(.*)\]", self.shape)
        return tuple(size.strip() for size in match[1].split(",")) if match else ()


def read_arguments(node: Element, limits: Collection[str]) -> list[Argument]:
    """Return the arguments of an operator, or fail at one that names a limit which the levels do not have."""
    found: dict[str, Argument] = {}
    for child in node.all("argument"):
        argument = _argument(child, limits)
        if argument.name in found:
            child.fail(f"a second argument {argument.name!r}")
        found[argument.name] = argument
    return list(found.values())


def _argument(node: Element, limits: Collection[str]) -> Argument:
    name = node.get("name")
    if not _NAME.fullmatch(name):
        node.fail(f"expected the name of an argument, found {name!r}")
    category = node.get("category").partition("(")[0]
    if category not in _CATEGORIES:
        node.fail(f"expected input, output or attribute as 'category', found {category!r}")
    description = "".join(one.text for one in node.all("description"))
    described, default = _ELEMENTS.match(description), _DEFAULT.search(description)
    return Argument(
        name,
        category,
        node.get("type"),
        node.get("tensor-element-type"),
        node.attributes.get("tensor-element-scale-type", ""),
        node.get("shape"),
        node.attributes.get("optional") == "true",
        "".join(_rank(rank, limits) for rank in node.all("rank")[:1]),
        tuple((limit.get("value"), _limit(limit, limits)) for limit in node.all("levellimit")),
        tuple(one for part in node.all("ctc") for one in part.all("op_profile")),
        tuple(one for part in node.all("ctc_remove") for one in part.all("op_profile")),
        tuple(part.strip() for part in described[1].split(",")) if described else (),
        default[1] if default else "",
    )


def _rank(node: Element, limits: Collection[str]) -> str:
    low, high = node.get("min"), node.get("max")
    for bound in (low, high):
        if not _RANK.fullmatch(bound) or not set(_LIMIT.findall(bound)) <= set(limits):
            node.fail(f"expected a rank such as 4 or MAX_RANK - 1, found {bound!r}")
    return low if low == high else f"{low}..{high}"


def _limit(node: Element, limits: Collection[str]) -> str:
    limit = node.get("limit")
    if limit not in limits:
        node.fail(f"expected a limit of the levels, {', '.join(limits)}, found {limit!r}")
    return limit


def shape_rules(arguments: list[Argument], extensions: Extensions) -> Iterator[dict[str, Any]]:
    """Yield the rules on ranks and fixed sizes, and on values that are to be constant."""
    ports = [one for one in arguments if one.is_port]
    ranks = {one.name: int(one.rank) if one.rank.isdecimal() else one.rank for one in ports if one.rank}
    if ranks:
        yield {"rank": ranks}
    sizes = {
        one.name: {axis: int(size) for axis, size in enumerate(one.sizes) if size.isdecimal()}
        for one in ports
        if any(size.isdecimal() for size in one.sizes)
    }
    if sizes:
        yield {"dim": sizes}
    gates: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for one in ports:
        if one.constant and one.category == "input":
            needed = tuple(extensions.feature(node, "name") for node in one.constant)
            freed = tuple(extensions.feature(node, "name") for node in one.freed)
            gates.setdefault((needed if len(needed) == 1 else (), freed), []).append(one.name)
    for (needed, freed), constant in gates.items():
        gate = {"if": needed, "unless": freed}
        yield {"constant": constant, **{key: one_or_several(names) for key, names in gate.items() if names}}


def level_rules(arguments: list[Argument], remark: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield the rules on the limits of a level; what cannot be said goes to `remark`."""
    symbols = _symbols(arguments)
    for one in arguments:
        plain = dict(one.limits)
        shared = {plain.get(element) for element in one.elements}
        if one.elements and len(shared) == 1 and None not in shared:
            yield {"value" if one.is_port else "attribute": {one.name: f"..{shared.pop()}"}}
            plain = {value: limit for value, limit in plain.items() if value not in one.elements}
        for value, limit in plain.items():
            rule = _level_rule(one, value, limit, symbols)
            if rule is None:
                remark(f"the level limit {value} <= {limit} of {one.name}")
            elif rule:
                yield rule


def _level_rule(one: Argument, value: str, limit: str, symbols: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the rule of one limit, an empty one if another rule says it already, None if it cannot be said."""
    if value.startswith("rank(") and one.is_port:
        return {} if limit in one.rank else {"rank": {one.name: f"..{limit}"}}
    if "tensor_list_shape(" in value and one.is_list:
        return {"arity": {one.name: f"..{limit}"}}
    if value.startswith("length(") and one.is_port:
        return {"dim": {one.name: {0: f"..{limit}"}}}
    dividend, slash, divisor = value.partition("/")
    most = f"{limit} * {divisor}" if slash else limit
    words = [word for word in _WORD.findall(value) if not _LIMIT.fullmatch(word)]
    if not all(word in symbols for word in words) or not _SIMPLE.fullmatch(value):
        return None
    return {"expr": _WORD.sub(lambda word: symbols.get(word[0], word[0]), f"{dividend} <= {most}")}


def _symbols(arguments: list[Argument]) -> dict[str, str]:
    """Return what the names in limits stand for: sizes of ports and elements of attributes, as expressions."""
    found: dict[str, str] = {}
    for one in arguments:
        held = f"{one.name}.value" if one.is_port else one.name
        for axis, name in enumerate(one.elements if not one.is_port or one.type == _SHAPE else ()):
            found.setdefault(name, f"{held}[{axis}]")
        for axis, name in enumerate(one.sizes if one.is_port else ()):
            if _WORD.fullmatch(name):
                found.setdefault(name, f"{one.name}.shape[{axis}]")
    return found
