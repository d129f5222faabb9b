"""The pages written from the code say what the code says today."""

from pathlib import Path

import pytest

from npusim.report.reference import PAGES, page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_committed_page_is_fresh(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == page(name), "run `make docs`"
