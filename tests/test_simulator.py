"""Judging: pure, complete, and loud where nothing is known."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import npusim
from npusim.call import Call, Operand, Site, TensorType
from npusim.dtypes import DTYPES
from npusim.errors import CallError
from npusim.frontends.numpy.spelling import parse_operand, parse_tensor_type
from npusim.operators import COMPUTED, OPERATORS, bind
from npusim.policy import error
from npusim.profiles import Profile, load
from npusim.profiles.samples import accepted, breaking
from npusim.profiles.words import Placement
from npusim.simulator import Status, Violation, judge

PROFILES = ("ascend910b", "ascend310p")


def call(operator: str, *types: str, **attributes: Any) -> Call:
    return bind(OPERATORS[operator], [Operand(parse_tensor_type(t)) for t in types], attributes)


MC2 = call("matmul_all_reduce", "float32[16,1280]", "bfloat16[1280,1280]")


def test_a_verdict_is_true_only_if_accepted():
    profile = load("ascend910b")
    assert judge(profile, call("exp", "float16[2]"))
    assert not judge(profile, MC2)


def test_every_violation_is_reported_in_the_order_of_the_stack():
    verdict = judge(load("ascend310p"), call("matmul_all_reduce", "float32[1,1,16,8]", "bfloat16[8,8]", "int8[8]"))
    found = [(v.code, v.port) for v in verdict.violations]
    assert found == [
        ("NPU101", "x1"),
        ("NPU101", "x2"),
        ("NPU101", "bias"),
        ("NPU103", "x2"),
        ("NPU103", "bias"),
        ("NPU201", "x1"),
    ]
    assert verdict.placement is Placement.NOWHERE


def test_outputs_are_judged_only_where_the_inputs_pass(make_profile: Callable[..., Profile]):
    profile = make_profile("operators:\n  sum:\n    ports: {self: float16, out: float16}\n")
    by_ports = {
        ports: [v.port for v in judge(profile, call("sum", f"{ports[0]}[2]", dtype=ports[1])).violations]
        for ports in (("float16", "float16"), ("float16", "int8"), ("int8", "int8"))
    }
    assert by_ports == {("float16", "float16"): [], ("float16", "int8"): ["out"], ("int8", "int8"): ["self"]}


def test_an_operator_without_an_entry_is_unknown_and_says_so(make_profile: Callable[..., Profile]):
    profile = make_profile("operators:\n  add: unknown\n")
    for name in ("exp", "add"):
        verdict = judge(profile, call(name, *["float16[2]"] * len(OPERATORS[name].inputs)))
        assert verdict.status is Status.UNKNOWN
        probe = "`npusim profile probe chip` on a machine that has the chip"
        assert verdict.notes == (f"chip has no facts on {name}; what would settle it: {probe}",)


@pytest.mark.parametrize(
    ("entry", "operands", "status"),
    [
        ("{api: X}", "float16 float16", "unknown"),
        ("{rules: unknown}", "float16 float16", "unknown"),
        ("{ports: {self: unknown, other: unknown}}", "float16 float16", "unknown"),
        ("{ports: {self: unknown, other: float16}}", "float16 float16", "accepted"),
        ("{ports: {self: unknown, other: float16}}", "float16 float32", "rejected"),
        ("{ports: {self: unknown, other: unknown}, rules: [rank: {self: 1}]}", "float16 float16", "rejected"),
        ("{ports: {self: unknown, other: unknown}, rules: [rank: {self: 0}]}", "float16 float16", "unknown"),
        ("{placement: metadata}", "float16 float16", "accepted"),
        ("{rules: [{rank: {self: 1}, when: {self: {dtype: int8}}}]}", "float16 float16", "accepted"),
    ],
)
def test_only_unknown_ground_is_unknown(entry: str, operands: str, status: str, make_profile: Callable[..., Profile]):
    profile = make_profile(f"operators:\n  add: {entry}\n")
    verdict = judge(profile, call("add", *operands.split()))
    assert verdict.status == status
    assert verdict.status is not Status.UNKNOWN or verdict.notes


def test_a_port_without_facts_is_noted_on_an_accepted_call():
    verdict = judge(
        load("ascend910b"),
        call("scaled_dot_product_attention", *["float16[1,2,4,8]"] * 3, "float16[4,4]"),
    )
    assert verdict.status is Status.ACCEPTED
    assert verdict.notes == ("ascend910b has no facts on the dtypes of attn_mask",)


def test_a_note_is_said_only_where_it_holds():
    float32, float16 = (call("matmul", f"{d}[2,2]", f"{d}[2,2]") for d in ("float32", "float16"))
    assert judge(load("ascend310p"), float32).notes[0].startswith("no float32 in the matrix unit")
    assert judge(load("ascend310p"), float16).notes == judge(load("ascend910b"), float32).notes == ()


def test_the_first_variant_that_holds_replaces_the_entry(make_profile: Callable[..., Profile]):
    variants = "[{when: {self: {rank: 1}}, api: One, rules: []}, {when: {self: {rank: ..2}}, api: Two}]"
    profile = make_profile(
        f"operators:\n  exp:\n    api: Any\n    rules: [forbid_dtype: {{self: int8}}]\n    variants: {variants}\n"
    )
    apis = [
        [v.api for v in judge(profile, call("exp", f"int8[{shape}]")).violations] for shape in ("2", "2,2", "2,2,2")
    ]
    assert apis == [[], ["Two"], ["Any"]]


def test_what_no_chip_could_mean_is_a_call_error_even_where_nothing_is_known():
    with pytest.raises(CallError, match="cannot be broadcast"):
        judge(load("ascend910b"), call("add", "float16[2]", "float16[3]"))


def test_labels_replace_port_names_in_sentences_but_not_in_fields(make_profile: Callable[..., Profile]):
    ports = "{self: {dtypes: [float16, int8], label: a}, other: {dtypes: [float16, int8], label: b}}"
    profile = make_profile(f"operators:\n  add:\n    ports: {ports}\n    rules: [same_dtype: [self, other]]\n")
    (violation,) = judge(profile, call("add", "int8[2]", "float16[2]")).violations
    assert violation.text == "a has dtype int8 and b has float16; they must be the same"
    assert violation.port == "other"


def test_site_and_origin_are_those_of_the_call_and_the_operand():
    site, origin = Site("model.py", 7, "forward"), Site("rope.py", 3, "table", operator="mul(bfloat16, float32)")
    x1, x2 = (
        Operand(found.type, origin=o) for (found,), o in zip([*MC2.operands.values()][:2], (origin, None), strict=True)
    )
    located = bind(OPERATORS["matmul_all_reduce"], [x1, x2], {}, site)
    first, second = judge(load("ascend910b"), located).violations
    assert (first.port, first.site, first.origin) == ("x1", site, origin)
    assert (second.port, second.site, second.origin) == ("x2", site, None)


def test_a_violation_has_exactly_the_fields_of_the_contract():
    names = "code profile operator api port found allowed text hint source confidence site origin"
    assert [f.name for f in fields(Violation)] == names.split()


def test_a_verdict_is_plain_data_in_json():
    located = replace(MC2, site=Site("a.py", 1, "f", "m", "o"))
    found = json.loads(json.dumps(judge(load("ascend910b"), located).to_dict()))
    assert found["status"] == "rejected"
    assert found["call"]["operands"] == {"x1": ["float32[16,1280]"], "x2": ["bfloat16[1280,1280]"]}
    assert found["call"]["attributes"] == {"group": "", "reduce_op": "sum"}
    first = found["violations"][0]
    assert first["site"] == {"file": "a.py", "line": 1, "function": "f", "module": "m", "operator": "o"}
    assert first["origin"] is None
    assert first["allowed"] == ["float16", "bfloat16"]
    assert (found["placement"], found["notes"]) == ("nowhere", [])


@cache
def _calls(profile: Profile, operator: str) -> list[Call]:
    negatives = (negative.call for negative in islice(breaking(profile, operator), 2))
    return [*islice(accepted(profile, operator), 2), *(found for found in negatives if found is not None)]


def _drawn(draw: Any) -> tuple[Profile, Call]:
    """A profile and a call that it accepts or rejects."""
    profile = load(draw(st.sampled_from(PROFILES)))
    operator = draw(st.sampled_from(sorted(name for name in COMPUTED if name in profile.operators)))
    return profile, draw(st.sampled_from(_calls(profile, operator)))


drawn = st.composite(_drawn)()


@given(drawn)
def test_judging_is_pure(profile_and_call: tuple[Profile, Call]):
    profile, given_call = profile_and_call
    before = repr(profile)
    first = judge(profile, given_call)
    assert judge(profile, copy.copy(given_call)) == first
    assert repr(profile) == before


@given(drawn)
def test_a_device_remembers_what_the_pure_function_says(profile_and_call: tuple[Profile, Call]):
    profile, given_call = profile_and_call
    npu = npusim.device(profile)
    named = {
        port: ([o.type for o in found] if port == "tensors" else found[0].type)
        for port, found in given_call.operands.items()
        if found
    }
    plain = {p: tuple(replace(o, constant=False) for o in found) for p, found in given_call.operands.items()}
    expected = judge(profile, replace(given_call, operands=plain))
    for _ in range(3):
        verdict = npu.judge(given_call.operator, **named, **given_call.attributes)
        assert verdict.status is expected.status
        assert (verdict.notes, verdict.placement) == (expected.notes, expected.placement)
        assert [replace(v, site=None) for v in verdict.violations] == list(expected.violations)


@given(drawn)
def test_verdicts_and_exceptions_survive_a_pickle(profile_and_call: tuple[Profile, Call]):
    profile, given_call = profile_and_call
    verdict = judge(profile, given_call)
    assert pickle.loads(pickle.dumps(verdict)) == verdict
    if verdict.violations:
        raised = error(verdict, profile)
        again = pickle.loads(pickle.dumps(raised))
        assert (type(again), str(again), again.verdict) == (type(raised), str(raised), verdict)


def test_a_call_cannot_be_changed():
    for changed in (lambda: MC2.operands.update({}), lambda: setattr(MC2, "operator", "add")):
        with pytest.raises((AttributeError, TypeError)):
            changed()
    assert TensorType(DTYPES["int8"], (2,)).rank == 1


def spelled(operator: str, **given: str) -> Call:
    return bind(OPERATORS[operator], [], {port: parse_operand(text) for port, text in given.items()})


def test_an_operator_that_a_whole_list_does_not_hold_is_rejected(make_profile: Callable[..., Profile]):
    unlisted = "unlisted: {not_offered: not in the list, text: 'no {operator}', source: a list, confidence: documented}"
    profile = make_profile(f"{unlisted}\noperators: {{add: unknown, exp: {{ports: {{self: float16}}}}}}\n")
    (violation,) = judge(profile, call("neg", "float16[2]")).violations
    assert (violation.code, violation.text, violation.source) == ("NPU501", "no neg", "a list")
    assert (violation.api, violation.confidence) == ("neg", "documented")
    assert judge(profile, call("add", "float16[2]", "float16[2]")).status is Status.UNKNOWN
    assert judge(profile, call("exp", "float16[2]")).status is Status.ACCEPTED


@pytest.mark.parametrize(
    ("limit", "rejected"), [("", "abs exp neg"), (", only: [abs, exp]", "abs exp"), (", except: [abs]", "exp neg")]
)
def test_a_rule_of_the_profile_holds_for_every_operator_but_those_left_out(
    limit: str, rejected: str, make_profile: Callable[..., Profile]
):
    entries = ", ".join(f"{name}: {{ports: {{self: float16}}}}" for name in ("abs", "exp", "neg"))
    profile = make_profile(f"rules: [{{rank: {{inputs: 1}}{limit}}}]\noperators: {{{entries}}}\n")
    found = [name for name in ("abs", "exp", "neg") if not judge(profile, call(name, "float16[2,2]"))]
    assert found == rejected.split()


def test_an_output_that_is_given_is_judged_instead_of_the_inferred_one(make_profile: Callable[..., Profile]):
    profile = make_profile("operators: {exp: {ports: {self: float16, out: float16}}}\n")
    assert judge(profile, spelled("exp", self="float16[2]"))
    (violation,) = judge(profile, spelled("exp", self="float16[2]", out="float32[2]")).violations
    assert (violation.port, violation.found) == ("out", "float32")


def test_what_comes_out_of_quantised_operands_is_judged_only_where_it_is_given(make_profile: Callable[..., Profile]):
    profile = make_profile("operators: {sigmoid: {ports: {self: int8, out: int8}}, add: {ports: {out: int16}}}\n")
    for given_call in (
        spelled("sigmoid", self="int8[2]"),
        spelled("sigmoid", self="int8[2]", out="int8[2]"),
        spelled("add", self="int8[2]{scale=1}", other="int8[2]{scale=1}"),
    ):
        assert judge(profile, given_call), given_call
    assert not judge(profile, spelled("sigmoid", self="int8[2]", out="float32[2]"))
    assert not judge(profile, spelled("add", self="int8[2]", other="int8[2]"))


ENFORCED = """enforcement: fallback
operators:
  exp:
    rules:
      - {rank: {self: 1}}
      - {forbid_dtype: {self: int8}, enforcement: error}
