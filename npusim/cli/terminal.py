"""How commands print: colours where a person reads them, aligned columns, JSON."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any


class Style(StrEnum):
    """What a piece of text is, as an ANSI colour."""

    GOOD = "32"
    BAD = "1;31"
    DOUBT = "33"
    HEADING = "1"


def painted(text: str, style: Style) -> str:
    """Return the text in its colour if a person reads standard output and has not set NO_COLOR."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{style.value}m{text}\033[0m"


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on standard error, if a person reads it, what takes long, and wipe that out when it is done."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"npusim: {what}", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print("\r\033[2K", end="", file=sys.stderr, flush=True)


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Return one line a row, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def as_json(value: Any) -> str:
    """Return plain data as JSON, keys in the order given, what JSON has no word for as text."""
    return json.dumps(value, indent=2, default=str)
