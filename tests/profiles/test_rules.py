"""Every kind of rule: its example accepts what it should, refuses what it should, and says so."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.call import Call, Operand
from npusim.dtypes import DTYPES
from npusim.errors import ProfileError
from npusim.frontends.numpy.spelling import parse_tensor_type
from npusim.operators import OPERATORS, bind, infer
from npusim.profiles import Profile
from npusim.profiles.dialects import COMMON_FIELDS, fields_of
from npusim.profiles.document import parse
from npusim.profiles.ranges import Range, read_range, within
from npusim.profiles.rules import KINDS
from npusim.profiles.rules.base import Finding
from npusim.profiles.rules.shapes import MultipleOf
from npusim.profiles.subject import Subject, subject
from npusim.profiles.values import read_values
from npusim.simulator import Status, judge


@dataclass(frozen=True)
class Case:
    """A kind's example on an operator, a call that passes and one that fails, and what is then said."""

    kind: str
    operator: str
    passing: str
    failing: str
    port: str
    text: str
    sentence: str = ""
    rule: str = ""
    attributes: tuple[dict[str, Any], dict[str, Any]] = field(default_factory=lambda: ({}, {}))


ROPE = "rotary_position_embedding"
MC2 = "matmul_all_reduce"
ROWS = "self: float16, out: float16, self: float16, out: float32"
CASES = [
    Case(
        "dtype",
        MC2,
        "float16[2,3] float16[3,4]",
        "float32[2,3] float16[3,4]",
        "x1",
        "x1 does not take float32; it takes float16, bfloat16",
    ),
    Case(
        "rows",
        "sum",
        "float16[2]",
        "float16[2]",
        "out",
        "no row takes self: float16, out: float64; the rows are " + ROWS,
        attributes=({"dtype": "float32"}, {"dtype": "float64"}),
    ),
    Case(
        "rows",
        "sum",
        "float16[2]",
        "bfloat16[2]",
        "self",
        "no row takes self: bfloat16, out: float16; the rows are " + ROWS,
        attributes=({}, {"dtype": "float16"}),
    ),
    Case(
        "same_dtype",
        MC2,
        "float16[2,3] float16[3,4] float16[4]",
        "float16[2,3] float16[3,4] float32[4]",
        "bias",
        "x1 has dtype float16 and bias has float32; they must be the same",
    ),
    Case("forbid_dtype", "exp", "float16[2]", "bfloat16[2]", "self", "self does not take bfloat16 on this chip"),
    Case(
        "promoted",
        "add",
        "float16[2] int64[2]",
        "float16[2] float64[2]",
        "self",
        "self and other promote to float64, which is not one of float32, float16",
    ),
    Case(
        "dtype_bits",
        ROPE,
        "bfloat16[2] float32[2] float32[2]",
        "float32[2] float32[2] float32[2]",
        "x",
        "x is 32 bits wide; allowed: 16",
    ),
    Case(
        "rank",
        MC2,
        "float16[1,2,3] float16[3,4]",
        "float16[1,1,2,3] float16[3,4]",
        "x1",
        "x1 has 4 dimensions; at most 3 are allowed",
        "rank_above",
    ),
    Case(
        "rank",
        MC2,
        "float16[2,3] float16[3,4]",
        "float16[3] float16[3,4]",
        "x1",
        "x1 has 1 dimensions; at least 2 are needed",
        "rank_below",
    ),
    Case(
        "rank",
        MC2,
        "float16[2,3] float16[3,4]",
        "float16[2,3] float16[3]",
        "x2",
        "x2 of shape [3] has 1 dimensions; allowed: 2",
        "rank_not",
    ),
    Case(
        "rank",
        "exp",
        "float16[2]",
        "float16[2,2,2]",
        "self",
        "self of shape [2,2,2] has 3 dimensions; allowed: 1, 4..5",
        "rank_not",
        "rank: {self: [1, 4..5]}",
    ),
    Case(
        "same_shape", "add", "int8[2,3] int8[2,3]", "int8[2,3] int8[3]", "other", "other has shape [3], self has [2,3]"
    ),
    Case(
        "dim",
        ROPE,
        "float16[128,8192] float16[1,8192] float16[8192]",
        "float16[129,2] float16[2] float16[2]",
        "x",
        "size 129 of axis 0 of x is not in ..128",
    ),
    Case(
        "multiple_of",
        ROPE,
        "float16[2,64] float16[64] float16[64]",
        "float16[2,34] float16[34] float16[34]",
        "x",
        "size 34 of axis -1 of x is not a multiple of 32",
    ),
    Case(
        "numel",
        ROPE,
        "float16[9,256,256] float16[256] float16[256]",
        "float16[258,256] float16[256] float16[256]",
        "x",
        "x of shape [258,256] has 66048 elements; allowed: ..65536",
    ),
    Case(
        "numel",
        "exp",
        "float16[2,3]",
        "float16[2,4]",
        "self",
        "self of shape [2,4] has 8 elements; allowed: ..7",
        rule="numel: {self: ..7}",
    ),
    Case(
        "attribute",
        "softmax",
        "float16[2,3,4,5]",
        "float16[2,3,4,5]",
        "dim",
        "attribute dim is 0; allowed: [-1,1..3]",
        attributes=({"dim": 3}, {"dim": 0}),
    ),
    Case(
        "attribute",
        "cast",
        "int8[2]",
        "int8[2]",
        "dtype",
        "attribute dtype is float64; allowed: float16, float32",
        rule="attribute: {dtype: [DT_FLOAT16, fp32]}",
        attributes=({"dtype": "half"}, {"dtype": "double"}),
    ),
    Case(
        "constant",
        "linear",
        "int8[2,3] !int8[4,3] !int8[4]",
        "int8[2,3] !int8[4,3] int8[4]",
        "bias",
        "bias must be a constant",
    ),
    Case(
        "absent",
        MC2,
        "float16[2,3] float16[3,4]",
        "float16[2,3] float16[3,4] - float16[2,4]",
        "x3",
        "x3 must not be given",
    ),
    Case(
        "arity",
        "cat",
        "( int8[2] int8[3] )",
        f"( {'int8[2] ' * 17})",
        "tensors",
        "tensors has 17 operands; allowed: 1..16",
    ),
    Case("not_offered", "exp", "", "float16[2]", "", "exp is not offered: no kernel is registered for this chip"),
]
IDS = [f"{case.kind}-{case.sentence or index}" for index, case in enumerate(CASES)]


