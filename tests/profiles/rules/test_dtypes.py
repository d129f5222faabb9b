"""Kinds of rule on dtypes: what they accept and refuse, what they say, and the changes they propose."""

import pytest

from npusim.call import Operand, TensorType
from npusim.dtypes import DTYPES
from npusim.errors import ProfileError
from npusim.profiles.document import parse
from npusim.profiles.rules import KINDS
from npusim.profiles.rules.dtypes import CLASSES, LIKELY
from npusim.profiles.subject import Subject
from tests.profiles.rules.calls import (
    Case,
    KindTests,
    read,
)

TYPE_VARIABLE = "type_variable: {ports: [a, b, out], dtypes: [float16, int8]}"
MIXED = "mixed_dtypes: {ports: [a, b, c], groups: [[bfloat16, bfloat8_b, float32], [float32, float16]]}"
COUPLED = "coupled_dtypes: {ports: [a, b], dtypes: [float32, tfloat32]}"
FORBID_MIX = "forbid_mix: {ports: [a, b], groups: [[float8_e4m3], [float8_e4m3fn, float8_e5m2]]}"
CLASS = "dtype_class: {a: [integer, bool], c: floating}"
DERIVED = "derived_dtype: {out: {from: a, to: {int8: int32, float16: [float16, float32]}}}"
OUTPUT_ONLY = "output_only: [float8_e4m3]"
CASES = [
    Case(
        "dtype: {a: [float16, bfloat16], out: float32}",
        {"a": "float16[2]"},
        {"a": "float32[2]", "b": "bfloat16[2]"},
        "a",
        "a does not take float32; it takes float16, bfloat16",
        "cast a to bfloat16",
    ),
    Case(
        "dtype: {inputs: int8}",
        {"a": "int8[2]", "c": "int8[2] int8[2]"},
        {"a": "int8[2]", "c": "int8[2] int4[2]"},
        "c",
        "c does not take int4; it takes int8",
        "cast c to int8",
        index=1,
    ),
    Case(
        "same_dtype: [a, b, out]",
        {"a": "int8[2]", "b": "int8[2]"},
        {"a": "int8[2]", "b": "int8[2]", "out": "int32[2]"},
        "out",
        "a has dtype int8 and out has int32; they must be the same",
        "cast out or a so that they agree",
    ),
    Case(
        "same_dtype: [c]",
        {"a": "int8[2]", "c": "int8[2] int8[2]"},
        {"a": "int8[2]", "c": "int8[2] int8[2] float16[2]"},
        "c",
        "c has dtype int8 and c has float16; they must be the same",
        "cast c or c so that they agree",
        index=2,
    ),
    Case(
        "forbid_dtype: {a: [bfloat16, float64]}",
        {"a": "int8[2]"},
        {"a": "bfloat16[2]"},
        "a",
        "a does not take bfloat16 on this chip",
        "cast a to float16 or float32",
    ),
    Case(
        "promoted: {ports: [a, b], to: [float32, float16]}",
        {"a": "float16[2]", "b": "int8[2]"},
        {"a": "float16[2]", "b": "float64[2]"},
        "a",
        "a and b promote to float64, which is not one of float32, float16",
        "cast a and b to one of the allowed dtypes first",
    ),
    Case(
        "promoted: {ports: [a, b], to: float32}",
        {"a": "float32[2]"},
        {"a": "float8_e4m3fn[2]", "b": "float8_e5m2[2]"},
        "a",
        "a and b promote to nothing, which is not one of float32",
        "cast a and b to one of the allowed dtypes first",
    ),
    Case(
        "dtype_bits: {a: [8, 32..]}",
        {"a": "bool[2]"},
        {"a": "float16[2]"},
        "a",
        "a is 16 bits wide; allowed: 8, 32..",
        "cast a to a dtype of such a width",
    ),
    Case(
        TYPE_VARIABLE,
        {"a": "int8[2]", "b": "int8[2]", "out": "int8[2]"},
        {"a": "int8[2]", "b": "float16[2]"},
        "b",
        "b has float16; a, b, out have one and the same dtype of float16, int8",
        "cast b to int8",
    ),
    Case(
        TYPE_VARIABLE,
        {"a": "float16[2]"},
        {"a": "bfloat16[2]", "b": "float16[2]"},
        "a",
        "a has bfloat16; a, b, out have one and the same dtype of float16, int8",
        "cast a to float16",
    ),
    Case(
        TYPE_VARIABLE,
        {"a": "float16[2]"},
        {"a": "int32[2]", "out": "int32[2]"},
        "a",
        "a has int32; a, b, out have one and the same dtype of float16, int8",
        "cast a to int8",
    ),
    Case(
        MIXED,
        {"a": "bfloat16[2]", "b": "bfloat8_b[2]", "c": "bfloat16[2] float32[2]"},
        {"a": "bfloat16[2]", "b": "int32[2]"},
        "b",
        "a has bfloat16 and b has int32; with bfloat16 goes bfloat16, bfloat8_b, float32",
        "cast b to float32",
    ),
    Case(
        MIXED,
        {"a": "int32[2]", "b": "int32[2]"},
        {"a": "int32[2]", "b": "bfloat16[2]"},
        "b",
        "a has int32 and b has bfloat16; with int32 goes int32",
        "cast b to int32",
    ),
    Case(
        MIXED,
        {"a": "float32[2]", "b": "float16[2]"},
        {"a": "float32[2]", "b": "float16[2]", "c": "float16[2] bfloat16[2]"},
        "c",
        "a has float32 and c has bfloat16; with float32 goes float32, float16",
        "cast c to float16",
        index=1,
    ),
    Case(
        COUPLED,
        {"a": "float32[2]", "b": "tfloat32[2]"},
        {"a": "bfloat16[2]", "b": "tfloat32[2]"},
        "a",
        "b has tfloat32 and a has bfloat16; beside tfloat32 goes only float32, tfloat32",
        "cast a to tfloat32, or b to bfloat16",
    ),
    Case(
        COUPLED,
        {"a": "float16[2]", "b": "bfloat16[2]"},
        {"a": "float32[2]", "b": "bfloat16[2]"},
        "b",
        "a has float32 and b has bfloat16; beside float32 goes only float32, tfloat32",
        "cast b to float32, or a to bfloat16",
    ),
    Case(
        FORBID_MIX,
        {"a": "float8_e4m3fn[2]", "b": "float8_e5m2[2]"},
        {"a": "float8_e4m3fn[2]", "b": "float8_e4m3[2]"},
        "b",
        "a has float8_e4m3fn and b has float8_e4m3, which may not meet",
        "cast b to float8_e4m3fn, or a to float8_e4m3",
    ),
    Case(
        FORBID_MIX,
        {"a": "float32[2]", "b": "float8_e4m3[2]"},
        {"a": "float8_e4m3[2]", "b": "float8_e5m2[2]"},
        "b",
        "a has float8_e4m3 and b has float8_e5m2, which may not meet",
        "cast b to float8_e4m3, or a to float8_e5m2",
    ),
    Case(
        CLASS,
        {"a": "bool[2]", "c": "float16[2] bfloat8_b[2]"},
        {"a": "float16[2]"},
        "a",
        "a does not take float16; it takes dtypes that are integer, bool",
        "cast a to int16",
    ),
    Case(
        CLASS,
        {"a": "uint8[2]"},
        {"a": "int48[2]", "c": "float16[2] complex64[2]"},
        "c",
        "c does not take complex64; it takes dtypes that are floating",
        "cast c to float64",
        index=1,
    ),
    Case(
        DERIVED,
        {"a": "int8[2]", "out": "int32[2]"},
        {"a": "int8[2]", "out": "int8[2]"},
        "out",
        "out has int8; with int8 on a it has int32",
        "ask for int32 on out",
    ),
    Case(
        DERIVED,
        {"a": "int16[2]", "out": "bool[2]"},
        {"a": "float16[2]", "out": "bool[2]"},
        "out",
        "out has bool; with float16 on a it has float16, float32",
        "ask for float16 or float32 on out",
    ),
    Case(
        OUTPUT_ONLY,
        {"a": "float8_e4m3[2]", "b": "const:float16[2]"},
        {"a": "float16[2]", "c": "float8_e4m3[2] const:float8_e4m3[2]"},
        "c",
        "c is a constant of float8_e4m3, which only an operator can produce",
        "give c as float16 and let the device cast it",
        index=1,
    ),
]
IDS = [f"{case.kind}-{index}" for index, case in enumerate(CASES)]
DTYPE_KINDS = {key for key, kind in KINDS.items() if kind.code.startswith("NPU1")} - {"rows", "block_scaled"}


