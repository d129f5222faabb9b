"""`npusim torch coverage`: the operators of a user's model, from the shell."""

import json
from collections.abc import Iterator
from textwrap import dedent

import pytest

from npusim.cli import main

MODELS = """\
    import torch
    from torch import nn


    class Unknown(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x).real


    def fine(): return nn.Sequential(nn.Linear(8, 8), nn.ReLU()), torch.ones(2, 8)

    def unknown(): return Unknown(), torch.eye(3)
    """


@pytest.fixture(autouse=True, scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("stall")
    (folder / "stall_models.py").write_text(dedent(MODELS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        yield


def test_what_is_known_and_judged(capsys):
    assert main(["torch", "coverage", "stall_models:fine", "--on", "ascend910b"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["npusim knows 2 of 2 (100 %)", "ascend910b judges 2 of 2 (100 %)"]
    assert any(line.split() == ["1", "aten.linear.default", "linear", "100", "%"] for line in lines)


def test_an_unmapped_operator_is_listed_and_in_the_exit_code(capsys):
    assert main(["torch", "coverage", "stall_models:unknown"]) == 3
    assert "aten.linalg_eig.default" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "operator"), [("--fake", "aten.linear.default"), ("--training", "aten.addmm.default")]
)
def test_the_ways_to_run(capsys, option, operator):
    assert main(["torch", "coverage", "stall_models:fine", option, "--format", "json"]) == 0
    assert operator in [row["overload"] for row in json.loads(capsys.readouterr().out)]


def test_a_wrong_target_and_a_wrong_chip(capsys):
    assert main(["torch", "coverage", "stall_models:fnie"]) == 2
    assert "did you mean fine?" in capsys.readouterr().err
    assert main(["torch", "coverage", "stall_models:fine", "--on", "ascend999"]) == 2
    assert "ascend999" in capsys.readouterr().err
