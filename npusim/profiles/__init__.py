"""Profiles: what one chip with one software stack accepts and how it computes, read from YAML.

Names are imported when they are first used, so that listing the profiles is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npusim.profiles.building import find_operator
    from npusim.profiles.loading import available, load
    from npusim.profiles.model import Check, Entry, OpenCLLimits, Profile, Stack
    from npusim.profiles.words import Confidence, Enforcement

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

_ELSEWHERE = {
    "available": "loading",
    "load": "loading",
    "find_operator": "building",
    "Confidence": "words",
    "Enforcement": "words",
}
"""Name -> the module that defines it; all others are in the model."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'model')}"), name)
    globals()[name] = found
    return found
