"""The documents are true: links lead somewhere, examples run."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npusim
from npusim.profiles.lint import lint

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")]
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for kind, body in BLOCK.findall(text) if kind == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_document_is_reachable_from_the_readme() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} <= linked


def test_the_readmes_python_example_is_refused_at_its_last_line() -> None:
    code = blocks("README.md", "python")[0]
    first, last = code.rstrip().rsplit("\n", 1)
    scope: dict[str, object] = {}
    exec(compile(first, "example.py", "exec"), scope)
    with pytest.raises(npusim.DtypeNotSupportedError) as caught:
        exec(compile("\n" * first.count("\n") + "\n" + last, "example.py", "exec"), scope)
    printed = blocks("README.md", "")[1]
    sentence = "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]."
    assert str(caught.value).startswith(sentence)
    assert sentence in printed
    assert caught.value.origin is not None
    assert (caught.value.origin.line, caught.value.origin.operator) == (10, "mul(bfloat16, float32)")
    for line in ("born in mul(bfloat16, float32) at example.py:10", "repair   cast x1 to bfloat16"):
        assert line in str(caught.value)
        assert line in printed


def test_the_readmes_pytorch_example_runs() -> None:
    code = next(block for block in blocks("README.md", "python") if "transformers" in block)
    scope: dict[str, Any] = {}
    exec(compile(code, "example.py", "exec"), scope)
    counts = scope["run"].counts
    assert counts.judged > 50
    assert counts.rejected == counts.unknown == 0
    assert scope["logits"].isfinite().all()


@pytest.mark.parametrize("page", ["README.md", "docs/howto-profile.md"])
def test_profile_examples_load(page: str, tmp_path: Path) -> None:
    (text,) = blocks(page, "yaml")
    path = tmp_path / "mychip.yaml"
    path.write_text(text, encoding="utf-8")
    npu = npusim.device(path)
    assert npu.judge("matmul", "float16[4,8]", "float16[8,16]")
    assert not npu.judge("matmul", "float16[4,8]", "float16[8,5]")
    out = npu.run("matmul", np.ones((4, 8), np.float16), np.ones((8, 16), np.float16))
    assert np.array_equal(out, np.full((4, 16), 8, np.float16))


def test_the_profile_guides_example_lints_as_printed(tmp_path: Path) -> None:
    path = tmp_path / "mychip.yaml"
    path.write_text(blocks("docs/howto-profile.md", "yaml")[0], encoding="utf-8")
    report = lint(path)
    printed = f"$ npusim profile lint ./mychip.yaml\n{report.id}: {report.grade}\n"
    assert report.findings == ()
    assert printed in blocks("docs/howto-profile.md", "")


def test_the_guides_kernel_example_runs() -> None:
    code = next(block for block in blocks("docs/guide.md", "python") if "run_kernel" in block)
    source = "__kernel void scale(__global const float* x, float by, __global float* out)"
    source += "{ size_t i = get_global_id(0); out[i] = x[i] * by; }"
    x = np.arange(8, dtype=np.float32)
    scope: dict[str, object] = {"npu": npusim.device("ascend910b"), "np": np, "source": source, "x": x}
    exec(compile(code, "guide.md", "exec"), scope)
    assert np.array_equal(scope["result"], 2 * x)
