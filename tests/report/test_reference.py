"""The pages written from the code say what the code says today."""

from pathlib import Path

import pytest

from npusim.report.reference import PAGES, page

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_committed_page_is_fresh(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == page(name), "run `make docs`"
