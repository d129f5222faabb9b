"""Recorded calls: every call comes back as it was, and what is no call is refused with its place."""

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import npusim
from npusim.call import Call, Operand, Quantisation, Site, TensorType
from npusim.dtypes import DTYPES
from npusim.errors import CallError, ImportFormatError
from npusim.frontends.recorded import from_record, read_calls, to_record, write_calls
from npusim.operators import OPERATORS

WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
FLOATS = st.floats(width=64)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SMALL = st.integers(-(2**53), 2**53)
VALUES = {
    "bool": st.booleans(),
    "int": st.integers(),
    "float": FLOATS,
    "number": st.one_of(st.integers(), FLOATS),
    "str": st.text(),
    "ints": st.lists(st.integers(), max_size=4).map(tuple),
    "sizes": st.one_of(st.integers(), st.lists(st.integers(), max_size=4).map(tuple)),
    "floats": st.lists(FLOATS, max_size=4).map(tuple),
    "dtype": st.sampled_from([*DTYPES]),
}
QUANTISATIONS = st.builds(
    Quantisation,
    scales=st.lists(FINITE, min_size=1, max_size=3).map(tuple),
    zero_points=st.lists(st.integers(-(2**31), 2**31), max_size=3).map(tuple),
    axis=st.none() | st.integers(-4, 4),
    group_size=st.none() | st.integers(1, 512),
    scheme=st.just("") | WORDS,
)
OPERANDS = st.builds(
    Operand,
    st.builds(TensorType, st.sampled_from([*DTYPES.values()]), st.lists(st.integers(0, 10**9), max_size=6).map(tuple)),
    constant=st.booleans(),
    layout=st.just("") | WORDS,
    quant=st.none() | QUANTISATIONS,
    memory=st.just("") | WORDS,
    value=st.none() | st.lists(st.one_of(SMALL, FINITE), min_size=1, max_size=5).map(tuple),
    dynamic=st.frozensets(st.integers(0, 5), max_size=3),
)
SITES = st.builds(Site, st.text(), st.integers(0, 10**6), st.text(), st.text(), st.text())


@st.composite
def calls(draw):
    operator = OPERATORS[draw(st.sampled_from([*OPERATORS]))]

    def on(port, *, needed):
        few = st.lists(OPERANDS, min_size=1, max_size=3 if port.variadic else 1).map(tuple)
        return draw(few if needed else st.just(()) | few)

    attributes = {
        one.name: draw(VALUES[one.type] if one.default is not None else st.none() | VALUES[one.type])
        for one in operator.attributes
    }
    outputs = {port.name: on(port, needed=False) for port in operator.outputs}
    return Call(
        operator.name,
        MappingProxyType({port.name: on(port, needed=not port.optional) for port in operator.inputs}),
        MappingProxyType(attributes),
        draw(st.none() | SITES),
        outputs=MappingProxyType({name: given for name, given in outputs.items() if given}),
    )


@given(calls())
def test_every_call_comes_back_as_it_was(call):
    line = json.dumps(to_record(call), allow_nan=False)
    assert repr(from_record(json.loads(line))) == repr(call)  # nan is not equal to itself


