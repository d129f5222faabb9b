"""The probe as a black box: what a simulated chip declares comes back, and what a profile says wrongly is found."""

from collections import defaultdict

import pytest

from npusim.probe.confirm import Kind
from npusim.probe.declared import BEYOND, declared
from npusim.probe.numerics import questions
from npusim.probe.record import read_record, results
from npusim.profiles import load
from tests.probe.conftest import confirmed, probed

NUMBERS = ("mul", "add", "div", "sum", "silu", "matmul")


def recovered(profile, answer):
    """For every field of the numerics, the values that fit everything that was seen, the likeliest first."""
    claims, seen = declared(profile), defaultdict(list)
    for identity, values in results(read_record(answer, profile, profile.soc)):
        for finding in questions()[identity].read(values):
            if finding.field not in BEYOND:
                seen[claims.claim(finding).name].append(finding.values)
    return {name: [v for v in found[0] if all(v in values for values in found)] for name, found in seen.items()}


def test_an_odd_chip_is_recovered(truth, tmp_path):
    profile = load(truth)
    answer = probed(profile, truth, tmp_path)
    found = confirmed(profile, answer)
    assert found.of(Kind.CONTRADICTS) == []
    assert found.unseen == ()
    assert found.confirmed == {*NUMBERS, "abs", "neg"}
    values = {name: choices[0] for name, choices in recovered(profile, answer).items()}
    assert values == {
        "numerics.compute.float16": "float32",
        "numerics.compute.bfloat16": "float32",
        "numerics.compute.float32": "float32",
        "numerics.rounding": "primitive",
        "numerics.accumulate.float16": "float16",
        "numerics.accumulate.bfloat16": "float32",
        "numerics.accumulate.float32": "float32",
        "numerics.matmul.float16": "float16",
        "numerics.matmul.bfloat16": "bfloat16",
        "numerics.matmul.float32": "bfloat16",
        "numerics.subnormals": "flush",
        "numerics.overflow": "saturate",
    }


@pytest.mark.parametrize(
    ("chip", "expected"),
    [
        (
            "ascend910b",
            {
                "numerics.compute.float16": "float32",
                "numerics.compute.bfloat16": "float32",
                "numerics.rounding": "operator",
                "numerics.accumulate.float16": "float32",
                "numerics.accumulate.bfloat16": "float32",
                "numerics.matmul.float32": "float32",
                "numerics.subnormals": "keep",
                "numerics.overflow": "inf_nan",
            },
        ),
        (
            "ascend310p",
            {
                "numerics.compute.float16": "float32",
                "numerics.rounding": "operator",
                "numerics.accumulate.float16": "float32",
                "numerics.matmul.float32": "float16",
                "numerics.subnormals": "keep",
                "numerics.overflow": "saturate",
            },
        ),
    ],
)
def test_a_shipped_chip_is_recovered(chip, expected, tmp_path):
    profile = load(chip)
    answer = probed(profile, chip, tmp_path, *NUMBERS, "matmul_all_reduce")
    found = confirmed(profile, answer)
    assert found.of(Kind.CONTRADICTS) == []
    assert found.unseen == ("numerics.accumulate.int8",)
    assert [(claim.name, value) for claim, value in found.settled] == [("numerics.subnormals", "keep")]
    assert {name: choices[0] for name, choices in recovered(profile, answer).items()}.items() >= expected.items()
    assert found.confirmed >= {"mul", "add", "sum", "silu", "matmul", "matmul_all_reduce"}


def test_every_wrong_statement_is_found(truth, claimed, tmp_path):
    profile = claimed(
        (
            "abs:    # the simplest of all\n    ports: {self: [float16, float32]}",
            "abs: {ports: {self: [float16, int8]}}",
        ),
        (
            '    rules:\n      - rank: {self: ..3}\n        text: "at most 3 dimensions"\n'
            "        confidence: inferred    # from a picture\n    source: the manual\n"
            "    confidence: documented      # in table 1\n",
            "",
        ),
        ("accumulate: {float16: float16, bfloat16: float32}", "accumulate: {float16: float32, bfloat16: float32}"),
        ("overflow: saturate", "overflow: inf_nan"),
        ("not the same dtype", "the dtypes differ"),
        ("  neg:\n    ports: {self: [float16, float32]}\n    source: the manual\n", "  neg: unknown\n"),
        ('    confidence: "inferred"\n', ""),
    )
    found = confirmed(profile, probed(profile, truth, tmp_path, "abs", "neg", "mul", "matmul", "sum"))
    wrong = {(o.about, o.said, o.seen) for o in found.of(Kind.CONTRADICTS)}
    assert ("abs self=int8[2,2]", "accepted", 'refused: "self: no int8"') in wrong
    assert ("abs self=float32[2,2]", "rejected", "accepted") in wrong
    assert ("abs self=float16[2,2,2,2]", "accepted", 'refused: "at most 3 dimensions"') in wrong
    assert ("numerics.accumulate.float16", "float32", "float16") in wrong
    assert ("numerics.overflow", "inf_nan", "saturate") in wrong
    assert ("matmul: the sentence of same_dtype on mat2", '"the dtypes differ"', '"not the same dtype"') in wrong
    assert {about.split()[0].rstrip(":") for about, _, _ in wrong} == {
        "abs",
        "matmul",
        "numerics.accumulate.float16",
        "numerics.overflow",
    }
    lines = profile.file and [o.mark.line for o in found.of(Kind.CONTRADICTS) if o.about == "numerics.overflow"]
    assert set(lines) == {12}
    assert ("neg self=float16[2,2]", "accepted") in {(o.about, o.seen) for o in found.of(Kind.ANSWERS)}
    assert found.confirmed == {"mul", "sum"}
