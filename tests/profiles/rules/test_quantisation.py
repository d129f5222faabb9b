"""Kinds of rule on quantisation and on blocks: what they accept and refuse, say and propose."""

import pytest

from npusim.call import Quantisation
from npusim.errors import ProfileError
from npusim.profiles.ranges import Range
from npusim.profiles.rules import KINDS
from npusim.profiles.rules.blocks import GroupSizes
from npusim.profiles.rules.quantisation import quantised_as
from npusim.profiles.subject import Subject
from tests.profiles.rules.calls import (
    Case,
    KindTests,
    draft,
    findings,
    read,
    seen,
)

GRANULARITY = "granularity: {a: per_tensor, b: [per_channel, per_group]}"
ZERO_POINT = "zero_point: {a: {uint8: 0..255, uint16: [0, 32768], default: 0}}"
QUANTISED = "quantised: [inputs, outputs]"
GROUPS = "group_size: {a: {range: 16.., power_of_two: true}}"
BLOCKS = "block_scaled: {a: {block: 32, scale: b, axis: -1}}"
CASES = [
    Case(
        GRANULARITY,
        {"a": "int8[2,4]{scale=0.5}", "b": "int8[2,4]{scale=1;2,axis=0}"},
        {"a": "int8[2,4]{scale=0.5;1,axis=0}"},
        "a",
        "a is quantised per_channel; allowed: per_tensor",
        "quantise a per_tensor",
    ),
    Case(
        GRANULARITY,
        {"a": "int8[2,64]", "b": "int8[2,64]{scale=1,axis=1,group=32}"},
        {"a": "int8[2,64]", "b": "int8[2,64]{scale=1}"},
        "b",
        "b is quantised per_tensor; allowed: per_channel, per_group",
        "quantise b per_channel or per_group",
    ),
    Case(
        "channel_axis: {a: 0, c: [-1, 0]}",
        {"a": "int8[2,4]{scale=1;2,axis=-2}", "c": "int8[2,2,2]{scale=1;2,axis=2}"},
        {"a": "int8[2,4]{scale=1;2;3;4,axis=1}"},
        "a",
        "a is quantised along axis 1; allowed: 0",
        "quantise a along axis 0",
    ),
    Case(
        "channel_axis: {a: 0, c: [-1, 0]}",
        {"a": "int8[2,4]{scale=1}", "c": "int8[2,2,2]"},
        {"a": "int8[2,4]{scale=1}", "c": "int8[2]{scale=1;2,axis=0} int8[2,2,2]{scale=1;2,axis=1}"},
        "c",
        "c is quantised along axis 1; allowed: -1, 0",
        "quantise c along axis -1",
        index=1,
    ),
    Case(
        "same_quant: [a, b, out]",
        {"a": "int8[2]{scale=0.5,zero=3}", "b": "int8[2]", "out": "int8[2]{scale=0.5,zero=3}"},
        {"a": "int8[2]{scale=0.5,zero=3}", "out": "int8[2]{scale=0.25,zero=3}"},
        "out",
        "a has scale 0.5, zero point 3 and out has scale 0.25, zero point 3; they must be the same",
        "requantise out with scale 0.5, zero point 3",
    ),
    Case(
        "same_quant: [c]",
        {"a": "int8[2]", "c": "int8[2]{scale=0.5} int8[2]{scale=0.5,zero=1}"},
        {"a": "int8[2]", "c": "int8[4]{scale=1;2;3;4,axis=0} int8[4]{scale=1,axis=0,group=4}"},
        "c",
        "c has scales 1, 2, 3, ... (4), along axis 0 and c has scale 1, along axis 0, in groups of 4; "
        "they must be the same",
        "requantise c with scales 1, 2, 3, ... (4), along axis 0",
        index=1,
    ),
    Case(
        ZERO_POINT,
        {"a": "uint8[2]{scale=1;2,zero=0;255,axis=0}"},
        {"a": "uint16[2]{scale=1;2,zero=0;5,axis=0}"},
        "a",
        "a of uint16 has the zero point 5; allowed: 0, 32768",
        "quantise a with the zero point 0",
    ),
    Case(
        ZERO_POINT,
        {"a": "int8[2]{scale=1,zero=0}"},
        {"a": "int8[2]{scale=1,zero=-3}"},
        "a",
        "a of int8 has the zero point -3; allowed: 0",
        "quantise a with the zero point 0",
    ),
    Case(
        "zero_point: {b: -128..127}",
        {"a": "int8[2]", "b": "int8[2]{scale=1}"},
        {"a": "int8[2]", "b": "int8[2]{scale=1,zero=128}"},
        "b",
        "b of int8 has the zero point 128; allowed: -128..127",
        "quantise b with the zero point -128",
    ),
    Case(
        "zero_point: {a: {int8: -128..127}}",
        {"a": "uint8[2]{scale=1,zero=255}"},
        {"a": "int8[2]{scale=1,zero=255}"},
        "a",
        "a of int8 has the zero point 255; allowed: -128..127",
        "quantise a with the zero point -128",
    ),
    Case(
        QUANTISED,
        {"a": "int8[2]{scale=0.5}", "b": "float16[2]", "out": "bool[2]"},
        {"a": "int8[2]", "b": "float16[2]"},
        "a",
        "a of int8 has no scale",
        "give a a positive scale",
    ),
    Case(
        QUANTISED,
        {"a": "float32[2]", "c": "int16[2]{scale=1}"},
        {"a": "float32[2]", "c": "int16[2]{scale=1} int16[2]{scale=1;-0.5,axis=0}"},
        "c",
        "c of int16 has the scale -0.5; a scale is positive and finite",
        "give c a positive scale",
        index=1,
    ),
    Case(
        GROUPS,
        {"a": "int4[4,128]{scale=1,axis=1,group=64}"},
        {"a": "int4[4,128]{scale=1,axis=1,group=48}"},
        "a",
        "a is quantised in groups of 48; allowed: 16.., powers of two",
        "quantise a in groups of 32",
    ),
    Case(
        "group_size: {a: [32, 128]}",
        {"a": "int4[4,128]{scale=1}"},
        {"a": "int4[4,128]{scale=1,axis=1,group=64}"},
        "a",
        "a is quantised in groups of 64; allowed: 32, 128",
        "quantise a in groups of 32",
    ),
    Case(
        BLOCKS,
        {"a": "float8_e4m3fn[2,64]", "b": "float8_e8m0fnu[2,2]"},
        {"a": "float8_e4m3fn[2,70]", "b": "float8_e8m0fnu[2,2]"},
        "a",
        "size 70 of axis -1 of a is not a multiple of the block of 32",
        "pad axis -1 of a from 70 to 96",
    ),
    Case(
        BLOCKS,
        {"a": "float8_e4m3fn[2,64]"},
        {"a": "float8_e4m3fn[2,64]", "b": "float8_e8m0fnu[2]"},
        "b",
        "b has shape [2]; with one scale for 32 elements along axis -1 of a it has [2,2]",
        "give b the shape [2,2]",
    ),
    Case(
        "block_scaled: {out: {block: 4, axis: 1}}",
        {"a": "int8[2]", "out": "int8[3]"},
        {"a": "int8[2]", "out": "int8[3,2]"},
        "out",
        "size 2 of axis 1 of out is not a multiple of the block of 4",
        "pad axis 1 of out from 2 to 4",
    ),
]
IDS = [f"{case.kind}-{index}" for index, case in enumerate(CASES)]


