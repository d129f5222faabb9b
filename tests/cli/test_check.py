"""`npusim check`: a user's model on simulated chips, from the shell."""

import json
from collections.abc import Iterator
from textwrap import dedent

import pytest

from npusim.cli import main
from npusim.errors import MissingExtraError
from npusim.frontends.torch import requirement

MODELS = """\
    import torch
    from torch import nn


    class Leak(nn.Module):
        def __init__(self):
            super().__init__()
            self.proj = nn.Linear(8, 8, dtype=torch.bfloat16)

        def forward(self, x):
            y = x * torch.ones(8)
            return torch.ops.npu.npu_mm_all_reduce_base(y, self.proj.weight, "group")


    class Unknown(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)


    class Square(nn.Module):
        def forward(self, x):
            return (x * x).sqrt()


    def fine(): return nn.Linear(8, 8), torch.ones(2, 8)

    def leak(): return Leak(), torch.ones(4, 8, dtype=torch.bfloat16)

    def unknown(): return Unknown(), torch.eye(3)

    def overflow(): return Square(), torch.full((2, 2), 600.0).half()

    def raises(): raise KeyError("missing")
    """
SENTENCE = "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]."


@pytest.fixture(autouse=True, scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop_models.py").write_text(dedent(MODELS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        yield


@pytest.mark.parametrize(
    ("name", "on", "code"),
    [
        ("fine", "ascend910b", 0),
        ("leak", "ascend910b", 1),
        ("unknown", "ascend910b", 3),
        ("raises", "ascend910b", 2),
        ("fine", "ascend999", 2),
        ("fine", ",", 2),
        ("fnie", "ascend910b", 2),
    ],
)
def test_the_exit_code_says_what_came_of_it(capsys, name, on, code):
    assert main(["check", f"shop_models:{name}", "--on", on]) == code
    out, err = capsys.readouterr()
    assert (out == "", err == "") == (code == 2, code != 2)
    assert "Traceback" not in err


def test_a_rejection_is_the_vendors_sentence_with_module_line_and_origin(capsys):
    main(["check", "shop_models:leak", "--on", "ascend910b"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ascend910b: ")
    assert SENTENCE in lines
    assert any(line.startswith("  at       shop_models.py:12 in Leak") for line in lines)
    assert "  found    float32, born in mul(bfloat16, float32) at shop_models.py:11 in Leak" in lines


def test_rejected_on_one_of_several_chips_outweighs_the_others(capsys):
    assert main(["check", "shop_models:leak", "--on", "ascend910b,ascend310p", "--on", "ethos-u55"]) == 1
    heads = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if "operator calls judged" in line]
    assert heads == ["ascend910b", "ascend310p", "ethos-u55"]


def test_json_is_a_list_of_runs(capsys):
    assert main(["check", "shop_models:leak", "--on", "ascend910b", "--format", "json", "--repair"]) == 1
    (record,) = json.loads(capsys.readouterr().out)
    assert record["profile"] == "ascend910b"
    assert record["verdicts"][0]["violations"][0]["text"] == SENTENCE
    (found,) = record["repairs"]
    assert found["finding"].startswith("repairs of NPU101 aclnnMatmulAllReduce, x1 is float32")
    assert found["site"]["module"] == "Leak"
    assert found["ranked"][0]["accepted"] is True
    assert found["ranked"][0]["sqnr_db_model"] > 20


def test_repairs_are_ranked_below(capsys):
    assert main(["check", "shop_models:leak", "--on", "ascend910b", "--repair"]) == 1
    out = capsys.readouterr().out
    assert "\nrepairs of NPU101 aclnnMatmulAllReduce, x1 is float32" in out
    assert "\n  1. cast at " in out


@pytest.mark.parametrize("option", ["--fake", "--training", "--execute"])
def test_the_ways_to_run(capsys, option):
    assert main(["check", "shop_models:fine", "--on", "ascend910b", option]) == 0
    assert " 0 rejected, 0 unknown" in capsys.readouterr().out


def test_a_lowering_that_does_not_exist_is_corrected(capsys):
    assert main(["check", "shop_models:fine", "--on", "ascend910b", "--lowering", "lmdeploy"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_person_sees_on_standard_error_what_takes_long(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main(["check", "shop_models:fine", "--on", "ascend910b,ascend310p"])
    shown = capsys.readouterr().err
    assert "npusim: shop_models:fine on ascend310p (2 of 2) ..." in shown
    assert shown.endswith("\r\033[2K")


def test_without_torch_it_says_how_to_get_it(capsys, monkeypatch):
    def missing() -> None:
        raise MissingExtraError("torch is not installed; npusim.torch needs torch")

    monkeypatch.delitem(__import__("sys").modules, "npusim.torch", raising=False)
    monkeypatch.setattr(requirement, "require_torch", missing)
    assert main(["check", "shop_models:fine", "--on", "ascend910b"]) == 2
    assert capsys.readouterr() == ("", "npusim: torch is not installed; npusim.torch needs torch\n")


def test_json_has_a_word_for_what_is_no_number(capsys):
    assert main(["check", "shop_models:overflow", "--on", "ascend910b", "--format", "json", "--repair"]) == 0
    (record,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert "inf" in [one["sqnr_db_there"] for one in record["repairs"][0]["ranked"]]
