"""Models that nobody wrote for npusim run on every chip of the page on them, whose counts are those of today."""

from collections.abc import Iterator

import pytest

from benchmarks.torch_models import CHIPS, FULL, PAGE, TINY, row, rows

ONE_PERCENT = 0.01


@pytest.mark.parametrize("manner", ["tiny", "training"])
@pytest.mark.parametrize("name", TINY)
def test_a_tiny_model_runs_on_every_chip_and_the_page_says_what_comes_of_it(name: str, manner: str) -> None:
    written = set(lines())
    for found in rows(name, manner):
        assert found.counts in written
        if found.chip.startswith("ascend"):
            assert found.unknown <= ONE_PERCENT * (found.judged + found.unknown)


@pytest.mark.parametrize("name", TINY)
def test_nothing_is_refused_on_the_a2_in_bfloat16(name: str) -> None:
    for manner in ("tiny", "training"):
        assert row(name, TINY[name], "ascend910b", manner).refused == {}


def test_the_page_has_every_model_on_every_chip() -> None:
    shown = {tuple(line.split(" | ")[:2]) for line in lines()}
    assert shown >= {(f"| {name}", chip) for name in (*TINY, *FULL) for chip in CHIPS}


def lines() -> Iterator[str]:
    """The cells of each row of the page that do not depend on the machine."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = line.split(" | ")
        if len(cells) == 10:
            yield f"{' | '.join(cells[:7])} |"
