"""`npusim profile lint`: what it prints and its exit code; what it finds is tested beside the model."""

import json

import pytest

from npusim.cli import main

CLEAN = """\
operators:
  neg: {ports: {self: float16}, source: a manual, confidence: inferred}
"""
ODD = "features: {idle: true}\n" + CLEAN


def linted(capsys, *words):
    code = main(["profile", "lint", *map(str, words)])
    return code, capsys.readouterr().out


def test_a_clean_profile_has_only_a_grade(capsys, write_profile):
    grade = (
        "1 checks: 0% documented or measured, 100% inferred, 0% of unknown confidence; 1 operators, 0 of them unknown"
    )
    assert linted(capsys, write_profile(CLEAN)) == (0, f"chip: {grade}\n")


def test_a_warning_is_not_a_failure(capsys, write_profile):
    path = write_profile(ODD)
    code, out = linted(capsys, path)
    assert (code, out.splitlines()[0]) == (0, f"{path}:4:12: warning: feature 'idle' gates nothing")


def test_an_error_is_one(capsys, write_profile):
    path = write_profile("operators: {neg: {ports: {self: float17}}}\n")
    code, out = linted(capsys, path)
    assert code == 1
    assert out.startswith(f"{path}:4:33: error: unknown dtype 'float17'")
    assert out.count("\n") == 1


def test_a_file_below_the_working_directory_is_named_from_there(capsys, write_profile, monkeypatch):
    monkeypatch.chdir(write_profile(ODD).parent)
    assert linted(capsys, "chip.yaml")[1].startswith("chip.yaml:4:12: ")


def test_json(capsys, write_profile):
    path = write_profile(ODD)
    code, out = linted(capsys, path, "--format", "json")
    (record,) = json.loads(out)
    place = {"file": str(path), "line": 4, "column": 12}
    message = {"severity": "warning", "kind": "unused-feature", "message": "feature 'idle' gates nothing"}
    assert (code, record["id"], record["findings"]) == (0, "chip", [place | message])
    assert record["grade"]["inferred"] == 1


def test_without_arguments_all_that_come_with_npusim(capsys, monkeypatch, write_profile):
    monkeypatch.setattr("npusim.cli.profile.lint.shipped", lambda: iter([write_profile(CLEAN)]))
    family = write_profile("npusim: 1\nfamily: lesser\n", name="lesser", header="")
    monkeypatch.setattr("npusim.cli.profile.lint.families", lambda: iter([family]))
    code, out = linted(capsys)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["lesser", "chip"]


@pytest.mark.parametrize("name", ["ascend911b", "./nowhere.yaml"])
def test_a_profile_that_is_not_there_is_a_usage_error(capsys, name):
    assert main(["profile", "lint", name]) == 2
    assert "unknown profile" in capsys.readouterr().err
