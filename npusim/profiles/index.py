"""The index of the shipped profiles: a summary of each, and digests of the files it was made from.

A summary is used only while those files are what they were; else the profile is read.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npusim.profiles.grade import Grade, grade, own_checks
from npusim.profiles.inheritance import FAMILIES, SUFFIX, layers, shipped
from npusim.resources import folder

if TYPE_CHECKING:
    from npusim.profiles.model import Profile

FILE = "index.json"
"""The index's name, beside the profiles."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a profile amounts to.

    `frontends` are its front ends and what each does on a rejection, the default one first; the counts are those of
    that one. `rows` are joint signatures, `sources` different documents. `is_whole` says that an operator without an
    entry is refused; else it is unknown.
    """

    id: str
    name: str
    stack: str
    frontends: Mapping[str, str]
    rows: int
    sources: int
    is_whole: bool
    grade: Grade

    @property
    def operators(self) -> int:
        """How many operators it has entries of."""
        return self.grade.operators

    @property
    def unknown(self) -> int:
        """On how many of those it has no facts."""
        return self.grade.unknown_operators

    @property
    def others(self) -> str:
        """What becomes of an operator that it has no entry of."""
        return "refused" if self.is_whole else "unknown"

    @property
    def rules(self) -> int:
        """How many checks it makes."""
        return self.grade.checks

    def record(self) -> dict[str, Any]:
        """Return the summary as plain data."""
        shares = ("documented", "measured", "inferred", "unknown")
        counts = {name: getattr(self, name) for name in ("operators", "unknown", "rules", "rows", "sources")}
        told = {name: getattr(self, name) for name in ("id", "name", "stack")}
        graded = {name: getattr(self.grade, name) for name in shares}
        return {**told, "frontends": dict(self.frontends), **counts, "is_whole": self.is_whole, "grade": graded}


def _from_record(record: Mapping[str, Any]) -> Summary:
    counted = Grade(**record["grade"], operators=record["operators"], unknown_operators=record["unknown"])
    plain = {name: record[name] for name in ("id", "name", "stack", "frontends", "rows", "sources", "is_whole")}
    return Summary(**plain, grade=counted)


def summary(profile: "Profile") -> Summary:
    """Return the summary of a profile."""
    from npusim.profiles.rules.rows import Rows

    checks = [check for entry in profile.operators.values() for check in own_checks(entry)]
    cited = [*(check.source for check in checks), *(entry.source for entry in profile.operators.values())]
    return Summary(
        id=profile.id,
        name=profile.name,
        stack=f"{profile.stack.name} {profile.stack.version}".strip(),
        frontends=_frontends(profile),
        rows=sum(len(check.rule.rows) for check in checks if isinstance(check.rule, Rows)),
        sources=len({_PLACE.sub("", source) for source in cited if source}),
        is_whole=profile.unlisted is not None,
        grade=grade(profile),
    )


_PLACE = re.compile(r"(#[\w.-]*|:\d+(-\d+)?)$")
"""The place within a document, at the end of a source."""


def _frontends(profile: "Profile") -> Mapping[str, str]:
    from npusim.profiles.loading import load

    others = {name: load(profile.file, frontend=name).enforcement.value for name in profile.frontends}
    return others or {profile.stack.frontend: profile.enforcement.value}


def summaries(place: Path | None = None) -> Iterator[Summary]:
    """Yield the summaries of the profiles in a folder, of the shipped ones if None, as their files are now."""
    where = place or folder("device_profiles")
    records = _read(where)
    for path in sorted(where.glob(f"*{SUFFIX}")):
        yield _indexed(records.get(path.stem), where) or _summary_of(path)


def _summary_of(path: Path) -> Summary:
    from npusim.profiles.loading import load  # only where the index does not know a profile

    return summary(load(path))


def index() -> Mapping[str, Any]:
    """Return the index of the shipped profiles as plain data, made from the profiles themselves."""
    return {path.stem: {**_summary_of(path).record(), "files": _files(path)} for path in shipped()}


def _read(where: Path) -> Mapping[str, Any]:
    """The index in a folder; nothing where there is none, or none that can be read."""
    try:
        found = json.loads((where / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _indexed(record: Any, where: Path) -> Summary | None:
    """The summary in a record of the index; None if there is no good one, or the files have changed."""
    try:
        return _from_record(record) if _is_fresh(record["files"], where) else None
    except (KeyError, TypeError, AttributeError):
        return None


def _files(path: Path) -> Mapping[str, str]:
    """The digests of a profile's file and of those of all that it extends, by their names in its folder."""
    files = sorted(file.relative_to(path.parent).as_posix() for _, file in layers(path))
    return {name: _digest(path.parent / name) for name in files}


def _is_fresh(files: Mapping[str, str], where: Path) -> bool:
    return all(_digest(where / name) == digest and not _is_hidden(name, where) for name, digest in files.items())


def _is_hidden(name: str, where: Path) -> bool:
    """Whether a family has got a namesake among the profiles, which `extends` would find first."""
    return name.startswith(f"{FAMILIES}/") and (where / Path(name).name).exists()


def _digest(file: Path) -> str:
    try:
        return _digest_of(file, file.stat().st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=256)
def _digest_of(file: Path, _modified_ns: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
