"""Binding: what fits lands on its port or attribute, what does not is named."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.call import Operand, TensorType
from npusim.dtypes import DTYPES
from npusim.errors import CallError, UnknownDtypeError, UsageError
from npusim.operators import OPERATORS, REQUIRED, bind
from npusim.operators.binding import ATTRIBUTE_TYPES

X = Operand(TensorType(DTYPES["float32"], (2, 3)))
Y = Operand(TensorType(DTYPES["float16"], (3,)))


def test_positional_and_named_operands_land_on_their_ports():
    call = bind(OPERATORS["linear"], [X], {"bias": Y, "weight": X})
    assert dict(call.operands) == {"input": (X,), "weight": (X,), "bias": (Y,)}
    assert list(call.operands) == ["input", "weight", "bias"]


def test_every_attribute_is_filled_in():
    call = bind(OPERATORS["layer_norm"], [X], {"normalized_shape": 3})
    assert dict(call.attributes) == {"normalized_shape": (3,), "eps": 1e-05}


def test_none_leaves_an_optional_port_absent():
    assert bind(OPERATORS["linear"], [X, X, None], {}) == bind(OPERATORS["linear"], [X, X], {"bias": None})
    assert bind(OPERATORS["linear"], [X, X], {}).operands["bias"] == ()


@pytest.mark.parametrize(
    ("positional", "named"),
    [([X, Y], {}), ([[X, Y]], {}), ([(X, Y)], {}), ([], {"tensors": [X, Y]})],
    ids=["spread", "list", "tuple", "named"],
)
def test_a_variadic_port_takes_operands_spread_or_together(positional: list[Any], named: dict[str, Any]):
    assert bind(OPERATORS["cat"], positional, named).operands["tensors"] == (X, Y)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_call_without_anything_names_everything_that_is_missing(name: str):
    row = OPERATORS[name]
    wanted = [port.name for port in row.inputs if not port.optional]
    wanted += [attribute.name for attribute in row.attributes if attribute.default is REQUIRED]
    if not wanted:
        assert bind(row, [], {}).operator == name
        return
    with pytest.raises(CallError) as caught:
        bind(row, [], {})
    message = str(caught.value)
    assert message.startswith(f"{name} lacks {', '.join(wanted)};")
    assert message.endswith(f"it is {row.signature}")


@pytest.mark.parametrize(
    "name", [n for n, row in OPERATORS.items() if not any(port.variadic for port in row.inputs[:1])]
)
def test_too_many_operands_are_counted(name: str):
    row = OPERATORS[name]
    count = len(row.inputs) + 1
    with pytest.raises(CallError, match=rf"takes {count - 1} operands, not {count}"):
        bind(row, [X] * count, {})


@pytest.mark.parametrize(
    ("name", "positional", "named", "message"),
    [
        ("add", [X, Y], {"other": X}, "add got two operands for port 'other'"),
        (
            "add",
            [X],
            {"othr": X},
            "add has no port or attribute 'othr'; did you mean other? (it has self, other, alpha)",
        ),
        ("sum", [X], {"keepdims": True}, "sum has no port or attribute 'keepdims'; did you mean keepdim?"),
        ("exp", [X], {"q": 1}, "exp has no port or attribute 'q' (it has self)"),
        ("add", [X], {}, "add lacks other; it is add(self, other; alpha: number = 1) -> out"),
        ("add", [X, None], {}, "add lacks other"),
        ("cast", [X], {}, "cast lacks dtype"),
        ("cat", [], {"dim": 0}, "cat lacks tensors"),
        ("cat", [[]], {}, "cat lacks tensors"),
        ("add", [X, 3], {}, "add: port 'other' takes a tensor, not 3"),
        ("add", [X, [X, Y]], {}, "add: port 'other' takes a tensor, not"),
        ("cat", [[X, 3]], {}, "cat: port 'tensors' takes a tensor, not"),
        ("softmax", [X], {"dim": "1"}, "softmax: attribute 'dim' is of type int, not '1'"),
        ("cast", [X], {"dtype": None}, "unknown dtype 'None'"),
    ],
)
def test_what_does_not_fit_is_named(name: str, positional: list[Any], named: dict[str, Any], message: str):
    with pytest.raises(UsageError) as caught:
        bind(OPERATORS[name], positional, named)
    assert str(caught.value).startswith(message)


def test_a_wrong_dtype_attribute_names_the_nearest():
    with pytest.raises(UnknownDtypeError, match="'bfloat61'; did you mean bfloat16"):
        bind(OPERATORS["cast"], [X], {"dtype": "bfloat61"})


# type -> (values it takes and what becomes of them, values it refuses)
ATTRIBUTES: dict[str, tuple[list[tuple[Any, Any]], list[Any]]] = {
    "bool": ([(True, True), (False, False)], [0, 1, "true", None, np.array([True])]),
    "int": ([(3, 3), (np.int64(-1), -1), (np.array(2), 2)], [1.0, True, "1", None, np.array(1.5), np.array([1, 2])]),
    "float": ([(1, 1.0), (0.5, 0.5), (np.float32(0.25), 0.25), (math.inf, math.inf)], [True, "x", None, [1.0]]),
    "number": ([(1, 1), (1.5, 1.5), (np.int8(3), 3)], [True, None, 1j, [1]]),
    "str": ([("sum", "sum"), ("", "")], [1, None, b"sum"]),
    "ints": ([(1, (1,)), ([0, -1], (0, -1)), ((), ()), (np.array([1, 2]), (1, 2))], [1.5, "12", [1.5], [True], None]),
    "sizes": ([(2, 2), ([1, 2], (1, 2))], [1.5, "12", True, None]),
    "floats": ([([1, 0.5], (1.0, 0.5)), ((), ()), (np.array([2.0]), (2.0,))], ["x", [True], None, 1.5, [None]]),
    "dtype": ([("bf16", "bfloat16"), (np.float16, "float16"), (DTYPES["int4"], "int4")], ["", None, 3, object()]),
}


def test_the_table_covers_every_type_of_attribute():
    assert ATTRIBUTES.keys() == ATTRIBUTE_TYPES.keys()


@pytest.mark.parametrize(
    ("kind", "given_value", "found"), [(k, a, b) for k, (ok, _) in ATTRIBUTES.items() for a, b in ok]
)
def test_an_attribute_takes(kind: str, given_value: Any, found: Any):
    converted = ATTRIBUTE_TYPES[kind](given_value)
    assert converted == found
    assert type(converted) is type(found)


@pytest.mark.parametrize(("kind", "wrong"), [(k, a) for k, (_, refused) in ATTRIBUTES.items() for a in refused])
def test_an_attribute_refuses(kind: str, wrong: Any):
    with pytest.raises((TypeError, ValueError)):
        ATTRIBUTE_TYPES[kind](wrong)


_JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
)


@given(st.sampled_from(sorted(OPERATORS)), st.lists(st.just(X) | _JUNK, max_size=4), st.data())
def test_nothing_but_a_usage_error_comes_of_junk(name: str, positional: list[Any], data: st.DataObject):
    row = OPERATORS[name]
    names = [p.name for p in row.inputs] + [a.name for a in row.attributes] + ["nonsense"]
    named = data.draw(st.dictionaries(st.sampled_from(names), st.just(X) | _JUNK, max_size=3))
    try:
        call = bind(row, positional, named)
    except UsageError:
        return
    assert set(call.operands) == {port.name for port in row.inputs}
    assert set(call.attributes) == {attribute.name for attribute in row.attributes}
