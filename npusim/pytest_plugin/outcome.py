"""Say what the calls of one test came to, as plain data that a worker process can send to the one that reports."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from npusim.devices import Device
    from npusim.simulator import Verdict, Violation
    from npusim.torch import Run

PROPERTY = "npusim"
"""The name of the user property of a test's report that holds its outcome."""
_PACKAGES = re.compile(r".*[/\\](?:site|dist)-packages[/\\]")


class Standing(StrEnum):
    """What a rejection means for the test.

    new       recorded, and not in the baseline: fails the test
    known     recorded, and in the baseline
    reported  found by a run that never fails a test
    """

    NEW = "new"
    KNOWN = "known"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rule that was broken at one place of a model: its code with operator and port, the place, the vendor's text.

    `is_first` says whether the stack would print it: it stops at the first rule that a call breaks.
    """

    rule: str
    where: str
    text: str
    line: str
    is_first: bool
    standing: Standing

    @property
    def key(self) -> str:
        """What a baseline knows it by: nothing that moves when an unrelated line does."""
        return f"{self.rule} in {self.where}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the calls of a test on a chip came to. The numbers are those of its torch runs.

    `is_finished` says whether the test came to its end, so that it saw every rejection that is left in it.
    """

    test: str
    chip: str
    is_finished: bool
    runs: int
    judged: int
    rejected: int
    unknown: int
    seconds: float
    rejections: tuple[Rejection, ...]

    @property
    def recorded(self) -> frozenset[str]:
        """The keys of the rejections that a baseline would hold."""
        return frozenset(one.key for one in self.rejections if one.standing is not Standing.REPORTED)

    def to_json(self) -> str:
        """Return the outcome as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the outcome that `to_json` made the text of."""
        data = json.loads(text)
        rejections = [Rejection(**{**one, "standing": Standing(one["standing"])}) for one in data.pop("rejections")]
        return cls(**data, rejections=tuple(rejections))


@dataclass(frozen=True, slots=True)
class Finding:
    """The rejections that are in one verdict."""

    verdict: "Verdict"
    rejections: tuple[Rejection, ...]

    @property
    def is_new(self) -> bool:
        """Whether it is to fail the test."""
        return any(one.standing is Standing.NEW for one in self.rejections)

    @property
    def is_known(self) -> bool:
        """Whether the baseline has all of it."""
        return all(one.standing is Standing.KNOWN for one in self.rejections)


def find(
    device: "Device", recorded_runs: "Sequence[Run]", known: frozenset[str], root: Path, *, is_recorded: bool
) -> Iterator[Finding]:
    """Yield what a device rejected and went on with.

    Its own calls if `is_recorded`, and those of `recorded_runs`, count for the test, others are only reported. Files
    are named from `root`.
    """
    own = device.verdicts if device.policy == "record" else ()
    seen = [(verdict, is_recorded) for verdict in own]
    for run in device.runs:
        counts = any(run is one for one in recorded_runs)
        seen += [(verdict, counts and verdict.placement != "host") for verdict in run.verdicts if run.mode != "raise"]
    for verdict, is_counted in seen:
        yield Finding(verdict, tuple(_rejections(verdict, root, known if is_counted else None)))


def outcome(test: str, device: "Device", findings: Iterable[Finding], *, is_finished: bool) -> Outcome:
    """Return the outcome of a test on a device."""
    counts = [run.counts for run in device.runs]
    return Outcome(
        test,
        device.profile.id,
        is_finished,
        len(counts),
        sum(one.judged for one in counts),
        sum(one.rejected for one in counts),
        sum(one.unknown for one in counts),
        sum(run.seconds for run in device.runs),
        tuple(dict.fromkeys(one for finding in findings for one in finding.rejections)),
    )


def _rejections(verdict: "Verdict", root: Path, known: frozenset[str] | None) -> Iterator[Rejection]:
    """Yield the rejections of a verdict; `known` is None for one that is only reported."""
    for violation in verdict.violations:
        file, line = "", ""
        if violation.site is not None and violation.site.file:
            file = _stable(violation.site.file, root)
            line = f"{file}:{violation.site.line}"
        is_first = violation is verdict.violations[0]
        where = _where(violation, file)
        found = Rejection(_rule(violation), where, violation.text, line, is_first, Standing.REPORTED)
        if known is not None:
            found = replace(found, standing=Standing.KNOWN if found.key in known else Standing.NEW)
        yield found


def _rule(violation: "Violation") -> str:
    return f"{violation.code} {violation.operator}" + (f"({violation.port})" if violation.port else "")


def _where(violation: "Violation", file: str) -> str:
    """Return the path of the module, or else the file and function."""
    site = violation.site
    if site is None:
        return "an unknown place"
    return site.module or " ".join(filter(None, (file, site.function))) or "an unknown place"


def _stable(file: str, root: Path) -> str:
    """Return a path that is the same on every machine: from its package, from the root directory, or only its name."""
    packaged = _PACKAGES.sub("", file)
    if packaged != file:
        return Path(packaged).as_posix()
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
