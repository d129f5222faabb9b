"""The vocabulary: what it must have is there, names are unambiguous, and an operator is one row."""

import re

import numpy as np
import pytest

from npusim.call import Operand, TensorType
from npusim.dtypes import DTYPES
from npusim.operators import ALIASES, OPERATORS, REQUIRED, bind, infer
from npusim.operators import inference as rules
from npusim.operators.binding import ATTRIBUTE_TYPES
from npusim.operators.model import Attribute, Port, operator
from npusim.operators.vocabulary import COMPUTED, TOPICS

ASKED_FOR = (
    "add", "sub", "mul", "div", "neg", "abs", "maximum", "minimum", "pow", "exp", "log", "sqrt", "rsqrt",
    "reciprocal", "sin", "cos", "tanh", "sigmoid", "silu", "gelu", "relu", "where", "cast", "eq", "ne", "lt", "le",
    "gt", "ge", "sum", "mean", "max", "softmax", "layer_norm", "rms_norm", "matmul", "linear", "matmul_all_reduce",
    "rotary_position_embedding", "scaled_dot_product_attention", "concat", "split", "reshape", "transpose", "slice",
    "gather", "embedding",
)  # fmt: skip


@pytest.mark.parametrize("name", ASKED_FOR)
def test_every_operator_asked_for_is_there(name: str):
    assert ALIASES.get(name, name) in OPERATORS


def test_no_name_means_two_operators():
    assert not set(ALIASES) & set(OPERATORS)
    aliases = [alias for row in OPERATORS.values() for alias in row.aliases]
    assert len(aliases) == len(set(aliases)) == len(ALIASES)


def test_no_operator_is_in_two_topics():
    names = [row.name for topic in TOPICS for row in topic.ROWS]
    assert len(names) == len(set(names)) == len(OPERATORS)


def test_a_row_is_well_formed():
    for row in OPERATORS.values():
        ports = [port.name for port in row.ports]
        assert len(ports) == len(set(ports)), row.name
        assert not set(ports) & {attribute.name for attribute in row.attributes}, row.name
        assert row.outputs, row.name
        assert all(attribute.type in ATTRIBUTE_TYPES for attribute in row.attributes), row.name


def test_an_operator_is_computed_if_and_only_if_it_has_a_meaning():
    for row in OPERATORS.values():
        assert (row.reference is not None) is (row.name in COMPUTED), row.name
        assert row.reference is None or row.infer is not None, row.name


def test_the_signature_reads_back_as_the_same_operator():
    for row in OPERATORS.values():
        assert operator(row.signature, row.infer, row.reference, *row.aliases) == row


def test_a_default_may_be_a_tuple_and_inputs_may_be_none():
    row = operator("full(; size: ints = (1, 2), fill_value: number) -> out")
    assert row.inputs == ()
    assert row.attributes == (Attribute("size", "ints", (1, 2)), Attribute("fill_value", "number", REQUIRED))
    assert row.infer is row.reference is None


def test_a_signature_names_ports_attributes_and_defaults():
    row = operator("f(a, b?, c*; n: int, eps: float = 1e-05, s: str = 'x, y') -> out, rest*", rules.same, abs)
    assert row.inputs == (Port("a"), Port("b", optional=True), Port("c", variadic=True))
    assert row.attributes[:2] == (Attribute("n", "int", REQUIRED), Attribute("eps", "float", 1e-05))
    assert row.outputs == (Port("out"), Port("rest", variadic=True))


@pytest.mark.parametrize("wrong", ["", "f", "f(a)", "f(a) ->", "(a) -> b"])
def test_a_line_that_is_no_signature_is_refused(wrong: str):
    with pytest.raises(ValueError, match=re.escape(f"not an operator signature: {wrong!r}")):
        operator(wrong, rules.same, abs)


def test_adding_an_operator_is_one_row():
    softplus = operator("softplus(self; beta: float = 1.0) -> out", rules.floating, lambda self, beta: np.log1p(
        np.exp(beta * self)) / beta, "soft_plus")  # fmt: skip
    call = bind(softplus, [Operand(TensorType(DTYPES["int8"], (2, 3)))], {"beta": 2})
    assert infer(softplus, call) == (TensorType(DTYPES["float32"], (2, 3)),)
    np.testing.assert_allclose(softplus.reference(np.zeros(2), **call.attributes), np.log(2) / 2)
