"""Safe expressions over a call: a small part of Python's grammar, walked by hand, bounded in size and in numbers.

Nothing is compiled or executed; what is not in the tables below does not exist. Reading is linear in the text, and so
is evaluating: there are no loops, and a number never grows beyond `_MAX_NUMBER`.
"""

import ast
import math
import operator as op
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

from npusim.operators import Operator
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.subject import Subject

MAX_TEXT = 600
_MAX_NODES = 200
_MAX_NUMBER = 2**63
_MAX_POWER = 64


class UndecidableError(Exception):
    """An expression that has no value for a call: it needs an absent port, or divides by zero, or the like."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression over the ports and attributes of a call.

    A port has `.dtype` (its name), `.shape`, `.rank`, `.numel`, `.bits`, `.layout`, `.memory`, `.constant`, `.count`
    (of operands) and `.value` (of a constant); an absent port is None.
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)
    ports: frozenset[str]
    attributes: frozenset[str]

    def value(self, seen: Subject) -> Any:
        """Return the value for a call; raises UndecidableError where it has none."""
        try:
            return _evaluate(self.tree, seen)
        except (ZeroDivisionError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise UndecidableError(str(error)) from None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The whole numbers that it mentions."""
        found = (node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant))
        return tuple(dict.fromkeys(value for value in found if type(value) is int))

    @property
    def lengths(self) -> Mapping[str, int]:
        """How many numbers each attribute, and each port's value, must have for all that is asked of it to be there."""
        found: dict[str, int] = {}
        for node in ast.walk(self.tree):
            match node:
                case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(value=ast.Name(id=name), attr="value")):
                    index = getattr(node.slice, "value", None)
                    found[name] = max(found.get(name, 1), index + 1 if type(index) is int else 1)
        return found

    @property
    def tuples(self) -> tuple[tuple[int, ...], ...]:
        """The lists of whole numbers that it mentions."""
        found = (node.elts for node in ast.walk(self.tree) if isinstance(node, ast.Tuple | ast.List))
        values: Iterator[tuple[Any, ...]] = (tuple(getattr(item, "value", None) for item in items) for items in found)
        return tuple(dict.fromkeys(one for one in values if all(type(number) is int for number in one)))

    @property
    def words(self) -> tuple[str, ...]:
        """The texts that it mentions: dtypes and values of attributes."""
        found = (node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant))
        return tuple(dict.fromkeys(value for value in found if isinstance(value, str)))