def call(operator: str, spelled: str, attributes: dict[str, Any] | None = None) -> Call:
    """A call of operands as one types them: `-` is absent, `!` before one makes it constant, (...) is variadic."""

    def one(text: str) -> Operand | None:
        return None if text == "-" else Operand(parse_tensor_type(text.lstrip("!")), constant=text.startswith("!"))

    words = spelled.split()
    operands: list[Any] = [[one(t) for t in words[1:-1]]] if words[0] == "(" else [one(t) for t in words]
    return bind(OPERATORS[operator], operands, attributes or {})


def body(case: Case) -> str:
    return f"operators:\n  {case.operator}:\n    rules:\n      - {case.rule or KINDS[case.kind].example}\n"


def test_every_kind_has_its_own_code_example_and_words():
    codes = [kind.code for kind in KINDS.values()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"NPU\d{3}", code) for code in codes)
    sentences = [sentence for kind in KINDS.values() for sentence in kind.sentences]
    assert len(sentences) == len(set(sentences))
    for key, kind in KINDS.items():
        assert key == kind.key
        assert kind.__doc__
        assert set(parse(kind.example, "example").mapping()) == {key}
        assert all(fields_of(text) <= COMMON_FIELDS | kind.fields for text in kind.sentences.values())


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_kind_accepts(case: Case, make_profile: Callable[..., Profile]):
    if case.passing:
        verdict = judge(make_profile(body(case)), call(case.operator, case.passing, case.attributes[0]))
        assert verdict.status is Status.ACCEPTED


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_kind_refuses_and_says_so(case: Case, make_profile: Callable[..., Profile]):
    profile = make_profile(body(case))
    verdict = judge(profile, call(case.operator, case.failing, case.attributes[1]))
    assert verdict.status is Status.REJECTED
    (violation,) = verdict.violations
    assert (violation.code, violation.port, violation.text) == (KINDS[case.kind].code, case.port, case.text)
    assert (violation.profile, violation.operator, violation.api) == ("chip", case.operator, "")
    assert violation.hint
    assert violation.found
    assert violation.allowed or case.kind == "not_offered"


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_field_that_a_sentence_may_name_is_filled(case: Case, make_profile: Callable[..., Profile]):
    kind = KINDS[case.kind]
    ports = [port.name for port in OPERATORS[case.operator].ports]
    every = "|".join(f"{{{name}}}" for name in sorted(COMMON_FIELDS | kind.fields))
    dialects = "".join(f'{key}: "{every}", ' for key in kind.sentences)
    profile = make_profile(f"dialects: [{{sentences: {{{dialects}}}}}]\n{body(case)}", name="spoken")
    (violation,) = judge(profile, call(case.operator, case.failing, case.attributes[1])).violations
    assert "{" not in violation.text
    every = "|".join(f"{{{name}}}" for name in (*sorted(COMMON_FIELDS | kind.fields), *ports))
    profile = make_profile(f'{body(case)}        text: "{every}"\n', name="written")
    (violation,) = judge(profile, call(case.operator, case.failing, case.attributes[1])).violations
    assert "{" not in violation.text