def test_every_kind_has_cases():
    assert {case.kind for case in CASES} == DTYPE_KINDS


class TestDtypes(KindTests):
    cases = CASES


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_ports_that_are_absent_break_nothing(case: Case):
    assert list(read(case.rule).findings(Subject({}, {}, frozenset(), {}))) == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("dtype: {d: int8}", "f:1:9: op has no port 'd'; allowed: a, all, b, c, inputs, out, out2, outputs"),
        ("type_variable: {ports: [a], dtypes: []}", "f:1:37: expected at least one item, found an empty list"),
        ("type_variable: {ports: [a]}", "f:1:16: expected the keys ports, dtypes, found ports"),
        ("type_variable: [a]", "f:1:16: expected a mapping with ports and dtypes, found a list"),
        ("type_variable: {ports: [a, oout], dtypes: int8}", "f:1:28: op has no port 'oout'; did you mean out"),
        ("mixed_dtypes: {ports: [a, b], groups: []}", "f:1:39: expected at least one group of dtypes, found an empty"),
        ("mixed_dtypes: {ports: [a, b], groups: int8}", "f:1:39: expected a list of groups of dtypes, found 'int8'"),
        ("mixed_dtypes: {ports: a, groups: [[int8, int9]]}", "f:1:42: unknown dtype 'int9'; did you mean int"),
        ("coupled_dtypes: {ports: [a, b], dtype: int8}", "f:1:17: expected the keys ports, dtypes, found ports, dtype"),
        ("forbid_mix: {ports: [a], groups: [[int8], [int4, int8]]}", "f:1:34: int8 stands in two groups"),
        ("dtype_class: {a: [integer, real]}", "f:1:28: unknown class of dtypes 'real'; allowed: bool, complex"),
        ("dtype_class: {a: foating}", "f:1:18: unknown class of dtypes 'foating'; did you mean floating?"),
        ("derived_dtype: {out: {from: a}}", "f:1:22: expected the keys from, to, found from"),
        ("derived_dtype: {out: {from: d, to: {int8: int8}}}", "f:1:29: op has no port 'd'"),
        ("derived_dtype: {out: {from: inputs, to: {int8: int8}}}", "f:1:29: expected one port, found a, b, c"),
        ("derived_dtype: {out: {from: a, to: {}}}", "f:1:36: expected at least one dtype, found an empty mapping"),
        ("derived_dtype: {out: {from: a, to: {itn8: int8}}}", "f:1:37: unknown dtype 'itn8'; did you mean int8"),
        ("derived_dtype: {out: {from: a, to: {int8: [int8, int8]}}}", "f:1:50: int8 is listed twice"),
        ("output_only: 3", "f:1:14: expected a dtype, found 3"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("kind", [KINDS[key] for key in sorted(DTYPE_KINDS | {"block_scaled"})])
def test_the_example_can_be_read(kind: type):
    from npusim.operators import OPERATORS

    node = parse(kind.example, "f").mapping()[kind.key]
    readable = 0
    for operator in OPERATORS.values():
        try:
            kind.read(node, operator)
        except ProfileError:
            continue
        readable += 1
    assert readable


def test_every_dtype_is_of_exactly_one_class_but_integers_of_two():
    for row in DTYPES.values():
        classes = {name for name, holds in CLASSES.items() if holds(row)}
        assert classes in ({"bool"}, {"integer", "signed"}, {"integer", "unsigned"}, {"floating"}, {"complex"})


def test_every_dtype_is_tried():
    assert sorted(map(str, LIKELY)) == sorted(DTYPES)


def test_an_output_is_no_constant_that_the_host_makes():
    made = Operand(TensorType(DTYPES["float8_e4m3"], (2,)), constant=True)
    rule = read(OUTPUT_ONLY)
    subject = Subject({"out": (made.type,)}, {}, frozenset(), {"out": (made,)})
    assert list(rule.findings(subject)) == []
