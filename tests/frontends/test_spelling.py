"""Tensor types as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.call import Operand, Quantisation, TensorType
from npusim.dtypes import DTYPES
from npusim.errors import CallError, UnknownDtypeError, UsageError
from npusim.frontends.numpy.spelling import parse_operand, parse_tensor_type, spell_operand


@pytest.mark.parametrize(
    ("text", "name", "shape"),
    [
        ("float32[16,1280]", "float32", (16, 1280)),
        ("bf16[1]", "bfloat16", (1,)),
        ("DT_FLOAT[2,3]", "float32", (2, 3)),
        ("int8", "int8", ()),
        ("int8[]", "int8", ()),
        ("int8[0]", "int8", (0,)),
        (" float16[ 2 , 3 ] ", "float16", (2, 3)),
        ("float16[2,]", "float16", (2,)),
    ],
)
def test_a_type_is_a_dtype_and_a_shape(text: str, name: str, shape: tuple[int, ...]):
    assert parse_tensor_type(text) == TensorType(DTYPES[name], shape)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[2]",
        "float32[",
        "float32]",
        "float32[2",
        "float32[2]]",
        "float32[-1]",
        "float32[a]",
        "float32[2.0]",
        "float32 [2]",
        "float32[2,,3]",
        "float32[,]",
        "float32[2 3]",
        "float32[1 6]",
        "float32(2)",
        "float32[2]x",
        f"float32[{'9' * 5000}]",
        "float32[\uff12]",
    ],
)
def test_other_text_is_refused_with_an_example(text: str):
    with pytest.raises(CallError) as caught:
        parse_tensor_type(text)
    assert str(caught.value) == f"expected a dtype and a shape such as float32[16,1280], found {text!r}"


def test_a_dtype_that_nobody_has_names_the_nearest():
    with pytest.raises(UnknownDtypeError, match="unknown dtype 'flot32'; did you mean float32"):
        parse_tensor_type("flot32[2]")


@given(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 10**18 - 1), max_size=5))
def test_what_is_shown_reads_back(name: str, shape: list[int]):
    found = TensorType(DTYPES[name], tuple(shape))
    assert parse_tensor_type(str(found)) == found


@given(st.text(max_size=12))
def test_any_text_is_a_type_or_a_usage_error(text: str):
    try:
        parse_tensor_type(text)
    except UsageError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("int8[2]", Operand(TensorType(DTYPES["int8"], (2,)))),
        ("const:int8", Operand(TensorType(DTYPES["int8"], ()), constant=True)),
        ("int8[2]{}", Operand(TensorType(DTYPES["int8"], (2,)))),
        (
            "int8[3,3]{scale=0.1;0.2;0.1,axis=0}",
            Operand(TensorType(DTYPES["int8"], (3, 3)), quant=Quantisation((0.1, 0.2, 0.1), axis=0)),
        ),
        (
            "uint8[4]{scale=0.5, zero=128, group=32, scheme=asym}",
            Operand(TensorType(DTYPES["uint8"], (4,)), quant=Quantisation((0.5,), (128,), None, 32, "asym")),
        ),
        (
            "const:int8[2]{layout=TILE,memory=L1,value=1;-2.5,dynamic=0;1}",
            Operand(
                TensorType(DTYPES["int8"], (2,)),
                constant=True,
                layout="TILE",
                memory="L1",
                value=(1, -2.5),
                dynamic=frozenset({0, 1}),
            ),
        ),
    ],
)
def test_an_operand_is_a_type_with_details(text: str, operand: Operand):
    assert parse_operand(text) == operand


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int8[2]{", "expected an operand such as const:int8[3,3]{scale=0.1}, found 'int8[2]{'"),
        ("int8[2]{a{b}}", "expected an operand such as"),
        ("int8[2]{scael=1}", "unknown detail 'scael' of an operand in 'int8[2]{scael=1}'; it may have scale, zero,"),
        ("int8[2]{scale}", "scale='' of an operand is not what a scale looks like, in 'int8[2]{scale}'"),
        ("int8[2]{zero=1.5}", "zero='1.5' of an operand is not what a zero looks like, in 'int8[2]{zero=1.5}'"),
        ("int8[2]{dynamic=a}", "dynamic='a' of an operand is not what a dynamic looks like"),
        ("cnst:int8[2]", "expected a dtype and a shape such as float32[16,1280], found 'cnst:int8[2]'"),
    ],
)
def test_an_operand_that_cannot_be_read_says_why(text: str, message: str):
    with pytest.raises(CallError) as caught:
        parse_operand(text)
    assert str(caught.value).startswith(message)


_NAMES = st.text("ABCabc_019", max_size=5)
_NUMBERS = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False)
_QUANTS = st.builds(
    Quantisation,
    scales=st.lists(st.floats(allow_nan=False), max_size=3).map(tuple),
    zero_points=st.lists(st.integers(), max_size=3).map(tuple),
    axis=st.none() | st.integers(-4, 4),
    group_size=st.none() | st.integers(1, 256),
    scheme=_NAMES,
).filter(lambda quant: quant != Quantisation())
_OPERANDS = st.builds(
    Operand,
    type=st.builds(TensorType, st.sampled_from(list(DTYPES.values())), st.lists(st.integers(0, 99)).map(tuple)),
    constant=st.booleans(),
    layout=_NAMES,
    quant=st.none() | _QUANTS,
    memory=_NAMES,
    value=st.none() | st.lists(_NUMBERS, min_size=1, max_size=4).map(tuple),
    dynamic=st.frozensets(st.integers(0, 8), max_size=3),
)


@given(_OPERANDS)
def test_an_operand_that_is_spelled_reads_back(operand: Operand):
    assert parse_operand(spell_operand(operand)) == operand


@given(st.text(max_size=20))
def test_any_text_is_an_operand_or_a_usage_error(text: str):
    for spelled in (text, f"int8[2]{{{text}}}", f"int8[2]{{scale={text}}}", f"int8{{dynamic={text}}}"):
        try:
            parse_operand(spelled)
        except UsageError as error:
            assert str(error)  # noqa: PT017 - either outcome is right
