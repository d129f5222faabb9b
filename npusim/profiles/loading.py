"""Load a profile by its name: from the cache where it is compiled already, once for each process."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from npusim.profiles.building import read_profile
from npusim.profiles.compiled import compiled
from npusim.profiles.flattening import Flat
from npusim.profiles.inheritance import find, shipped
from npusim.profiles.model import Profile


def load(
    name_or_path: str | Path,
    *,
    stack: str | None = None,
    frontend: str | None = None,
    features: Mapping[str, bool] | None = None,
) -> Profile:
    """Return a profile by the id of a shipped one or by the path of a YAML file.

    `stack` is a version of its software stack and chooses the wording of errors, `frontend` one of its front ends (the
    first if None), `features` what is to be switched on or off, such as an extension. Unchanged files, the profile's
    and those of all that it extends, give the same object. Raises UnknownProfileError for an id that nobody has,
    ProfileError for a file that is not a profile, UsageError for a front end or a feature that it does not have.
    """
    path = find(name_or_path).absolute()
    return _read(compiled(path, frontend, features or {}), path, stack)


@lru_cache(maxsize=64)
def _read(flat: Flat, path: Path, stack: str | None) -> Profile:
    return read_profile(flat, path, stack)


def available() -> tuple[str, ...]:
    """Return the ids of the profiles that come with npusim."""
    return tuple(path.stem for path in shipped())
