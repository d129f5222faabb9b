"""Remember, on each tensor, the call in which its dtype was born, through views, lists and long chains."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch
from torch import nn

from npusim.call import Site
from npusim.frontends.torch.places import innermost, path_of

_BIRTH = "_npusim_birth"


@dataclass(frozen=True, slots=True, eq=False)
class Birth:
    """Where a dtype was born, as little as a later question needs: the site is made when it is asked for.

    `promoted` says that a narrower float dtype met a wider one there, rather than that somebody cast.
    """

    code: CodeType | None
    line: int
    module: nn.Module | None
    root: nn.Module | None
    operator: str
    promoted: bool

    def site(self) -> Site:
        """Return the line, the module and the operator."""
        module = path_of(self.root, self.module)
        if self.code is None:
            return Site(module=module, operator=self.operator)
        return Site(self.code.co_filename, self.line, self.code.co_qualname, module, self.operator)


def birth_of(tensor: torch.Tensor) -> Birth | None:
    """Return where the dtype of a tensor was born; None if that is older than the run, as with weights and inputs."""
    found: Birth | None = getattr(tensor, _BIRTH, None)
    return found


@dataclass(frozen=True, slots=True)
class Descent:
    """From which arguments a result has its dtype: the same for all calls of one operator on the same types.

    heirs     the positions of the arguments that had the result's dtype before; a pair points into a list
    promotes  others of its kind had narrower dtypes, so that the dtype may be born here
    operator  the operator with its dtypes, for the report
    """

    heirs: tuple[int | tuple[int, int], ...]
    promotes: bool
    operator: str


def descent(name: str, args: tuple[Any, ...], output: Any) -> Descent | None:
    """Return from which arguments an output has its dtype; None for bools and for what is no tensor.

    A 0-d tensor changes no dtype of its own kind, so it hands down its own only if no other argument is left.
    """
    first = next(_tensors((output,)), None)
    if first is None or first[1].dtype is torch.bool:
        return None
    wanted = first[1].dtype
    given = [(at, tensor) for at, tensor in _tensors(args) if _kind(tensor.dtype) == _kind(wanted)]
    deciding = [(at, tensor) for at, tensor in given if tensor.dim()] or given
    heirs = tuple(at for at, tensor in deciding if tensor.dtype is wanted)
    promotes = bool(heirs) and any(tensor.dtype is not wanted for _, tensor in deciding)
    dtypes = ", ".join(str(tensor.dtype).removeprefix("torch.") for _, tensor in _tensors(args))
    return Descent(heirs, promotes, f"{name}({dtypes})")


def trace(how: Descent, args: tuple[Any, ...], output: Any) -> None:
    """Write on an output where its dtype was born: before this call, or here."""
    for at in how.heirs:
        heir = args[at] if type(at) is int else args[at[0]][at[1]]  # type: ignore[index]
        birth = getattr(heir, _BIRTH, None)
        if birth is not None and (birth.promoted or not how.promotes):
            break
    else:
        if how.heirs and not how.promotes:
            return  # as old as the run
        birth = _born_here(how)
    if isinstance(output, torch.Tensor):
        output._npusim_birth = birth  # type: ignore[attr-defined]
        return
    for _, tensor in _tensors((output,)):
        tensor._npusim_birth = birth  # type: ignore[attr-defined]


def _born_here(how: Descent) -> Birth:
    frame, module, root = innermost(sys._getframe(2))
    code, line = (None, 0) if frame is None else (frame.f_code, frame.f_lineno)
    return Birth(code, line, module, root, how.operator, how.promotes)


def _kind(found: torch.dtype) -> int:
    return 2 if found.is_complex else 1 if found.is_floating_point else 0


def _tensors(values: tuple[Any, ...]) -> Iterator[tuple[int | tuple[int, int], torch.Tensor]]:
    for i, value in enumerate(values):
        if isinstance(value, torch.Tensor):
            yield i, value
        elif isinstance(value, list | tuple):
            yield from (((i, j), one) for j, one in enumerate(value) if isinstance(one, torch.Tensor))
