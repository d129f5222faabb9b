"""Find and call the user's function that makes a model and its inputs, and say whose fault it is where that fails."""

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from traceback import walk_tb
from types import FrameType
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from npusim.errors import NpusimError, UsageError
from npusim.frontends.torch import places
from npusim.frontends.torch.fake import fake as without_memory
from npusim.report.place import show_file

Inputs = Mapping[str, Any] | Sequence[Any] | torch.Tensor
Build = Callable[[], tuple[Any, Inputs]]


_ON_CPU = 'npusim simulates on the CPU: leave .cuda() and device="cuda" out'
_HINTS = {
    "Torch not compiled with CUDA enabled": _ON_CPU,
    "Found no NVIDIA driver": _ON_CPU,
    "not linked with support for cuda devices": _ON_CPU,
    "at start of device string: npu": 'npusim.torch.install() makes torch.device("npu") work without torch_npu',
}
"""What torch says of a device that is not there -> what to do."""


class TargetError(UsageError):
    """A function to check that cannot be found, fails, or does not return a model and its inputs."""


def find_target(text: str) -> Build:
    """Return the function that `package.module:function` names; modules of the working directory are found as well.

    Raises TargetError for text of another form, a module or function that does not exist, and a module that fails.
    """
    module_name, colon, name = text.partition(":")
    if not colon or not module_name or not name or "/" in text:
        raise TargetError(
            f"{text!r} does not name a function: write package.module:function, such as models.vision:build, "
            "of a function that returns (model, inputs)"
        )
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    module = _module(module_name, text)
    found = getattr(module, name, None)
    if found is None:
        names = [one for one in vars(module) if callable(getattr(module, one)) and not one.startswith("_")]
        near = get_close_matches(name, names, n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise TargetError(f"{text}: module {module_name} has no function {name!r}{hint}")
    if not callable(found):
        raise TargetError(f"{text}: {name} is a {type(found).__name__}, not a function that returns (model, inputs)")
    build: Build = found
    return build


def _module(name: str, text: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):  # something that the module needs
            raise TargetError(f"{text}: importing {name} failed: {describe(error)}") from error
        near = get_close_matches(error.name, _beside(error.name), n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        where = f"in {Path.cwd()} or among the installed packages"
        raise TargetError(f"{text}: there is no module {error.name!r} {where}{hint}") from error
    except (Exception, SystemExit) as error:
        raise TargetError(f"{text}: importing {name} failed: {describe(error)}") from error


def _beside(name: str) -> list[str]:
    """The modules of the working directory, or of the package in which a module was looked for."""
    package, _, _ = name.rpartition(".")
    if not package:
        return [one.name for one in iter_modules([str(Path.cwd())])]
    parent = sys.modules.get(package)
    return [f"{package}.{one.name}" for one in iter_modules(getattr(parent, "__path__", []))]


def made(build: Build, *, fake: bool = False) -> tuple[Any, Inputs]:
    """Return the model and inputs that a function makes, without memory if `fake`.

    Raises TargetError if the function fails or returns something else.
    """
    try:
        return without_memory(lambda: _pair(build)) if fake else _pair(build)
    except NpusimError:
        raise
    except Exception as error:
        raise TargetError(f"{_name(build)}() failed: {describe(error)}") from error


def _pair(build: Build) -> tuple[Any, Inputs]:
    match build():
        case (model, (Mapping() | list() | tuple() | torch.Tensor()) as inputs) if callable(model):
            return model, inputs
        case other:
            raise TargetError(
                f"{_name(build)}() returned {_shape(other)}; it must return (model, inputs), where inputs are a dict "
                "of keyword arguments, a sequence of positional ones, or one tensor"
            )


def call(model: Any, inputs: Inputs, *, training: bool = False) -> Any:
    """Call a model on what its function gave for it; for training go back from the sum of its outputs as well.

    Raises TargetError if there is nothing to go back from.
    """
    match inputs:
        case Mapping():
            output = model(**inputs)
        case torch.Tensor():
            output = model(inputs)
        case _:
            output = model(*inputs)
    if training:
        losses = [one.float().sum() for one in tree_leaves(output) if getattr(one, "requires_grad", False)]
        if not losses:
            raise TargetError("nothing that the model returns has a gradient: is it in training mode, with parameters?")
        sum(losses[1:], losses[0]).backward()
    return output


def describe(error: BaseException) -> str:
    """Return an exception in one line, with the line outside torch that raised it, the user's own, and what to do."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} at {show_file(error.filename or '')}:{error.lineno}"
    stack = [one for one in walk_tb(error.__traceback__) if _is_readable(one[0])]
    own = [one for one in stack if places.is_users(one[0])][-1:]
    inner = stack[-1:]
    at = "".join(f" at {_place(one)}" for one in inner)
    through = "".join(f", called from {_place(one)}" for one in own if own != inner)
    hint = next((f"; {hint}" for words, hint in _HINTS.items() if words in str(error)), "")
    return f"{type(error).__name__}: {error}{at}{through}{hint}"


def _is_readable(frame: FrameType) -> bool:
    return not places.is_machinery(frame) and not frame.f_code.co_filename.startswith("<")


def _place(one: tuple[FrameType, int]) -> str:
    frame, line = one
    return f"{show_file(frame.f_code.co_filename)}:{line}"


def _name(build: Build) -> str:
    return f"{build.__module__}:{getattr(build, '__qualname__', build)}"


def _shape(result: Any) -> str:
    return (
        f"({', '.join(type(one).__name__ for one in result)})" if isinstance(result, tuple) else type(result).__name__
    )
