"""Compare what a vendor's tool says of a case with what a profile says of the call that means the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npusim.call import Call
from npusim.profiles.model import Placement
from npusim.simulator import Status, Verdict

NPU, CPU, ERROR, UNKNOWN = "npu", "cpu", "error", "unknown"
WORDS = {"npu": NPU, "accepted": NPU, "cpu": CPU, "error": ERROR, "rejected": ERROR}
"""The tools' verdicts in one vocabulary: runs on the device, falls back to the host, or fails."""
LINES = 2
"""How many lines of a warning have to be the same."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One case, the call, and what both say of it."""

    id: str
    call: Call
    tool: str
    profile: str
    tool_text: tuple[str, ...]
    profile_text: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether both have the same verdict."""
        return self.tool == self.profile

    @property
    def says_the_same(self) -> bool:
        """Whether the profile's first lines open the tool's; who accepts says nothing."""
        if not self.agrees or self.tool == NPU:
            return True
        return _alike(self.tool_text, self.profile_text)

    @property
    def line(self) -> str:
        """Both in one line."""
        tool, profile = (" / ".join(text[:LINES]) for text in (self.tool_text, self.profile_text))
        return f"{self.id} | {self.tool}: {tool} | {self.profile}: {profile}"


def compare(data: Mapping[str, Any], call: Call, answer: Mapping[str, Any], verdict: Verdict) -> Comparison:
    """Return the comparison of an answer with a verdict."""
    texts = tuple(verdict.violations[0].text.splitlines()) if verdict.violations else ()
    return Comparison(str(data["id"]), call, WORDS[answer["verdict"]], word_of(verdict), tuple(answer["text"]), texts)


def word_of(verdict: Verdict) -> str:
    """A verdict in the words of the tools."""
    match verdict.status:
        case Status.ACCEPTED:
            return NPU
        case Status.UNKNOWN:
            return UNKNOWN
        case _:
            return CPU if verdict.placement is Placement.HOST else ERROR


def _alike(tool: Sequence[str], ours: Sequence[str]) -> bool:
    """Whether our first lines open the tool's, apart from the number that Vela gives one of several outputs."""
    pairs = list(zip(tool, ours, strict=False))[:LINES]
    return bool(pairs) and all(_plain(theirs).startswith(_plain(mine)) for theirs, mine in pairs)


def _plain(line: str) -> str:
    return re.sub(r"_0(?='|\b)", "", line.strip())
