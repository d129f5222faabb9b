"""Expressions: what they mean, what they refuse, and that nothing in them is ever executed or grows."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.call import Operand, TensorType
from npusim.dtypes import DTYPES
from npusim.errors import ProfileError
from npusim.operators.model import operator
from npusim.profiles.document import Mark, Node
from npusim.profiles.expressions import FIELDS, FUNCTIONS, MAX_TEXT, Expression, UndecidableError, read_expression
from npusim.profiles.subject import Subject

OPERATOR = operator("op(a, b?, c?*; n: int = 3, mode: str = 'fast', dims: ints = (1, 2), flag: bool = True) -> out")


def read(text: str) -> Expression:
    return read_expression(Node(text, Mark("f", 1, 1)), OPERATOR)


def call(**attributes: Any) -> Subject:
    """A call with `a` of float16[2,3,4], a constant `c` of two operands, no `b`, and nothing known of `out`."""
    a = Operand(TensorType(DTYPES["float16"], (2, 3, 4)), layout="TILE")
    c = Operand(TensorType(DTYPES["int8"], ()), constant=True, memory="L1", value=(5,))
    operands = {"a": (a,), "b": (), "c": (c, c)}
    types = {"out": (), **{port: tuple(o.type for o in found) for port, found in operands.items()}}
    given_or_default = {attribute.name: attribute.default for attribute in OPERATOR.attributes} | attributes
    return Subject(types, given_or_default, frozenset({"b", "c"}), operands)


MEANINGS: list[tuple[str, Any]] = [
    ("1", 1),
    ("-2", -2),
    ("'x'", "x"),
    ("2 + 3 * 4", 14),
    ("7 - 2 - 1", 4),
    ("7 / 2", 3.5),
    ("7 // 2", 3),
    ("-7 // 2", -4),
    ("7 % 4", 3),
    ("2 ** 10", 1024),
    ("1.5 * 2", 3.0),
    ("1 == 1.0", True),
    ("1 < 2 < 3", True),
    ("1 < 2 > 3", False),
    ("3 >= 3 <= 3 != 4", True),
    ("1 in (1, 2)", True),
    ("3 not in [1, 2]", True),
    ("'a' in 'cat'", True),
    ("not 1", False),
    ("1 == 1 and 2 == 2", True),
    ("1 == 2 or 2 == 2", True),
    ("0 or 0", False),
    ("1 if 2 > 1 else 3", 1),
    ("1 if 2 < 1 else 3", 3),
    ("(1, 2)[1]", 2),
    ("[1, 2, 3][-1]", 3),
    ("[1, 2, 3][1:]", (2, 3)),
    ("[1, 2, 3][:-1]", (1, 2)),
    ("'abc'[0]", "a"),
    ("min(3, 1, 2)", 1),
    ("max([3, 1])", 3),
    ("abs(-3)", 3),
    ("abs([-3, 2])", (3, 2)),
    ("sum(a.shape)", 9),
    ("prod(a.shape)", 24),
    ("len(a.shape)", 3),
    ("all(dims)", True),
    ("any((0, 0))", False),
    ("all(1, 0)", False),
    ("ceil_div(7, 4)", 2),
    ("ceil_div(8, 4)", 2),
    ("round_up(9, 8)", 16),
    ("a.dtype", "float16"),
    ("a.bits", 16),
    ("a.rank", 3),
    ("a.shape", (2, 3, 4)),
    ("a.shape[-1]", 4),
    ("a.numel", 24),
    ("a.count", 1),
    ("a.layout", "TILE"),
    ("a.constant", False),
    ("a.value", None),
    ("c.count", 2),
    ("c.memory", "L1"),
    ("c.constant", True),
    ("c.value[0]", 5),
    ("c.shape", ()),
    ("c.numel", 1),
    ("n", 3),
    ("mode == 'fast'", True),
    ("dims[0] + n", 4),
    ("flag", True),
    ("flag is True", True),
    ("a", True),
    ("b", None),
    ("out", None),
    ("b is None", True),
    ("b is not None", False),
    ("b is None or b.rank == 2", True),
    ("b is not None and b.rank == 2", False),
    ("b == None", True),
]


@pytest.mark.parametrize(("text", "value"), MEANINGS)
def test_an_expression_means_what_it_says(text: str, value: Any):
    found = read(text).value(call())
    assert (found, type(found)) == (value, type(value))


def test_every_function_and_every_field_has_a_meaning_here():
    texts = " ".join(text for text, _ in MEANINGS)
    assert all(f"{name}(" in texts for name in FUNCTIONS)
    assert all(f".{name}" in texts for name in FIELDS)


UNDECIDABLE = [
    "b.rank == 2",
    "out.dtype == 'int8'",
    "b.rank == 2 or b is None",
    "a.shape[3]",
    "1 / 0",
    "1 % 0",
    "ceil_div(1, 0)",
    "a.memory == 'L1'",
    "c.layout in ('TILE', 'ROW_MAJOR')",
    "None < 1",
    "n > 'x'",
    "dims + 1",
    "dims * 2",
    "mode + mode",
    "flag + 1",
    "-mode",
    "-None",
    "n[0]",
    "a.shape['x']",
    "len(n)",
    "min()",
    "max(())",
    "ceil_div(1)",
    "sum(mode)",
    "prod(mode)",
    "abs(mode)",
    "1 in n",
    "2 ** 0.5 ** -1",
    "2 ** -1",
    "'a' * 1000000000",
    "[0] * 1000000000",
    "1000000000 * (0, 0)",
    "ceil_div('a', 3)",
    "round_up(mode, 1000000000)",
    "9 ** 9 ** 9",
    "9 ** 64",
    "9223372036854775807 + 2",
    "2 ** 62 * 4",
    "prod((4611686018427387904, 4611686018427387904))",
    "sum((9223372036854775807, 9223372036854775807))",
    "round_up(9223372036854775807, 9223372036854775806)",
    "abs(dims[0] / 0)",
]


@pytest.mark.parametrize("text", UNDECIDABLE)
def test_what_has_no_value_says_so_at_once(text: str):
    expression = read(text)
    start = time.perf_counter()
    with pytest.raises(UndecidableError):
        expression.value(call())
    assert time.perf_counter() - start < 0.1


REFUSED = [
    "a.__class__",
    "a.shape.__class__",
    "a.shape.count",
    "().__class__.__bases__[0]",
    "(1).real",
    "'x'.format",
    "mode.upper",
    "mode.upper()",
    "__import__('os')",
    "__builtins__",
    "open('f')",
    "eval('1')",
    "print(1)",
    "len",
    "min",
    "min(key=len)",
    "max(*dims)",
    "max(**dims)",
    "sum([*dims])",
    "min(dims, default=0)",
    "lambda: 1",
    "(lambda: 1)()",
    "[n for n in dims]",
    "{n for n in dims}",
    "{1: n for n in dims}",
    "any(n for n in dims)",
    "(x := 3)",
    "f'{n}'",
    "f'{a.__class__}'",
    "{1}",
    "{1: 2}",
    "b'x'",
    "1j",
    "...",
    "n @ n",
    "n << 2",
    "n >> 2",
    "n & 1",
    "n | 1",
    "n ^ 1",
    "~n",
    "+n",
    "await n",
    "yield",
    "(yield n)",
    "dims[0:2:1]",
    "dims[::n]",
    "9223372036854775809",
    "1e300",
    "a.other",
    "n.rank",
    "nothing",
    "a[0]()",
    "abs(abs)",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_in_the_grammar_is_refused_with_what_is(text: str):
    with pytest.raises(ProfileError, match=r"^f:1:1: .* is not allowed in an expression, which |^f:1:1: not an expr"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 +",
        "1; 2",
        "x = 1",
        "import os",
        "def f(): pass",
        "1\n2",
        "\0",
        "1" * 599,
        "(" * 300,
        "-" * 500 + "1",
        "not " * 140 + "1",
        "[" * 150 + "]" * 150,
        "1" + "+1" * 250,
        "1" + " + 1" * 200,
        "n" * (MAX_TEXT + 1),
        "'" + "x" * MAX_TEXT + "'",
        "a" + ".shape" * 90,
        "\ud800",
    ],
)
def test_what_is_long_or_deep_or_no_expression_is_refused_at_once(text: str):
    start = time.perf_counter()
    with pytest.raises(ProfileError, match=r"^f:1:1: "):
        read(text)
    assert time.perf_counter() - start < 0.5


def test_nothing_is_executed():
    ran: list[str] = []

    class Trap(tuple[int, ...]):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            if not name.startswith("__"):
                ran.append(name)
            return super().__getattribute__(name)

    assert read("dims[0] == 1 and len(dims) == 2").value(call(dims=Trap((1, 2)))) is True
    assert ran == []


@pytest.mark.parametrize(
    ("text", "ports", "attributes"),
    [
        ("a.rank == n", {"a"}, {"n"}),
        ("b is None or mode == 'a'", {"b"}, {"mode"}),
        ("1 == 1", set(), set()),
        ("min(a.rank, len(dims))", {"a"}, {"dims"}),
    ],
)
def test_an_expression_knows_the_names_that_it_uses(text: str, ports: set[str], attributes: set[str]):
    found = read(text)
    assert (found.ports, found.attributes) == (ports, attributes)


def test_two_expressions_of_one_text_are_equal():
    assert read("a.rank == 1") == read("a.rank == 1")
    assert hash(read("a.rank == 1")) == hash(read("a.rank == 1"))
    assert read("a.rank == 1") != read("a.rank == 2")
    assert read("a.rank == 1") != "a.rank == 1"


def test_an_expression_knows_the_constants_that_it_mentions():
    found = read("n in [1, 2] or dims == (1, 3) or mode in ('x', 'y') or a.rank == 1 or n == 1.5")
    assert found.numbers == (1, 2, 3)
    assert set(found.tuples) == {(1, 2), (1, 3)}
    assert found.words == ("x", "y")


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_a_profile_error(text: str):
    _try(text)


PIECES = [
    *("a", "b", "n", "dims", "mode", ".shape", ".rank", ".value", "[0]", "[-1]", "(", ")", ",", "[", "]", "None"),
    *("1", "2", "64", "9223372036854775807", "1.5", "'x'", " + ", " - ", " * ", " / ", " // ", " % ", " ** ", " < "),
    *(" == ", " in ", " is ", " and ", " or ", " not ", " if ", " else ", "min", "max", "len", "prod", "sum", "abs"),
    *("__class__", ".", ":", "lambda", "*", "=", ":=", "for", "round_up", "ceil_div", "{", "}", "f'{n}'", "\n", "#"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_pieces_of_the_grammar_mean_something_or_are_refused(text: str):
    _try(text)


@st.composite
def expressions(draw: Any, depth: int = 3) -> str:
    """The text of an expression that the grammar allows."""
    if depth == 0:
        return str(draw(st.sampled_from([text for text, _ in MEANINGS if " " not in text])))
    inner = expressions(depth - 1)
    return str(
        draw(
            st.one_of(
                st.tuples(
                    inner,
                    st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "<", "<=", "in", "is", "and", "or"]),
                    inner,
                ).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
                st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
                st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
                st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner).map(lambda p: f"{p[0]}({p[1]})"),
                st.tuples(inner, inner).map(lambda p: f"({p[0]}, {p[1]})[{p[0]}]"),
                inner.map(lambda text: f"(not {text})"),
                inner.map(lambda text: f"(-{text})"),
            )
        )
    )


@given(expressions())
def test_whatever_the_grammar_allows_has_a_small_value_or_none(text: str):
    _try(text)


def _try(text: str) -> None:
    """Read a text and evaluate it: nothing but the two errors may come of it, and no value is large."""
    try:
        value = read(text).value(call())
    except (ProfileError, UndecidableError):
        return
    assert len(repr(value)) < 2000
    assert not isinstance(value, int | float) or abs(value) <= 2**63