@given(st.lists(calls(), max_size=3))
def test_a_file_holds_calls_in_their_order(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("run") / "calls.jsonl"
    write_calls(some, path)
    assert list(map(repr, read_calls(path))) == list(map(repr, some))


def test_a_record_has_the_form_of_a_verdict(npu):
    verdict = npu.judge("matmul_all_reduce", x1="float32[16,1280]", x2="const:bfloat16[1280,1280]")
    record = to_record(verdict.call)
    assert record["operands"] == {"x1": ["float32[16,1280]"], "x2": ["const:bfloat16[1280,1280]"]}
    assert set(record) == {*verdict.to_dict()["call"], "outputs"}
    assert record["site"] == verdict.to_dict()["call"]["site"]


def test_verdicts_are_recorded_as_their_calls(npu, tmp_path):
    verdicts = [npu.judge("mul", "float16[4]", "float16[4]"), npu.judge("add", "float16[4]", "float16[4]")]
    write_calls(verdicts, tmp_path / "calls.jsonl")
    assert list(read_calls(tmp_path / "calls.jsonl")) == [verdict.call for verdict in verdicts]


@pytest.mark.parametrize("layout", ["a,b", "a}b", "{", " a"])
def test_an_operand_that_text_cannot_say_is_refused(layout):
    operand = Operand(TensorType(DTYPES["int8"], (2,)), layout=layout)
    with pytest.raises(CallError, match="the operand on 'self' cannot be written down"):
        to_record(Call("abs", MappingProxyType({"self": (operand,)})))


def test_an_attribute_that_json_cannot_say_is_refused():
    with pytest.raises(CallError, match="attribute 'dim' cannot be written down: 1j"):
        to_record(Call("abs", MappingProxyType({}), MappingProxyType({"dim": 1j})))


GOOD = '{"operator": "mul", "operands": {"self": ["float16[2]"], "other": ["float16[2]"]}}\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("\n", "2:1: not JSON: Expecting value; a line is one call, as npusim writes it"),
        (GOOD[:-2], "2:82: not JSON: "),
        ("[]", "2:1: expected a call as a JSON object, found []"),
        ("{}", "2:1: expected the name of an operator as 'operator', found None"),
        (GOOD.replace("mul", "mull"), "2:1: unknown operator 'mull'; did you mean mul"),
        (GOOD.replace('"self"', '"selv"'), "2:1: unknown key 'selv' in 'operands' of mul; allowed: self, other"),
        (GOOD.replace('"operands"', '"inputs"'), "2:1: unknown key 'inputs' in a call; allowed: operator, operands"),
        (
            GOOD.replace('["float16[2]"],', '"float16[2]",'),
            "2:1: expected a list of operands on port 'self', found 'flo",
        ),
        (
            GOOD.replace('["float16[2]"],', "[2],"),
            "2:1: expected an operand such as 'float16[2,3]' on port 'self', found 2",
        ),
        (GOOD.replace('["float16[2]"],', "[],"), "2:1: mul: port 'self' takes one operand, not 0"),
        (GOOD.replace('{"self": ["float16[2]"], ', "{"), "2:1: mul lacks self; it is mul(self, other)"),
        (GOOD.replace("float16[2]", "flot16[2]"), "2:1: unknown dtype 'flot16'; did you mean float16"),
        (
            GOOD.replace("}}", '}, "attributes": {"dim": 1}}'),
            "2:1: unknown key 'dim' in 'attributes' of mul; allowed: none",
        ),
        (GOOD.replace("}}", '}, "operator": "add"}'), "2:1: the key 'operator' stands twice"),
        (GOOD.replace("}}", '}, "site": {"line": "1"}}'), "2:1: expected 'line' of 'site' as a number: '1'"),
        (GOOD.replace("}}", '}, "site": NaN}'), "2:1: NaN is no number of JSON"),
        ("[" * 100_000, "2:1: nested too deeply"),
    ],
)
def test_what_is_no_call_is_refused_with_its_place(tmp_path, line, said):
    path = tmp_path / "calls.jsonl"
    path.write_text(GOOD + line, encoding="utf-8")
    with pytest.raises(ImportFormatError) as caught:
        list(read_calls(path))
    assert str(caught.value).startswith(f"{path}:{said}")


def test_bytes_that_are_no_text_are_refused_with_their_place(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b'{"\xff')
    with pytest.raises(ImportFormatError, match=r"calls.jsonl:1:3: not UTF-8 text"):
        list(read_calls(path))


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("npusim.frontends.recorded.MAX_LINE_BYTES", 10)
    path = tmp_path / "calls.jsonl"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ImportFormatError, match="1:1: the line has more than 10 bytes"):
        list(read_calls(path))


def test_an_operator_of_one_chip_is_found_by_its_profile(make_profile):
    profile = make_profile("operators: {shift_left: {signature: shift_left(x) -> y, ports: {x: int8}}}")
    call = npusim.device(profile).judge("shift_left", "int8[2]").call
    found = from_record(to_record(call), lambda name: profile.operators[name].operator)
    assert found == call
