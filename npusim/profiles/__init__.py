"""Profiles: what one chip with one software stack accepts and how it computes, read from YAML."""

from functools import lru_cache
from pathlib import Path

from npusim.profiles.building import build, find_operator
from npusim.profiles.inheritance import find, layers, shipped
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

    `stack` is a version of its software stack and chooses the wording of errors. Unchanged files, the profile's and
    those of all that it extends, give the same object. Raises UnknownProfileError for an id that nobody has,
    ProfileError for a file that is not a profile.
    """
    path = find(name_or_path).absolute()
    stamps = tuple((file, file.stat().st_mtime_ns) for _, file in layers(path))
    return _load(path, stamps, stack)


@lru_cache(maxsize=64)
def _load(path: Path, _stamps: tuple[tuple[Path, int], ...], stack: str | None) -> Profile:
    return build(path, stack)


def available() -> tuple[str, ...]:
    """Return the ids of the profiles that come with npusim."""
    return tuple(path.stem for path in shipped())
