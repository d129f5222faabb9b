"""Find the line of the user's code that made a call."""

import sys
from types import FrameType

from npusim.call import Site

_OURS = "npusim."
_USERS_OF_OURS = "npusim.demo"
"""The demonstration plays a user, so its lines count as a user's."""


def caller(operator: str = "") -> Site:
    """Return the innermost line outside npusim, with the operator that was called there; an empty site if none is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(_OURS) or name.startswith(_USERS_OF_OURS):
            return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname, "", operator)
        frame = frame.f_back
    return Site(operator=operator)
