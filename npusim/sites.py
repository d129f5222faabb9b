"""Find the line of the user's code that made a call."""

import sys
from types import FrameType

from npusim.call import Site

_OURS = "npusim."
_USERS_OF_OURS = "npusim.demo"
"""The demonstration plays a user, so its lines count as a user's."""


def caller(operator: str = "") -> Site:
    """Return the innermost line outside npusim, with the operator that was called there; an empty site if none is."""
    frame, _ = _users_frame()
    if frame is None:
        return Site(operator=operator)
    return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname, "", operator)


def warning_level() -> int:
    """Return the `stacklevel` by which our caller's warnings.warn names the innermost line outside npusim."""
    return _users_frame()[1]


def _users_frame() -> tuple[FrameType | None, int]:
    """Return the innermost frame outside npusim, and how many frames it is above that of our caller's caller."""
    frame: FrameType | None = sys._getframe(2)
    depth = 1
    while frame is not None:
        name = frame.f_globals.get("__name__") or ""
        if not name.startswith(_OURS) or name.startswith(_USERS_OF_OURS):
            return frame, depth
        frame = frame.f_back
        depth += 1
    return None, depth
