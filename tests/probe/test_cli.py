"""`npusim profile probe` and `npusim profile confirm` on the command line."""

import json

import pytest

from npusim.cli import main
from tests.probe.conftest import TRUTH


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def words(*given):
        code = main(["profile", *map(str, given)])
        return code, *capsys.readouterr()

    return words


def write(folder, *changes, name="chip.yaml"):
    text = TRUTH
    for old, new in changes:
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_script_is_written(run, truth, tmp_path):
    code, out, told = run("probe", truth, "--only", "abs", "--only", "neg")
    assert (code, told.splitlines()[0].split(":")[0]) == (0, "abs")
    assert out.startswith("probe_chip.py written")
    text = (tmp_path / "probe_chip.py").read_text(encoding="utf-8")
    compile(text, "probe_chip.py", "exec")
    assert "/numbers/" not in text


def test_an_operator_that_nobody_has_is_refused(run, truth, tmp_path):
    code, _, said = run("probe", truth, "--only", "abd")
    assert code == 2
    assert "unknown operator 'abd'" in said
    assert list(tmp_path.iterdir()) == []


def test_an_operator_of_which_the_profile_has_no_entry_is_refused(run, truth, tmp_path):
    code, _, said = run("probe", truth, "--only", "softmax")
    assert code == 2
    assert "chip has no entry of softmax" in said
    assert list(tmp_path.iterdir()) == []


def test_a_profile_that_is_right(run, write_answer, tmp_path):
    code, out, _ = run("confirm", write(tmp_path), write_answer())
    assert code == 0
    assert out.splitlines()[0].startswith("chip: probed 2")
    assert " 0 contradict, " in out.splitlines()[1]


def test_a_profile_that_is_wrong(run, write_answer, tmp_path):
    path = write(tmp_path, ("{self: [float16, float32]}", "{self: float16}"))
    code, out, _ = run("confirm", path, write_answer(), "--write")
    assert code == 1
    line = "chip.yaml:17:19: abs self=float32[2,2]: the profile says rejected, the chip accepted"
    assert line in out
    assert "chip.yaml:27:17: measured, of neg" in out
    assert "confidence: documented      # in table 1" in path.read_text(encoding="utf-8")


def test_json(run, write_answer, tmp_path):
    path = write(tmp_path, ("{self: [float16, float32]}", "{self: float16}"))
    code, out, _ = run("confirm", path, write_answer(), "--format", "json")
    found = json.loads(out)
    assert (code, found["holds"], found["raised"]) == (1, False, [])
    first = found["contradicts"][0]
    assert (first["line"], first["profile"], first["chip"]) == (17, "rejected", "accepted")


def test_what_a_family_says_is_left_unless_it_is_wanted(run, write_answer, tmp_path):
    family = write(tmp_path, ("id: chip", "family: base"), name="base.yaml")
    before = family.read_text(encoding="utf-8")
    child = tmp_path / "chip.yaml"
    child.write_text("npusim: 1\nid: chip\nextends: base\n", encoding="utf-8")
    code, out, _ = run("confirm", child, write_answer(), "--write")
    assert code == 0
    assert "3 entries agree as well, but stand in base.yaml" in out
    assert family.read_text(encoding="utf-8") == before
    assert run("confirm", child, write_answer(), "--write", "--inherited")[0] == 0
    assert family.read_text(encoding="utf-8").count("measured") == 3


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_a_file_that_is_not_there(run, truth, name):
    code, out, said = run("confirm", truth, name)
    assert (code, out) == (2, "")
    assert "Traceback" not in said


def test_an_answer_that_is_wrong_changes_nothing(run, write_answer, tmp_path):
    path = write(tmp_path)
    code, out, said = run("confirm", path, write_answer(chip="Another"), "--write")
    assert (code, out) == (2, "")
    assert said.startswith("npusim: ")
    assert said.count("\n") == 1
    assert path.read_text(encoding="utf-8") == TRUTH