def test_every_kind_has_cases():
    assert {case.kind for case in CASES} == {k for k, kind in KINDS.items() if kind.code[:4] == "NPU6"} | {
        "block_scaled"
    }


class TestQuantisation(KindTests):
    cases = CASES


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_ports_that_are_absent_and_quantisation_that_nobody_gave_break_nothing(case: Case):
    rule = read(case.rule)
    assert list(rule.findings(Subject({}, {}, frozenset(), {}))) == []
    given = {name: " ".join(one.partition("{")[0] for one in text.split()) for name, text in case.failing.items()}
    if case.kind not in {"quantised", "block_scaled"}:
        assert findings(rule, draft(given)) == []


@pytest.mark.parametrize("scale", ["0", "-1", "inf", "nan"])
def test_a_scale_is_positive_and_finite(scale: str):
    assert findings(read(QUANTISED), draft({"a": f"int8[2]{{scale={scale}}}"}))
    assert not findings(read(QUANTISED), draft({"a": f"float16[2]{{scale={scale}}}"}))


def test_an_inferred_result_needs_no_scale():
    assert not findings(read("quantised: [outputs]"), draft({"a": "int8[2]"}))


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        ("per_tensor", Quantisation((0.5,), (3,), scheme="asym")),
        ("per_channel", Quantisation((0.5,) * 64, (3,) * 64, axis=1, scheme="asym")),
        ("per_group", Quantisation((0.5,) * 2, (3,) * 2, axis=1, group_size=32, scheme="asym")),
    ],
)
def test_a_port_is_quantised_otherwise(granularity: str, expected: Quantisation):
    subject = seen(draft({"a": "int8[2,64]{scale=0.5,zero=3,scheme=asym}"}))
    assert quantised_as(subject, "a", granularity=granularity, axis=1) == expected


def test_group_sizes_near_one():
    assert GroupSizes((Range(16, 100),), power_of_two=True).near(48) == [32, 64, 16]
    assert 24 in GroupSizes((Range(16, None),))
    assert 24 not in GroupSizes((Range(16, None),), power_of_two=True)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("granularity: {a: per_chanel}", "f:1:18: unknown granularity 'per_chanel'; did you mean per_channel?"),
        ("granularity: {a: []}", "f:1:18: expected at least one item, found an empty list"),
        ("channel_axis: {a: x}", "f:1:19: expected an axis, found 'x'"),
        ("channel_axis: {d: 0}", "f:1:16: op has no port 'd'; allowed: a, all"),
        ("same_quant: {a: b}", "f:1:13: expected a port, found a mapping"),
        ("zero_point: {a: {uint: 0}}", "f:1:18: unknown dtype 'uint'; did you mean uint8"),
        ("zero_point: {a: {}}", "f:1:17: expected ranges for at least one dtype, found an empty mapping"),
        ("zero_point: {a: zero}", "f:1:17: expected a number or a range such as 2..3, 1.. or ..8, found 'zero'"),
        ("quantised: [inptus]", "f:1:13: op has no port 'inptus'; did you mean inputs?"),
        ("group_size: {a: {min: 16}}", "f:1:17: expected the keys range, power_of_two or both, found min"),
        ("group_size: {a: {}}", "f:1:17: expected the keys range, power_of_two or both, found none"),
        ("group_size: {a: {power_of_two: 2}}", "f:1:32: expected true or false, found 2"),
        ("block_scaled: {a: {axis: 1}}", "f:1:19: expected the key block, and perhaps axis and scale, found axis"),
        ("block_scaled: {a: 32}", "f:1:19: expected a mapping such as {block: 32, scale: x_scale, axis: -1}, found 32"),
        ("block_scaled: {a: {block: 0}}", "f:1:27: a block has at least one element, not 0"),
        ("block_scaled: {a: {block: 4, scale: aa}}", "f:1:37: op has no port 'aa'; did you mean a"),
        ("block_scaled: {a: {block: 4, scale: inputs}}", "f:1:37: expected one port, found a, b, c"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
