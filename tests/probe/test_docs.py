"""The page on probes is true: its example gives what it prints, word by word but for the date and our version."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import npusim

PAGE = Path(__file__).parents[2] / "docs" / "howto-probe.md"
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
PROGRAMS = {"npusim": [sys.executable, "-m", "npusim"], "python": [sys.executable]}


def masked(text):
    dated = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "DATE", text)
    return re.sub(r"npusim \d[\w.]*", "npusim VERSION", dated)


def test_the_example_is_reproducible(tmp_path):
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    profile, chip = (text for kind, text in blocks if kind == "yaml")
    silicon = tmp_path / "silicon"
    silicon.mkdir()
    (tmp_path / "mychip.yaml").write_text(profile, encoding="utf-8")
    (silicon / "mychip.yaml").write_text(chip, encoding="utf-8")
    (silicon / "base.yaml").write_text(profile.replace("id: mychip", "family: base"), encoding="utf-8")
    shown = [text for kind, text in blocks if not kind and text.startswith("$ ")]
    assert len(shown) == 3
    for text in shown:
        command, _, expected = text.removeprefix("$ ").partition("\n")
        program, *words = shlex.split(command)
        done = subprocess.run(
            [*PROGRAMS[program], *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert masked(done.stdout) == masked(expected)
    assert f"npusim {npusim.__version__}" in PAGE.read_text(encoding="utf-8")
