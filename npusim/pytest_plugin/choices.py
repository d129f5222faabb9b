"""Decide which devices a test runs on, from its markers, the command line and the configuration file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npusim.devices import Device

MODES = ("raise", "record", "report")
"""What a torch run does with a rejection, as npusim.torch.Mode has them."""
_OF_TORCH = ("mode", "lowering")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the fixtures make a device of: the profile as npusim.device takes it, its id and the other arguments.

    `torch` holds the options of the marker that are for the device's torch runs.
    """

    profile: str
    id: str
    arguments: tuple[tuple[str, Any], ...] = ()
    torch: tuple[tuple[str, Any], ...] = ()

    def device(self) -> "Device":
        """Return a new device. Raises ValueError or TypeError if the profile or an argument is wrong."""
        import npusim

        return npusim.device(self.profile, **dict(self.arguments))


def choices(names: Iterable[str], base: Path, place: str, given: Mapping[str, Any]) -> Iterator[Choice]:
    """Yield the choice that each name means, paths starting from `base`; raises ValueError, naming the place."""
    torch = tuple((name, given[name]) for name in _OF_TORCH if given.get(name) is not None)
    check_mode(dict(torch).get("mode", MODES[0]), place)
    arguments = tuple((name, value) for name, value in given.items() if name not in _OF_TORCH)
    for name in map(str, names):
        profile = str(base / name) if "/" in name or name.endswith((".yaml", ".yml")) else name
        choice = Choice(profile, name, arguments, torch)
        try:
            yield replace(choice, id=choice.device().profile.id)
        except (ValueError, TypeError) as error:  # an unknown or broken profile, or an argument that devices lack
            raise ValueError(f"{place}: {error}") from None


def check_mode(mode: str, place: str) -> None:
    """Raise ValueError, naming the place, unless it is the name of a mode."""
    if mode not in MODES:
        raise ValueError(f"{place}: mode={mode!r}: allowed are {', '.join(MODES)}")


def split(names: Iterable[str]) -> list[str]:
    """Return the names of a list in which each text may hold several, with commas between."""
    return [name.strip() for text in names for name in text.split(",") if name.strip()]
