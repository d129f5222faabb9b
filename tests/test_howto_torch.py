"""docs/howto-torch.md, followed word by word: every block runs, in order, and prints what the page shows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.howto import FILE, blocks, shows

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/howto-torch.md"
BLOCKS = blocks(PAGE)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """What the page shows, and what was printed: by a process of its own, for it gives torch a device for good."""
    command = [sys.executable, "-m", "tests.howto", str(PAGE)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}."}
    folder = tmp_path_factory.mktemp("howto")
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stderr == ""
    return [(shown, printed) for shown, printed in json.loads(done.stdout)]


def test_every_block_prints_what_the_page_shows(pairs: list[tuple[str, str]]) -> None:
    assert [pair for pair in pairs if not shows(*pair)] == []


def test_every_block_is_run_written_or_shown(pairs: list[tuple[str, str]]) -> None:
    assert BLOCKS[0] == ("", 'pip install "npusim[torch]"\n')
    commands = [text for kind, text in BLOCKS if kind == "" and text.startswith("$ ")]
    code = [text for kind, text in BLOCKS if kind == "python" and not FILE.match(text)]
    assert len(pairs) == len(commands) + len(code)
    shown = [text for kind, text in BLOCKS[1:] if kind == "" and not text.startswith("$ ")]
    assert set(shown) <= {shown for shown, _ in pairs}
