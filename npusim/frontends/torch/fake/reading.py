"""What a tensor without data answers when a model asks for its values: a user's value, a declared stub or an error."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import PurePath
from typing import Any

import torch

from npusim.call import Site
from npusim.errors import DataReadError, UsageError
from npusim.frontends.torch import places

ITEM, INDEX = "item", "index"
"""The keys of `values` beside file:line: what any read gives, and what argmax and sampling choose."""

_LINE = re.compile(r"(?P<file>.*\.py):(?P<line>[1-9][0-9]*)")
_made: ContextVar[Counter[str] | None] = ContextVar("made", default=None)


class Answers:
    """The values that a user gave for one fake model, and the assumptions made in their place."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        for key in values:
            if key not in (ITEM, INDEX) and not _LINE.fullmatch(key):
                raise UsageError(f"values: {key!r} is none of 'file.py:LINE', {ITEM!r} and {INDEX!r}")
        if not isinstance(values.get(INDEX, 0), int):
            raise UsageError(f"values[{INDEX!r}] must be an int, not {values[INDEX]!r}")
        self.values = dict(values)
        self.notes: list[str] = []

    @property
    def index(self) -> int:
        """The index that argmax and sampling choose."""
        return int(self.values.get(INDEX, 0))

    def assume(self, what: str) -> None:
        """Declare that something was assumed because there was no data to compute it from."""
        if what not in self.notes:
            self.notes.append(what)
        made = _made.get()
        if made is not None:
            made[what] += 1

    def read(self, tensor: torch.Tensor, how: str) -> Any:
        """Return the value that the user gave for this line or for any; raise DataReadError if there is none."""
        if _is_initialising():
            return False
        inner, outer = places.site(), places.caller()
        for key, value in self.values.items():
            if _names(key, inner) or _names(key, outer):
                return value
        if ITEM in self.values:
            return self.values[ITEM]
        raise refusal(tensor, how, is_value=True)


def refusal(tensor: torch.Tensor | None, how: str, is_value: bool = False, inner: Site | None = None) -> DataReadError:
    """Return the error that names the line that needs data, and says what to do there: give it if it is a value."""
    inner, outer = inner or places.site(), places.caller()
    what = "" if tensor is None else f", {str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
    module = f", module {inner.module}" if inner.module else ""
    lines = [
        f"{how} reads the data of a fake tensor{what}, which has none",
        f"  at {inner.file}:{inner.line} in {inner.function}{module}",
    ]
    if outer.file and (outer.file, outer.line) != (inner.file, inner.line):
        lines.append(f"  called from {outer.file}:{outer.line}")
    if is_value:
        key = f"{PurePath(inner.file or '').name}:{inner.line}"
        lines.append(
            f"  give the value: fake(build, values={{{key!r}: ...}}), or values={{{ITEM!r}: ...}} for every line"
        )
    lines.append("  or run a small model of this kind with real tensors")
    return DataReadError("\n".join(lines), inner)


@contextmanager
def assumptions() -> Iterator[Counter[str]]:
    """Collect what fake models assume within the block: the sentence -> how often."""
    made: Counter[str] = Counter()
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)
        outer = _made.get()
        if outer is not None:
            outer.update(made)


def _is_initialising() -> bool:
    """Return whether torch.nn.init asks: a weight sampled until it fits, as trunc_normal_ does, fits at once."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") != torch.nn.init.__name__:
        frame = frame.f_back
    return frame.f_back is not None


def _names(key: str, site: Site) -> bool:
    found = _LINE.fullmatch(key)
    if found is None or not site.file or site.line != int(found["line"]):
        return False
    parts = PurePath(found["file"]).parts
    return PurePath(site.file).parts[-len(parts) :] == parts
