"""The founding story, as `npusim demo` tells it on the real kernels."""

from pathlib import Path

import numpy as np
import pytest

from npusim.demo import main, vision
from npusim.demo.story import Step, tell

pytestmark = pytest.mark.xdist_group("story")
USER_CODE = Path(vision.__file__).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="session")
def story() -> list[Step]:
    return list(tell())


def line_of(code: str) -> int:
    return next(number for number, line in enumerate(USER_CODE, 1) if code in line)


def test_the_rejection_is_the_vendors_sentence_at_the_projection(story: list[Step]) -> None:
    lines = story[1].lines
    assert lines[0] == "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]."
    assert any(f"vision.py:{line_of('xp.matmul_all_reduce(')} in block" in line for line in lines)


def test_float32_is_born_where_the_rotary_table_meets_the_query(story: list[Step]) -> None:
    born = next(line for line in story[1].lines if "born in" in line)
    assert "float32, born in mul(bfloat16, float32)" in born
    assert f"vision.py:{line_of('x * cos + half * sin')} in rotate" in born


def test_both_repairs_run_and_the_early_one_costs_phase(story: list[Step]) -> None:
    rows = {line.split(":")[0]: line.split() for line in story[2].lines if line.startswith(("early:", "late:"))}
    error = {name: float(row[-3]) for name, row in rows.items()}
    quality = {name: float(row[-2]) for name, row in rows.items()}
    assert error["early"] > 10 * error["late"]
    assert error["late"] <= round(2.0**-9, 4)  # half an ulp of bfloat16 below 1, as printed
    assert quality["late"] > quality["early"] > 20


def test_the_310p_refuses_bfloat16_and_runs_float16(story: list[Step]) -> None:
    assert story[3].lines[0].startswith("The param dtype not implemented for DT_BFLOAT16, should be in dtype support")
    assert any(line.startswith("In float16 it is accepted and runs") for line in story[3].lines)


def test_each_step_fits_a_screen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [Step("A heading", ("word " * 60, "  indented"))]
    monkeypatch.setattr("npusim.demo.tell", lambda: iter(steps))
    monkeypatch.setattr("npusim.demo.pytorch.missing", lambda: "how to get it")
    assert main() == 0
    printed = capsys.readouterr().out.splitlines()
    assert (printed[0], printed[-1]) == ("1. A heading", "how to get it")
    assert max(map(len, printed)) <= 120


def test_the_story_is_short(story: list[Step]) -> None:
    assert all(len(step.lines) <= 20 for step in story)


def test_the_angles_are_those_of_the_model() -> None:
    """transformers' Qwen2.5-VL: positions of merged 2 x 2 patches times 20 inverse frequencies, rows then columns."""
    angles = vision.angles()
    assert angles.shape == (34 * 46, 40)
    assert angles.dtype == np.float32
    first = angles[:4, [0, 20]]
    np.testing.assert_array_equal(first, [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert angles.max() == 45
    np.testing.assert_allclose(angles[-1, :20] / angles[-1, 0], 10_000.0 ** -(np.arange(0, 40, 2) / 40), rtol=1e-6)
