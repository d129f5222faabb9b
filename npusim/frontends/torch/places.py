"""Find where a torch operator was called: the line of code, and the path of the module within its model."""

import sys
import sysconfig
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from npusim.call import Site

_CALL = nn.Module._call_impl.__code__
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")})
_DEMO = "npusim.demo"
"""The demonstration plays a user, so its lines count as a user's."""
_names: WeakKeyDictionary[nn.Module, dict[int, str]] = WeakKeyDictionary()
"""Root module -> the path of every module below it, by the module's id; remade when one is missing."""


def site(operator: str = "") -> Site:
    """Return the innermost line outside torch and npusim, with the module that was running there."""
    frame, module, root = innermost(sys._getframe(1))
    path = path_of(root, module)
    if frame is None:
        return Site(module=path, operator=operator)
    return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname, path, operator)


def caller() -> Site:
    """Return the innermost line outside of every installed package: the user's own; an empty site if there is none."""
    for frame in _above(sys._getframe(1)):
        if is_users(frame):
            return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname)
    return Site()


def module_stack() -> list[nn.Module]:
    """Return the modules whose calls are under way, the outermost first."""
    return [frame.f_locals["self"] for frame in _above(sys._getframe(1)) if frame.f_code is _CALL][::-1]


def outermost_call() -> Callable[[], Any] | None:
    """Return what makes the outermost module call that is under way again; None if no module is being called."""
    frames = [frame for frame in _above(sys._getframe(1)) if frame.f_code is _CALL]
    if not frames:
        return None
    module, args, kwargs = (frames[-1].f_locals[name] for name in ("self", "args", "kwargs"))
    return lambda: module(*args, **kwargs)


def innermost(start: FrameType) -> tuple[FrameType | None, nn.Module | None, nn.Module | None]:
    """Return the innermost frame outside torch and npusim, the module running there, and the outermost module."""
    line: FrameType | None = start
    while line is not None and is_machinery(line):
        line = line.f_back
    inner: FrameType | None = None
    outer: FrameType | None = None
    at: FrameType | None = start
    while at is not None:  # a loop of its own, as every cast of a model walks here
        if at.f_code is _CALL:
            inner, outer = inner or at, at
        at = at.f_back
    if inner is None or outer is None:
        return line, None, None
    return line, inner.f_locals["self"], outer.f_locals["self"]


def path_of(root: nn.Module | None, module: nn.Module | None) -> str:
    """Return the path of a module from its root, the class name for the root itself, "" for none."""
    if root is None or module is None:
        return ""
    if module is root:
        return type(root).__name__
    names = _names.get(root)
    if names is None or id(module) not in names:  # unseen, or with a module that was attached since
        names = _names[root] = {id(one): name for name, one in root.named_modules()}
    return names.get(id(module), type(module).__name__)


def _above(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_machinery(frame: FrameType) -> bool:
    """Return whether a frame is torch's or npusim's own."""
    name: Any = frame.f_globals.get("__name__") or ""
    package = name.partition(".")[0]
    return package == "torch" or (package == "npusim" and not name.startswith(_DEMO))


def is_users(frame: FrameType) -> bool:
    """Return whether a frame is of no installed package and neither torch's nor npusim's: the user's own."""
    return not is_machinery(frame) and not frame.f_code.co_filename.startswith(("<", *_INSTALLED))
