"""Real messages that people met on real chips, as they reported them: the call that caused each gives that text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import npusim
from npusim.errors import CallError
from npusim.report.text import rejection
from npusim.simulator import Status, Verdict, wrapping

TABLE = Path(__file__).with_name("golden.yaml")
PAGE = Path(__file__).parents[2] / "docs" / "golden-messages.md"
Row = dict[str, Any]
ROWS: list[Row] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
REPRODUCED = [row for row in ROWS if "explained" not in row]
EXPLAINED = [row for row in ROWS if "explained" in row]
WRAPPED = [row for row in REPRODUCED if "wrapped" in row]


def _judged(row: Row) -> Verdict:
    return npusim.device(row["chip"], stack=row["stack"]).judge(row["operator"], **row["call"])


def _name(row: Row) -> str:
    return str(row["thread"])


@pytest.mark.parametrize("row", REPRODUCED, ids=_name)
def test_the_sentence_is_the_one_reported(row: Row):
    verdict = _judged(row)
    assert verdict.status is Status.REJECTED
    assert verdict.violations[0].text == row["says"]


def _masked(text: str) -> str:
    """Blank out what differs from report to report: who was running where and when, and the line of the wrapper."""
    text = re.sub(r"\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d(\.\d{3}\.\d{3})?", "TIME", text)
    text = re.sub(r"(PID: ?|Device:|RankID:)-?\d+", r"\1N", text)
    return re.sub(r"^[\w()]+:\S+:\d+ ", "FUNCTION:FILE:LINE ", text)


@pytest.mark.parametrize("row", WRAPPED, ids=_name)
def test_the_wrapping_is_the_one_reported(row: Row):
    profile, verdict = npusim.profiles.load(row["chip"], stack=row["stack"]), _judged(row)
    printed = rejection(verdict, wrapping=wrapping(profile, verdict)).splitlines()
    reported = row["wrapped"]
    whole = [*reported[:-1], reported[-1] + ("" if "error code is" in reported[-1] else row["says"])]
    assert list(map(_masked, printed[: len(whole)])) == list(map(_masked, whole))


def _ours(row: Row) -> str:
    try:
        verdict = _judged(row)
    except CallError as error:
        return f"CallError: {error}"
    return verdict.violations[0].text if verdict.violations else verdict.status.value


@pytest.mark.parametrize("row", EXPLAINED, ids=_name)
def test_what_is_explained_is_still_so(row: Row):
    assert _ours(row) == row["ours"]


def page() -> Iterator[str]:
    """Yield the lines of the page that lists the messages."""
    given, forms = ([row for row in REPRODUCED if ("form" in row) is is_form] for is_form in (False, True))
    framed = sum("wrapped" in row for row in given)
    yield from (
        "# Real messages",
        "",
        "<!-- Written by `python -m tests.profiles.test_golden`; edit the table. -->",
        "",
    )
    yield from (
        "What people met on Ascend chips and reported in public, and whether the call that caused it gives that",
        "sentence here. The table, with the calls, is `tests/profiles/golden.yaml`; a test holds every row to it.",
        f"Of {len(given) + len(EXPLAINED)} messages {len(given)} are given to the character, {framed} of them",
        f"with what torch_npu prints around them; {len(EXPLAINED)} are explained.",
        *("", "## Given to the character", "", "| message | thread | chip | CANN |", "|---|---|---|---|"),
        *map(_line, given),
        *(
            "",
            "## The same words about another operator",
            "",
            "| message | thread | chip | CANN |",
            "|---|---|---|---|",
        ),
        *map(_line, forms),
        *("", "## Explained", "", "| message | thread | chip | CANN | why not | what npusim says |"),
        "|---|---|---|---|---|---|",
        *(f"{_line(row)} {row['explained']} | {_code(row['ours'])} |" for row in EXPLAINED),
    )


def _line(row: Row) -> str:
    aside = f"replaced: {row['form']}" if "form" in row else row.get("edited", "")
    thread = row["thread"] + (f" ({aside})" if aside else "")
    chip = row["chip"] + (f" (deduced: {row['deduced']})" if "deduced" in row else "")
    return f"| {_code(row['says'])} | {thread} | {chip} | {row['stack']} |"


def _code(text: str) -> str:
    bars = text.replace("|", r"\|")
    return f"`{bars}`"


def test_the_page_lists_every_message():
    assert PAGE.read_text(encoding="utf-8") == "\n".join(page()) + "\n"


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n", encoding="utf-8")
