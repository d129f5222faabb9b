"""`npusim profile test`: counts, complaints and exit codes."""

import json

import pytest

from npusim.cli import main


def tried(capsys, *words):
    code = main(["profile", "test", *map(str, words)])
    return code, capsys.readouterr().out


def test_counts_of_a_profile_that_passes(capsys, write_profile):
    path = write_profile(
        "operators: {neg: {ports: {self: [float16, int8]}, rules: [{rank: {self: ..2}}]}, abs: unknown}\n"
    )
    code, out = tried(capsys, path)
    assert code == 0
    heading, row, total = out.splitlines()
    assert heading.split() == ["operator", "accepted", "rejected"]
    assert row.split() == ["neg", "2", "2"]
    assert total == "chip: 1 operators, 2 calls accepted, 2 rejected; all pass"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{rules: [{same_shape: [self, out]}]}", "was found that breaks this same_shape on out"),
        ("{rules: [{rank: {self: 1}}, {rank: {self: 2}}]}", "no call of gelu was found that is accepted"),
    ],
)
def test_what_fails_is_named_with_its_place(capsys, write_profile, entry, said):
    path = write_profile(f"operators: {{gelu: {entry}}}\n")
    code, out = tried(capsys, path)
    assert code == 1
    assert f"{path}:4:" in out
    assert said in out
    assert out.endswith("; failed\n")


def test_json(capsys, write_profile):
    code, out = tried(capsys, write_profile("operators: {neg: {ports: {self: int8}}}\n"), "--format", "json")
    record = {"operator": "neg", "accepted": 1, "rejected": 1, "passes": True, "complaints": []}
    assert (code, json.loads(out)) == (0, {"profile": "chip", "operators": [record]})


def test_a_shipped_profile_passes(capsys):
    assert tried(capsys, "ascend310p")[0] == 0