def read_expression(node: Node, operator: Operator) -> Expression:
    """Return the expression that a profile wrote, or fail saying what in it is not allowed and what is."""
    text = node.text("an expression")
    if len(text) > MAX_TEXT:
        node.fail(f"an expression has at most {MAX_TEXT} characters, this has {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        node.fail(f"not an expression: {text!r}; write it like dilation[0] == 1 or self.rank == 4")
    if sum(1 for _ in ast.walk(tree)) > _MAX_NODES:
        node.fail(f"an expression has at most {_MAX_NODES} parts")
    ports = frozenset(port.name for port in operator.ports)
    attributes = frozenset(attribute.name for attribute in operator.attributes)
    reader = _Reader(node, ports, attributes)
    reader.check(tree)
    return Expression(text, tree, ports & reader.names, attributes & reader.names)


_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = MappingProxyType(
    {
        ast.Add: op.add,
        ast.Sub: op.sub,
        ast.Mult: op.mul,
        ast.Div: op.truediv,
        ast.FloorDiv: op.floordiv,
        ast.Mod: op.mod,
        ast.Pow: op.pow,
        ast.Eq: op.eq,
        ast.NotEq: op.ne,
        ast.Lt: op.lt,
        ast.LtE: op.le,
        ast.Gt: op.gt,
        ast.GtE: op.ge,
        ast.In: lambda one, several: one in several,
        ast.NotIn: lambda one, several: one not in several,
        ast.Is: op.is_,
        ast.IsNot: op.is_not,
        ast.USub: op.neg,
        ast.Not: op.not_,
    }
)
_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def _several(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return values[0] if len(values) == 1 and isinstance(values[0], tuple) else values


FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "min": lambda *values: min(_several(values)),
        "max": lambda *values: max(_several(values)),
        "abs": lambda value: tuple(map(abs, value)) if isinstance(value, tuple) else abs(value),
        "sum": sum,
        "prod": math.prod,
        "len": len,
        "all": lambda *values: all(_several(values)),
        "any": lambda *values: any(_several(values)),
        "ceil_div": lambda number, by: -(-number // by),
        "round_up": lambda number, to: -(-number // to) * to,
    }
)
"""What an expression may call."""


def _given(name: str, what: str) -> str:
    """The vendor's name of something, if the call says it."""
    if not name:
        raise UndecidableError(f"{what} is not given")
    return name


FIELDS: Mapping[str, Callable[[Subject, str], Any]] = MappingProxyType(
    {
        "dtype": lambda seen, port: seen.types[port][0].dtype.name,
        "bits": lambda seen, port: seen.types[port][0].dtype.bits,
        "shape": lambda seen, port: seen.types[port][0].shape,
        "rank": lambda seen, port: seen.types[port][0].rank,
        "numel": lambda seen, port: math.prod(seen.types[port][0].shape),
        "count": lambda seen, port: len(seen.types[port]),
        "constant": lambda seen, port: port in seen.constants,
        "layout": lambda seen, port: _given(seen.operand(port).layout, f"the layout of {port}"),
        "memory": lambda seen, port: _given(seen.operand(port).memory, f"the memory of {port}"),
        "value": lambda seen, port: seen.operand(port).value,
    }
)
"""What an expression may ask of a port."""

_PIECES = (ast.And, ast.Or, ast.Load, ast.Slice, *_OPERATORS)
"""What stands inside of a part and has no value of its own."""


class _Reader:
    """Checks a tree against the grammar, and gathers the names that it uses."""

    def __init__(self, node: Node, ports: frozenset[str], attributes: frozenset[str]) -> None:
        self.node, self.ports, self.attributes = node, ports, attributes
        self.names: set[str] = set()

    def check(self, tree: ast.AST) -> None:
        """Fail at the first part that is not allowed."""
        match tree:
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                children: list[ast.AST] = list(arguments)
            case ast.Call():
                self._fail(tree, f"may call {', '.join(FUNCTIONS)}")
            case ast.Attribute(value=ast.Name(id=name), attr=field) if name in self.ports and field in FIELDS:
                self.names.add(name)
                return
            case ast.Attribute():
                self._fail(tree, f"may ask of a port: {', '.join(FIELDS)}")
            case ast.Name(id=name) if name in self.ports | self.attributes:
                self.names.add(name)
                return
            case ast.Name(id=name):
                near = did_you_mean(name, [*self.ports, *self.attributes, *FUNCTIONS])
                self._fail(tree, f"may name the operator's ports and attributes{near}")
            case ast.Constant(value=value) if isinstance(value, int | float | str | None) and _is_small(value):
                return
            case ast.Slice(step=ast.expr()):
                self._fail(tree, "has slices from one place to another, without a step")
            case ast.AST() if type(tree) in {*_MEANINGS, *_PIECES} - {ast.Constant}:
                children = list(ast.iter_child_nodes(tree))
            case _:
                self._fail(tree, "is made of numbers, texts, comparisons, + - * / // % **, and, or, not, in, if else")
        for child in children:
            self.check(child)

    def _fail(self, tree: ast.AST, allowed: str) -> NoReturn:
        found = ast.unparse(tree) if isinstance(tree, ast.expr | ast.Slice) else type(tree).__name__
        self.node.fail(f"{found!r} is not allowed in an expression, which {allowed}")


def _is_small(value: Any) -> bool:
    return not isinstance(value, int | float) or abs(value) <= _MAX_NUMBER


def _evaluate(tree: ast.expr, seen: Subject) -> Any:
    return _MEANINGS[type(tree)](tree, seen)


def _field(tree: Any, seen: Subject) -> Any:
    port = tree.value.id
    if not seen.types.get(port):
        raise UndecidableError(f"{port} is absent")
    return FIELDS[tree.attr](seen, port)


def _joined(tree: Any, seen: Subject) -> bool:
    join = all if isinstance(tree.op, ast.And) else any
    return join(_evaluate(value, seen) for value in tree.values)


def _part(tree: Any, seen: Subject) -> Any:
    whole = _evaluate(tree.value, seen)
    if isinstance(tree.slice, ast.Slice):
        bounds = (tree.slice.lower, tree.slice.upper)
        return whole[slice(*(None if bound is None else _evaluate(bound, seen) for bound in bounds))]
    return whole[_evaluate(tree.slice, seen)]


def _listed(tree: Any, seen: Subject) -> tuple[Any, ...]:
    return tuple(_evaluate(item, seen) for item in tree.elts)


def _named(name: str, seen: Subject) -> Any:
    """An attribute's value, or for a port whether it is there: True, or None."""
    if name in seen.attributes:
        return seen.attributes[name]
    return True if seen.types.get(name) else None


def _computed(sign: type[ast.AST], left: Any, right: Any) -> Any:
    for side in (left, right):
        if isinstance(side, bool) or not isinstance(side, int | float):
            raise UndecidableError(f"{side!r} is not a number")
    if sign is ast.Pow and not 0 <= right <= _MAX_POWER:
        raise UndecidableError(f"an exponent is 0 to {_MAX_POWER}, not {right}")
    return _bounded(_OPERATORS[sign](left, right))


def _bounded(value: Any) -> Any:
    if not _is_small(value):
        raise UndecidableError("a number grew beyond 2**63")
    return value


def _compared(left: Any, signs: list[ast.cmpop], others: list[Any]) -> bool:
    for sign, right in zip(signs, others, strict=True):
        if isinstance(sign, _ORDERED) and (left is None or right is None):
            raise UndecidableError("something that is not given is compared")
        if not _OPERATORS[type(sign)](left, right):
            return False
        left = right
    return True


_MEANINGS: Mapping[type[ast.expr], Callable[[Any, Subject], Any]] = MappingProxyType(
    {
        ast.Constant: lambda tree, _: tree.value,
        ast.Name: lambda tree, seen: _named(tree.id, seen),
        ast.Attribute: _field,
        ast.BoolOp: _joined,
        ast.IfExp: lambda tree, seen: _evaluate(tree.body if _evaluate(tree.test, seen) else tree.orelse, seen),
        ast.Tuple: _listed,
        ast.List: _listed,
        ast.UnaryOp: lambda tree, seen: _OPERATORS[type(tree.op)](_evaluate(tree.operand, seen)),
        ast.BinOp: lambda tree, seen: _computed(type(tree.op), _evaluate(tree.left, seen), _evaluate(tree.right, seen)),
        ast.Compare: lambda tree, seen: _compared(
            _evaluate(tree.left, seen), tree.ops, [_evaluate(other, seen) for other in tree.comparators]
        ),
        ast.Call: lambda tree, seen: _bounded(FUNCTIONS[tree.func.id](*(_evaluate(one, seen) for one in tree.args))),
        ast.Subscript: _part,
    }
)
"""Every part of the grammar -> what it means for a call."""


def nearby(expression: Expression) -> Iterator[int]:
    """Yield whole numbers at which an expression's value may change, each once."""
    mentioned = [number + step for number in expression.numbers for step in (0, 1, -1)]
    yield from dict.fromkeys((*mentioned, 1, 2, 3, 4, 0, 8, 16, 32, 64, *(2 * n for n in expression.numbers), -1, 5, 7))
