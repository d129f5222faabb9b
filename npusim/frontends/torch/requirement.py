"""Say clearly that torch is missing or too old, before anything imports it."""

from importlib.metadata import PackageNotFoundError, version

from npusim.errors import MissingExtraError

OLDEST_TORCH = (2, 12)
"""The oldest torch that this front end is made for, as `[project.optional-dependencies]` in pyproject.toml says."""


def require_torch() -> None:
    """Raise MissingExtraError unless a torch that is new enough is installed."""
    needed = ".".join(map(str, OLDEST_TORCH))
    repair = f"npusim.torch needs torch {needed} or later: pip install 'npusim[torch]'"
    try:
        found = version("torch")
    except PackageNotFoundError:
        raise MissingExtraError(f"torch is not installed; {repair}") from None
    if tuple(map(int, found.split("+")[0].split(".")[:2])) < OLDEST_TORCH:
        raise MissingExtraError(f"torch {found} is too old; {repair}")
