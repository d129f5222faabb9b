"""Profiles: what one chip with one software stack accepts and how it computes, read from YAML."""

from functools import lru_cache
from pathlib import Path

from npusim.profiles.building import build, find_operator
from npusim.profiles.inheritance import find, shipped
from npusim.profiles.model import Check, Confidence, Enforcement, Entry, OpenCLLimits, Profile, Stack

__all__ = [
    "Check",
    "Confidence",
    "Enforcement",
    "Entry",
    "OpenCLLimits",
    "Profile",
    "Stack",
    "available",
    "find_operator",
    "load",
]


def load(name_or_path: str | Path, *, stack: str | None = None) -> Profile:
    """Return a profile by the id of a shipped one or by the path of a YAML file.

    `stack` is a version of its software stack and chooses the wording of errors. The same unchanged file gives the
    same object. Raises UnknownProfileError for an id that nobody has, ProfileError for a file that is not a profile.
    """
    path = find(name_or_path)
    return _load(path.absolute(), path.stat().st_mtime_ns, stack)


@lru_cache(maxsize=64)
def _load(path: Path, _modified_ns: int, stack: str | None) -> Profile:
    return build(path, stack)


def available() -> tuple[str, ...]:
    """Return the ids of the profiles that come with npusim."""
    return tuple(path.stem for path in shipped())