@pytest.mark.parametrize("case", [c for c in CASES if c.kind not in {"not_offered", "absent"}], ids=lambda c: c.kind)
def test_ports_that_are_absent_break_nothing(case: Case, make_profile: Callable[..., Profile]):
    optional = [port.name for port in OPERATORS[case.operator].inputs if port.optional]
    profile = make_profile(body(case))
    for check in profile.operators[case.operator].checks:
        assert not [
            f for f in check.rule.findings(Subject({}, {"dim": -1, "dtype": "float16"}, frozenset(), {})) if optional
        ]


VARIADIC = [
    ("dtype: {tensors: [float16, int8]}", "( float16[2] int8[2] float32[2] )", 2),
    ("same_dtype: [tensors]", "( float16[2] float32[2] )", 1),
    ("forbid_dtype: {tensors: bfloat16}", "( float16[2] bfloat16[2] )", 1),
    ("dtype_bits: {tensors: 16}", "( float16[2] float32[2] )", 1),
    ("rank: {tensors: 0}", "( float16[2] )", 0),
    ("same_shape: [tensors]", "( float16[2] float16[3] float16[2] )", 1),
    ("dim: {tensors: {0: 2}}", "( float16[2] float16[2] float16[3] )", 2),
    ("multiple_of: {tensors: {0: 2}}", "( float16[2] float16[3] )", 1),
    ("numel: {tensors: ..2}", "( float16[2] float16[3] )", 1),
]


@pytest.mark.parametrize(("rule", "operands", "index"), VARIADIC)
def test_a_finding_names_the_operand_of_a_variadic_port(
    rule: str, operands: str, index: int, make_profile: Callable[..., Profile]
):
    profile = make_profile(f"operators:\n  cat:\n    rules:\n      - {rule}\n        text: 'tensor {{index}}'\n")
    violations = judge(profile, call("cat", operands)).violations
    assert [violation.text for violation in violations] == [f"tensor {index}"]


def test_an_axis_that_a_tensor_lacks_breaks_nothing(make_profile: Callable[..., Profile]):
    profile = make_profile("operators:\n  exp:\n    rules:\n      - dim: {self: {2: 1, -3: 1}}\n")
    assert judge(profile, call("exp", "int8[2,2]"))
    assert len(judge(profile, call("exp", "int8[2,2,2]")).violations) == 2


def test_a_hint_names_the_dtype_of_the_other_operands(make_profile: Callable[..., Profile]):
    profile = make_profile(body(CASES[0]))
    (violation,) = judge(profile, call(MC2, "float32[2,3] bfloat16[3,4]")).violations
    assert violation.hint == "cast x1 to bfloat16"
    (violation,) = judge(profile, call(MC2, "float32[2,3] int8[3,4]")).violations
    assert violation.hint == "cast x1 to float16"


def test_a_hint_to_pad_names_the_next_multiple():
    case = next(case for case in CASES if case.kind == "multiple_of")
    rule = MultipleOf.read(parse("{x: {-1: 32}}", "f"), OPERATORS[ROPE])
    bound = call(ROPE, case.failing)
    (finding,) = rule.findings(subject(OPERATORS[ROPE], bound, infer(OPERATORS[ROPE], bound)))
    assert isinstance(finding, Finding)
    assert finding.hint == "pad axis -1 of x from 34 to 64"


@pytest.mark.parametrize(
    ("text", "found", "shown"),
    [
        ("3", Range(3, 3), "3"),
        ("'3..3'", Range(3, 3), "3"),
        ("2..3", Range(2, 3), "2..3"),
        ("1..", Range(1, None), "1.."),
        ("..8", Range(None, 8), "..8"),
        ("-2..-1", Range(-2, -1), "-2..-1"),
    ],
)
def test_a_range_is_read_and_shown(text: str, found: Range, shown: str):
    assert read_range(parse(text, "f")) == found
    assert str(found) == shown


