"""`npusim profile new`: what it writes loads and lints, and nothing is overwritten."""

import re

import pytest

from npusim.cli import main
from npusim.profiles import available, load
from npusim.profiles.inheritance import families


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["mychip", "2", "null", "1.5", "a-b_c.d", "yes"])
def test_a_profile_from_scratch_loads_and_lints(capsys, name):
    assert main(["profile", "new", name]) == 0
    assert capsys.readouterr().out == f"{name}.yaml written; next: npusim profile lint ./{name}.yaml\n"
    assert main(["profile", "lint", f"./{name}.yaml"]) == 0
    assert capsys.readouterr().out == f"{name}: 0 checks; 1 operators, 1 of them unknown\n"
    assert load(f"./{name}.yaml").id == name


@pytest.mark.parametrize("parent", [available()[0], *(path.stem for path in families())])
def test_an_extension_loads_and_lints(capsys, parent):
    assert main(["profile", "new", "mychip", "--extends", parent]) == 0
    assert main(["profile", "lint", "mychip.yaml"]) == 0
    assert "error" not in capsys.readouterr().out
    assert load("mychip.yaml").ancestors[-1] == parent


def test_a_parent_may_be_in_the_same_folder(folder):
    assert main(["profile", "new", "base"]) == 0
    assert main(["profile", "new", "mychip", "--extends", "base"]) == 0
    assert load("mychip.yaml").ancestors == ("base",)


@pytest.mark.parametrize("more", [[], ["--extends", "ascend"]])
def test_what_is_in_comments_is_right(capsys, folder, more):
    main(["profile", "new", "mychip", *more])
    path = folder / "mychip.yaml"
    path.write_text(re.sub(r"^#(?=  |\w)", "", path.read_text(), flags=re.MULTILINE))
    assert main(["profile", "lint", "mychip.yaml"]) == 0
    assert ": error:" not in capsys.readouterr().out
    assert load("mychip.yaml").operators["add"].api == "vendorAdd"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["MyChip"], "lower case letters"),
        (["../up"], "lower case letters"),
        (["mychip", "--extends", "ascent"], "did you mean ascend"),
        (["mychip", "--extends", "../up"], "--extends takes the id"),
        (["mychip", "--extends", "mychip"], "cannot extend itself"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(capsys, folder, words, said):
    assert main(["profile", "new", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_a_file_is_never_overwritten(capsys, folder):
    (folder / "mychip.yaml").write_text("mine")
    assert main(["profile", "new", "mychip"]) == 2
    assert "mychip.yaml is there already" in capsys.readouterr().err
    assert (folder / "mychip.yaml").read_text() == "mine"