"""


@pytest.mark.parametrize(("given", "placement"), [("float16[2,2]", "host"), ("int8[2]", "nowhere")])
def test_a_rejected_call_runs_on_the_host_if_the_rule_that_it_breaks_falls_back(
    given: str, placement: str, make_profile: Callable[..., Profile]
):
    assert judge(make_profile(ENFORCED), call("exp", given)).placement == placement


def test_a_device_that_falls_back_raises_where_a_rule_says_error(
    make_profile: Callable[..., Profile], make_device: Callable[..., npusim.Device], zeros: Callable[..., Any]
):
    npu = make_device(make_profile(ENFORCED))
    assert npu.run("exp", zeros("float16", 2, 2)).shape == (2, 2)
    assert (npu.executor.ran, npu._host.ran) == ([], ["exp"])
    with pytest.raises(npusim.NPUError, match="self does not take int8 on this chip"):
        npu.run("exp", zeros("int8", 2))


def test_what_is_not_modelled_and_what_is_not_known_is_noted(make_profile: Callable[..., Profile]):
    rules = "[{not_modelled: {kind: capacity, what: it fits the cache}}, {value: {exponent: [2]}}]"
    profile = make_profile(f"operators: {{pow: {{rules: {rules}}}}}\n")
    verdict = judge(profile, spelled("pow", self="float16[2]", exponent="float16[2]"))
    assert verdict.status is Status.ACCEPTED
    assert verdict.notes == (
        "not modelled (capacity): it fits the cache",
        "not judged, since the content of exponent is not known: it holds only 2",
    )


@pytest.mark.parametrize(
    ("body", "settled_by"),
    [
        ("settled_by: the list of the SDK\noperators: {exp: unknown}\n", "the list of the SDK"),
        ("settled_by: a list\noperators: {exp: {ports: unknown, settled_by: a run}}\n", "a run"),
        ("operators: {exp: unknown}\n", "`npusim profile probe chip` on a machine that has the chip"),
    ],
)
def test_what_is_unknown_names_what_would_settle_it(body: str, settled_by: str, make_profile: Callable[..., Profile]):
    verdict = judge(make_profile(body), call("exp", "float16[2]"))
    assert verdict.status is Status.UNKNOWN
    assert verdict.notes == (f"chip has no facts on exp; what would settle it: {settled_by}",)
