"""How much of a profile is known, and how surely: counted from its checks, never typed by hand."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from npusim.profiles.words import Confidence

if TYPE_CHECKING:
    from npusim.profiles.model import Check, Entry, Profile


@dataclass(frozen=True, slots=True)
class Grade:
    """The checks of a profile by their confidence, and its operators with and without facts."""

    documented: int
    measured: int
    inferred: int
    unknown: int
    operators: int
    unknown_operators: int

    @property
    def checks(self) -> int:
        """How many checks there are."""
        return self.documented + self.measured + self.inferred + self.unknown

    @property
    def shares(self) -> str:
        """The shares of the checks by confidence, in short: documented or measured, inferred, unknown."""
        counts = (self.documented + self.measured, self.inferred, self.unknown)
        return " / ".join(f"{count / self.checks:.0%}" for count in counts) if self.checks else ""

    def __str__(self) -> str:
        shares = (
            (self.documented + self.measured, "documented or measured"),
            (self.inferred, "inferred"),
            (self.unknown, "of unknown confidence"),
        )
        graded = f": {', '.join(f'{count / self.checks:.0%} {name}' for count, name in shares)}" if self.checks else ""
        return f"{self.checks} checks{graded}; {self.operators} operators, {self.unknown_operators} of them unknown"


def grade(profile: "Profile") -> Grade:
    """Return the grade of a profile."""
    found = Counter(check.confidence for entry in profile.operators.values() for check in own_checks(entry))
    return Grade(
        documented=found[Confidence.DOCUMENTED],
        measured=found[Confidence.MEASURED],
        inferred=found[Confidence.INFERRED],
        unknown=found[Confidence.UNKNOWN],
        operators=len(profile.operators),
        unknown_operators=sum(entry.unknown for entry in profile.operators.values()),
    )


def own_checks(entry: "Entry") -> Iterator["Check"]:
    """Yield an entry's checks, then those of its variants that it does not share with them."""
    yield from entry.checks
    for _, variant in entry.variants:
        yield from (check for check in variant.checks if check not in entry.checks)
