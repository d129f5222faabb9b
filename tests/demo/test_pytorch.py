"""The PyTorch chapter of `npusim demo`, on transformers' own classes."""

import re
from importlib.util import find_spec

import pytest

from npusim.demo import main, pytorch
from npusim.demo.story import Step

pytestmark = pytest.mark.xdist_group("pytorch story")
COUNTS = re.compile(r"ascend910b: \d+ of \d+ operator calls judged, (\d+) rejected")


@pytest.fixture(scope="session")
def chapter() -> list[Step]:
    return list(pytorch.tell())


def rejected(step: Step) -> int:
    return next(int(found[1]) for line in step.lines if (found := COUNTS.match(line)))


def rank(step: Step, code: str) -> tuple[int, float]:
    """The rank of the repair that says to do this, and its ratio where the chip had refused."""
    lines = list(step.lines)
    at = next(number for number, line in enumerate(lines) if code in line)
    head = next(line for line in reversed(lines[:at]) if line[:1].isdigit())
    return int(head.partition(".")[0]), float(head.split()[-4])


def test_eager_accepts_and_says_why(chapter: list[Step]) -> None:
    assert rejected(chapter[0]) == 0
    why = " ".join(chapter[0].lines)
    assert "promoted by an operator such as mul" in why
    assert "aclnnAddmm, which take float32" in why


def test_tensor_parallelism_is_refused_in_the_vendors_words_with_module_line_and_origin(chapter: list[Step]) -> None:
    lines = chapter[1].lines
    assert rejected(chapter[1]) == 2
    assert "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]." in lines
    at = next(line for line in lines if line.startswith("  at "))
    assert re.search(r"modeling_qwen2_5_vl\.py:\d+ in model\.visual\.blocks\.0\.attn\.proj$", at)
    found = next(line for line in lines if line.startswith("  found "))
    assert re.search(r"born in mul\(bfloat16, float32\) at modeling_qwen2_5_vl\.py:\d+ in model\.visual", found)


def test_both_published_repairs_are_ranked_by_their_numbers(chapter: list[Step]) -> None:
    late = rank(chapter[2], "cast cos and sin to bfloat16")
    early = rank(chapter[2], "cast freqs to bfloat16")
    assert late[0] < early[0]
    assert late[1] > early[1] > 20
    said = chapter[2].lines[-1]
    assert f"Rank {early[0]}, the early cast" in said
    assert f"rank {late[0]}, the late one" in said
    assert float(said.split()[-3]) == pytest.approx(late[1] - early[1], abs=0.11)


def test_72_billion_parameters_are_checked_without_memory(chapter: list[Step]) -> None:
    text = "\n".join(chapter[3].lines)
    assert "73.4 billion, 147 GB in bfloat16, none allocated" in text
    assert rejected(chapter[3]) == 32
    assert "model.visual.blocks.0.attn.proj to model.visual.blocks.31.attn.proj" in text


def test_the_chapter_follows_the_story_and_is_short(
    chapter: list[Step], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npusim.demo.tell", lambda: iter([Step("A heading", ())]))
    monkeypatch.setattr(pytorch, "tell", lambda: iter(chapter))
    assert main() == 0
    printed = capsys.readouterr().out.splitlines()
    assert f"2. {chapter[0].heading}" in printed
    assert max(map(len, printed)) <= 120
    assert all(len(step.lines) <= 24 for step in chapter)


@pytest.mark.parametrize("name", ["torch", "transformers"])
def test_without_what_it_needs_the_chapter_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(pytorch, "find_spec", lambda one: None if one == name else find_spec(one))
    assert pytorch.missing() == "The PyTorch chapter needs torch and transformers: pip install 'npusim[torch]'"


def test_a_transformers_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError(f"{name} does not load")

    monkeypatch.setattr(pytorch, "import_module", broken)
    assert pytorch.missing().endswith("(npusim.demo.qwen does not load)")
    monkeypatch.undo()
    assert pytorch.missing() == ""
