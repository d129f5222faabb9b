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
    name, accepted, rejected = row.split()
    assert (name, rejected) == ("neg", "2")
    assert int(accepted) > 1
    assert total == f"chip: 1 operators, {accepted} calls accepted, 2 rejected; all pass"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{rules: [{rank: {self: 0..}}]}", "was found that breaks this rank on self"),
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
    (record,) = json.loads(out)["operators"]
    assert (code, json.loads(out)["profile"]) == (0, "chip")
    assert record.pop("accepted") > 0
    assert record == {"operator": "neg", "rejected": 1, "passes": True, "complaints": []}


def test_a_shipped_profile_passes(capsys):
    assert tried(capsys, "gaudi2")[0] == 0
