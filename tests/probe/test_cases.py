"""The calls of a probe: each once, as plain data that means the same call again, and every dtype among them."""

import json

import pytest

from npusim.probe.cases import SWEPT, cases_of, read_call, shown
from npusim.profiles import load
from npusim.simulator import Status, judge


@pytest.mark.parametrize(
    ("profile", "operator"), [("ascend910b", "matmul"), ("ascend910b", "cat"), ("rk3588", "conv2d")]
)
def test_plain_data_means_the_same_call(profile, operator):
    chip = load(profile)
    cases = list(cases_of(chip, operator))
    again = [read_call(chip, json.loads(json.dumps(case.plain()))) for case in cases]
    assert again == [case.call for case in cases]
    assert len({case.id for case in cases}) == len(cases)
    assert len({(shown(case.call), str(case.call.attributes)) for case in cases}) == len(cases)
    assert {judge(chip, call).status for call in again} >= {Status.ACCEPTED, Status.REJECTED}


def test_every_dtype_is_tried_alone_and_together(truth):
    calls = [case.call for case in cases_of(load(truth), "mul")]
    tried = {(call.operands["self"][0].type.dtype.name, call.operands["other"][0].type.dtype.name) for call in calls}
    assert {(name, name) for name in SWEPT} <= tried
    assert {("float16", name) for name in SWEPT} <= tried
    assert {(name, "float16") for name in SWEPT} <= tried


def test_an_operator_of_which_nothing_is_known_is_tried_with_every_dtype(make_profile):
    calls = [case.call for case in cases_of(make_profile("operators: {softmax: unknown}\n"), "softmax")]
    assert {call.operands["self"][0].type.dtype.name for call in calls} == set(SWEPT)


def test_an_index_is_one_that_every_tensor_has():
    case = next(cases_of(load("ascend910b"), "embedding")).plain()
    assert {port: given[0]["numbers"][0][0] for port, given in case["operands"].items()} == {"weight": 1, "indices": 0}
