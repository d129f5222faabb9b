"""Scripts that are written and run, with a simulated device in place of the chip."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npusim.probe.confirm import Confirmation, confirm
from npusim.probe.record import read_record
from npusim.probe.script import script
from npusim.profiles import Profile, load

TRUTH = """\
npusim: 1
id: chip
name: A chip
soc: Chip
stack: {name: SDK, version: "1.0"}
numerics:
  compute: {float16: float32, bfloat16: float32}
  rounding: primitive
  accumulate: {float16: float16, bfloat16: float32}
  matmul: {float32: bfloat16}
  subnormals: flush
  overflow: saturate
dialects:
  - sentences: {dtype: "{name}: no {found}"}
operators:
  abs:    # the simplest of all
    ports: {self: [float16, float32]}
    rules:
      - rank: {self: ..3}
        text: "at most 3 dimensions"
        confidence: inferred    # from a picture
    source: the manual
    confidence: documented      # in table 1
  neg:
    ports: {self: [float16, float32]}
    source: the manual
    confidence: "inferred"
  mul, add, div, sum, silu:
    ports: {self: [float16, bfloat16, float32]}
    source: the manual
    confidence: documented
  matmul:
    ports: {self: [float16, bfloat16, float32], mat2: [float16, bfloat16, float32]}
    rules:
      - same_dtype: [self, mat2]
        text: "not the same dtype"
    source: the manual
    confidence: documented
"""
"""A chip that differs in all its numerics from those that come with npusim."""


def run_script(path: Path, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a script where it stands, and return what it printed."""
    command = [sys.executable, path.name, *words]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=timeout_s, check=False)


def probed(profile: Profile, chip: str | Path, folder: Path, *operators: str) -> Path:
    """Probe a simulated device with the script of a profile; return the result's path."""
    path = folder / "ask.py"
    path.write_text(script(profile, operators or list(profile.operators)), encoding="utf-8")
    done = run_script(path, "--backend", f"npusim:{chip}", "--out", "answer.json")
    assert done.returncode == 0, done.stderr
    return folder / "answer.json"


def confirmed(profile: Profile, answer: Path) -> Confirmation:
    """Compare a result with a profile."""
    return confirm(profile, read_record(answer, profile, profile.soc))


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the chip that is as it is."""
    path = tmp_path_factory.mktemp("truth") / "chip.yaml"
    path.write_text(TRUTH, encoding="utf-8")
    return path


@pytest.fixture
def claimed(tmp_path: Path) -> Callable[..., Profile]:
    """A profile of the chip in which some things are said otherwise."""

    def write(*changes: tuple[str, str]) -> Profile:
        text = TRUTH
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "chip.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return write


@pytest.fixture(scope="session")
def answer(truth: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the probe of two operators, which need no kernels, learnt of the chip."""
    path = probed(load(truth), truth, tmp_path_factory.mktemp("answer"), "abs", "neg")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def write_answer(answer: dict[str, Any], tmp_path: Path) -> Callable[..., Path]:
    """Write the answer with some of its keys changed; return the path."""

    def write(**changes: object) -> Path:
        path = tmp_path / "answer.json"
        path.write_text(json.dumps({**answer, **changes}), encoding="utf-8")
        return path

    return write
