"""`npusim profile import`: what it prints and writes, what it says besides, and that nothing is overwritten."""

import pytest

from npusim.cli import main
from npusim.files import write_text
from npusim.profiles import load

ADD = (
    '{"Add": {"input0": {"name": "x", "paramType": "required", "dtype": "float16,string"}, '
    '"attr_pairs": {"type": "listListInt", "paramType": "required", "value": "all"}}}'
)
REMARKS = [
    "not imported: cann_add: the row string, because npusim knows no dtype 'string'",
    "not imported: cann_add: the attribute pairs of type listListInt",
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aic-ascend910b-ops-info.json").write_text(ADD, encoding="utf-8")
    return tmp_path


def imported(capsys, *words):
    code = main(["profile", "import", "cann", "aic-ascend910b-ops-info.json", *words])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("words", [[], ["--out", "-"]])
def test_a_profile_is_printed(capsys, folder, words):
    code, out, err = imported(capsys, *words)
    assert (code, err.splitlines()) == (0, REMARKS)
    (folder / "ascend910b-kernels.yaml").write_text(out, encoding="utf-8")
    assert list(load(folder / "ascend910b-kernels.yaml").operators) == ["cann_add"]


def test_a_profile_is_written_under_the_id_of_its_file(capsys, folder):
    code, out, err = imported(capsys, "--out", "mine.yaml")
    assert (code, err.splitlines()) == (0, REMARKS)
    assert out == "mine.yaml written: 1 operators; next: npusim profile lint mine.yaml\n"
    assert load(folder / "mine.yaml").id == "mine"
    assert sorted(path.name for path in folder.iterdir()) == ["aic-ascend910b-ops-info.json", "mine.yaml"]


def test_nothing_is_overwritten_unless_it_is_forced(capsys, folder):
    (folder / "mine.yaml").write_text("precious", encoding="utf-8")
    said = "npusim: mine.yaml is there already, and is not overwritten; --force replaces it\n"
    assert imported(capsys, "--out", "mine.yaml") == (2, "", said)
    assert (folder / "mine.yaml").read_text(encoding="utf-8") == "precious"
    assert imported(capsys, "--out", "mine.yaml", "--force")[0] == 0
    assert load(folder / "mine.yaml").id == "mine"


@pytest.mark.parametrize("name", ["mine.yml", "Mine.yaml", "mine"])
def test_the_file_of_a_profile_is_named_by_its_id(capsys, name):
    code, _, err = imported(capsys, "--out", name)
    assert code == 2
    assert f"lower case letters, digits, _ . and -: {name!r}" in err


def test_a_wrong_file_leaves_nothing_behind(capsys, folder):
    (folder / "aic-ascend910b-ops-info.json").write_text("{", encoding="utf-8")
    code, out, err = imported(capsys, "--out", "mine.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("npusim: aic-ascend910b-ops-info.json:1:2: not JSON")
    assert not (folder / "mine.yaml").exists()


def test_a_file_that_is_not_there_is_one_message(capsys):
    assert main(["profile", "import", "tosa", "tosa.xml"]) == 2
    assert "tosa.xml" in capsys.readouterr().err


def test_a_file_that_fails_halfway_is_not_written(folder):
    def lines():
        yield "half"
        raise RuntimeError

    path = folder / "calls.jsonl"
    path.write_text("whole", encoding="utf-8")
    with pytest.raises(RuntimeError):
        write_text(path, lines())
    assert path.read_text(encoding="utf-8") == "whole"
    assert len(list(folder.iterdir())) == 2
