"""The profiles against what the vendors' own tools answered: a committed sample, judged without the tools."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from npusim.call import Call, Operand, Quantisation, TensorType
from npusim.dtypes import dtype
from npusim.operators.binding import bind
from npusim.profiles import find_operator, load
from npusim.profiles.model import Profile
from npusim.profiles.words import Placement
from npusim.simulator import Status, judge

SAMPLES = sorted(Path(__file__).parent.glob("*.jsonl"))
TYPE = re.compile(r"(?P<dtype>\w+)\[(?P<shape>[\d,]*)\]")


def operand(data: dict[str, Any]) -> Operand:
    """An operand as the sample writes it."""
    match = TYPE.fullmatch(data["type"])
    assert match is not None
    shape = tuple(map(int, filter(None, match["shape"].split(","))))
    value = data.get("value")
    if value is not None:
        value = tuple(value) * (math.prod(shape) if len(value) == 1 else 1)
    scales, zeros, axis = data.get("quant", (None, None, None))
    quant = None if scales is None else Quantisation(tuple(scales), tuple(zeros), axis)
    dynamic = frozenset(data.get("dynamic", ()))
    return Operand(
        TensorType(dtype(match["dtype"]), shape), data.get("constant", False), "", None, quant, "", value, dynamic
    )


def call(profile: Profile, data: dict[str, Any]) -> Call:
    """The call of one line of a sample."""
    operator = find_operator(profile, data["operator"])
    variadic = {port.name for port in operator.ports if port.variadic}
    given = {**data["operands"], **data["outputs"]}
    operands = {port: tuple(map(operand, held)) for port, held in given.items()}
    ready: dict[str, Any] = {port: held if port in variadic else held[0] for port, held in operands.items()}
    attributes = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data["attributes"].items()
    }
    return bind(operator, (), {**ready, **attributes})


def cases() -> Iterator[Any]:
    for path in SAMPLES:
        head, *lines = map(json.loads, path.read_text().splitlines())
        for line in lines:
            yield pytest.param(head, line, id=f"{path.stem}: {line['id']}")


@pytest.mark.parametrize(("head", "line"), list(cases()))
def test_the_profile_says_what_the_tool_said(head: dict[str, Any], line: dict[str, Any]) -> None:
    features = dict.fromkeys(head["features"], True)
    profile = load(head["profile"], features=features)
    verdict = judge(profile, call(profile, line))
    said = {Status.ACCEPTED: "npu", Status.UNKNOWN: "unknown"}.get(
        verdict.status, "cpu" if verdict.placement is Placement.HOST else "error"
    )
    assert said == line["verdict"]
    if line["verdict"] == "cpu":
        ours = verdict.violations[0].text.splitlines()[:2]
        for mine, theirs in zip(ours, line["text"], strict=False):
            assert theirs.replace("out_0'", "out'").startswith(mine)


def test_every_referee_has_a_sample_of_all_its_verdicts() -> None:
    assert {path.stem for path in SAMPLES} >= {"ethos-u55", "ethos-u85", "tosa-1.1"}
    for path in SAMPLES:
        _, *lines = map(json.loads, path.read_text().splitlines())
        assert len(lines) >= 90
        assert {"npu", "error"} <= {line["verdict"] for line in lines}
