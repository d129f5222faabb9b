"""The vocabulary: what issue 2 asks for is there, names are unambiguous, and an operator is one row."""

import re

import numpy as np
import pytest

from npusim.call import Operand, TensorType
from npusim.dtypes import DTYPES
from npusim.operators import ALIASES, OPERATORS, REQUIRED, Operator, bind, infer
from npusim.operators import inference as rules
from npusim.operators.binding import ATTRIBUTE_TYPES
from npusim.operators.model import Attribute, Port, operator

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


@pytest.mark.parametrize("row", OPERATORS.values(), ids=lambda row: row.name)
def test_a_row_is_well_formed(row: Operator):
    ports = [port.name for port in row.ports]
    assert len(ports) == len(set(ports))
    assert not set(ports) & {attribute.name for attribute in row.attributes}
    assert row.inputs
    assert row.outputs
    assert all(attribute.type in ATTRIBUTE_TYPES for attribute in row.attributes)
    first_optional = next((i for i, port in enumerate(row.inputs) if port.optional), len(row.inputs))
    assert all(port.optional for port in row.inputs[first_optional:])
    assert not any(port.variadic for port in row.inputs) or len(row.inputs) == 1


@pytest.mark.parametrize("row", OPERATORS.values(), ids=lambda row: row.name)
def test_the_signature_reads_back_as_the_same_operator(row: Operator):
    assert operator(row.signature, row.infer, row.reference, *row.aliases) == row


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
