"""Tensor types as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.call import TensorType
from npusim.dtypes import DTYPES
from npusim.errors import CallError, UnknownDtypeError, UsageError
from npusim.frontends.numpy.spelling import parse_tensor_type


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