@given(st.integers(), st.none() | st.integers(), st.none() | st.integers())
def test_a_range_holds_both_its_ends(number: int, low: int | None, high: int | None):
    inside = (low is None or low <= number) and (high is None or number <= high)
    assert (number in Range(low, high)) is inside
    assert within(number, (Range(low, high), Range(5, 4))) is inside


@pytest.mark.parametrize(
    ("values", "inside", "outside"),
    [
        ("[0, 1]", [0, 1, 1.0], [2, True, "0", None, 0.5]),
        ("1..8", [1, 8, 2.0], [0, 9, 1.5, True, "1", float("inf"), float("nan")]),
        ("none", ["none"], [None, "None", 0]),
        ("[null, 2..]", [None, 2, 10**20], [False, 0, 1]),
        ("true", [True], [1, False, "true"]),
        ("[0.5, x]", [0.5, "x"], [1, "0.5", (0.5,)]),
        ("..0", [0, -1e300], [float("-inf"), float("nan"), 1]),
    ],
)
def test_a_set_of_values_tells_types_apart(values: str, inside: list[Any], outside: list[Any]):
    found = read_values(parse(values, "f"))
    assert all(value in found for value in inside)
    assert not any(value in found for value in outside)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value", ["~", "[]", "{}", "x", "3", "[[a]]", "{self: {}}", "{self: []}", "{nobody: 1}", "[nobody]", "true"]
)
def test_a_kind_reads_or_fails_at_its_place(kind: str, value: str):
    node = parse(value, "f")
    try:
        rule = KINDS[kind].read(node, OPERATORS["add"])
    except ProfileError as error:
        message = str(error)
        assert re.match(r"f:1:\d+: \S", message)
    else:
        bound = call("add", "float16[2] float32[2]")
        list(rule.findings(subject(OPERATORS["add"], bound, infer(OPERATORS["add"], bound))))


def test_a_condition_on_a_dtype_attribute_knows_every_spelling(make_profile: Callable[..., Profile]):
    rules = "      - rank: {self: 1}\n        when: {dtype: [bf16, DT_FLOAT]}\n"
    profile = make_profile(f"operators:\n  cast:\n    rules:\n{rules}")
    statuses = [judge(profile, call("cast", "int8[2,2]", {"dtype": d})).status for d in ("bfloat16", "float32", "int8")]
    assert statuses == [Status.REJECTED, Status.REJECTED, Status.ACCEPTED]


CONDITIONS = [
    ("{x1: {dtype: float16}}", "float16[2,3] float16[3,4]", True),
    ("{x1: {dtype: [int8, int4]}}", "float16[2,3] float16[3,4]", False),
    ("{x1: {rank: 2}}", "float16[2,3] float16[3,4]", True),
    ("{x1: {rank: 3..}}", "float16[2,3] float16[3,4]", False),
    ("{bias: {dtype: float16}}", "float16[2,3] float16[3,4]", False),
    ("{bias: {present: false}}", "float16[2,3] float16[3,4]", True),
    ("{bias: {present: true}}", "float16[2,3] float16[3,4] float16[4]", True),
    ("{bias: {present: false}}", "float16[2,3] float16[3,4] float16[4]", False),
    ("{x2: {constant: true}}", "float16[2,3] !float16[3,4]", True),
    ("{x2: {constant: false}}", "float16[2,3] !float16[3,4]", False),
    ("{bias: {constant: true}}", "float16[2,3] float16[3,4]", False),
    ("{output: {dtype: float16}}", "float16[2,3] float16[3,4]", True),
    ("{reduce_op: sum}", "float16[2,3] float16[3,4]", True),
    ("{reduce_op: [max, min]}", "float16[2,3] float16[3,4]", False),
    ("{reduce_op: sum, x1: {dtype: float16, rank: 1}}", "float16[2,3] float16[3,4]", False),
    ("{}", "float16[2,3] float16[3,4]", True),
]


@pytest.mark.parametrize(("when", "operands", "holds"), CONDITIONS)
def test_a_rule_holds_only_under_its_condition(
    when: str, operands: str, holds: bool, make_profile: Callable[..., Profile]
):
    profile = make_profile(f"operators:\n  {MC2}:\n    rules:\n      - {{not_offered: never, when: {when}}}\n")
    assert bool(judge(profile, call(MC2, operands)).violations) is holds


def test_every_dtype_can_stand_in_a_list(make_profile: Callable[..., Profile]):
    profile = make_profile(f"operators:\n  exp:\n    ports: {{self: [{', '.join(DTYPES)}]}}\n")
    assert all(judge(profile, call("exp", f"{name}[2]")) for name in DTYPES)
