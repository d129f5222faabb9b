"""Define the stand-ins in torch, and say clearly of any other operator that only the chip has it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from threading import Lock
from types import ModuleType
from typing import Any

import torch
from torch.library import Library, fallthrough_kernel

from npusim.errors import UsageError
from npusim.frontends.torch.vendor_ops import (
    activation,
    attention,
    caches,
    inference,
    matmul,
    moe,
    movement,
    norms,
    quantisation,
    rotary,
)
from npusim.frontends.torch.vendor_ops.table import Row

ROWS: tuple[Row, ...] = (
    *activation.ROWS,
    *attention.ROWS,
    *caches.ROWS,
    *inference.ROWS,
    *matmul.ROWS,
    *moe.ROWS,
    *movement.ROWS,
    *norms.ROWS,
    *quantisation.ROWS,
    *rotary.ROWS,
)
"""Every stand-in there is."""

_NAMESPACES = ("npu", "atb")
_Library: Any = Library  # untyped in torch
_libraries: dict[str, Any] = {}
"""What torch was given; torch forgets an operator as soon as nobody holds its library."""
_lock = Lock()


class ChipOnlyError(UsageError, AttributeError):
    """A vendor operator was called that only exists on the chip: npusim has no stand-in for it."""


def register() -> None:
    """Define every stand-in whose operator torch does not have yet.

    May be called any number of times; an operator that a real torch_npu has defined is left as it is. The stand-ins
    run on every device on which plain torch operators do, and on fake and meta tensors.
    """
    with _lock:
        _define_missing()


def missing(name: str) -> ChipOnlyError:
    """Return the error for a vendor operator without a stand-in; its name may say the namespace ("npu.npu_nms")."""
    namespace, _, operator = name.replace("::", ".").rpartition(".")
    return ChipOnlyError(_explanation(namespace or "npu", operator))


def explained(error: AttributeError) -> ChipOnlyError | None:
    """Return what an AttributeError of `torch.ops.npu.some_name` means; None if it is about something else.

    For the end of a run: `if (clear := vendor_ops.explained(error)) is not None: raise clear from error`.
    """
    for namespace in _NAMESPACES:
        start = f"'_OpNamespace' '{namespace}' object has no attribute '"
        if str(error).startswith(start):
            return missing(f"{namespace}.{str(error).removeprefix(start).rstrip(chr(39))}")
    return None


@contextmanager
def importable() -> Iterator[None]:
    """Let `import torch_npu` succeed inside the block where there is none, with the stand-ins as its functions.

    Any other name that begins as an operator does raises ChipOnlyError. A torch_npu that is installed is left alone.
    """
    register()
    _stand_in.count(1)
    try:
        yield
    finally:
        _stand_in.count(-1)


@dataclass(slots=True)
class _StandIn:
    """The module torch_npu, there for as long as any thread is in a block that wants it."""

    blocks: int = 0
    module: ModuleType | None = None

    def count(self, more: int) -> None:
        with _lock:
            if not self.blocks and find_spec("torch_npu") is None:
                self.module = sys.modules["torch_npu"] = _torch_npu()
            self.blocks += more
            if not self.blocks and self.module is not None:
                sys.modules.pop("torch_npu", None)
                self.module = None


_stand_in = _StandIn()


def _torch_npu() -> ModuleType:
    module: Any = ModuleType("torch_npu", importable.__doc__)
    module.__spec__ = ModuleSpec("torch_npu", None)
    module.__getattr__ = _function
    named: ModuleType = module
    return named


def _function(name: str) -> Any:
    """Return the operator that torch_npu offers under a name; ATB's are in torch_npu as well."""
    for namespace in _NAMESPACES:
        if any((row.namespace, row.name) == (namespace, name) for row in ROWS):
            return getattr(getattr(torch.ops, namespace), name)
    if name.lstrip("_").startswith("npu_"):
        raise missing(name)
    raise AttributeError(f"npusim's stand-in for torch_npu has no {name}")


@cache  # torch takes milliseconds to list its operators, and every run registers
def _define_missing() -> None:
    existing = set(torch._C._dispatch_get_all_op_names())
    for row in ROWS:
        if f"{row.namespace}::{row.qualified}" not in existing:
            _define(row)


def _define(row: Row) -> None:
    if row.namespace not in _libraries:
        _libraries[row.namespace] = _Library(row.namespace, "FRAGMENT")
    library = _libraries[row.namespace]
    library.define(row.schema)
    library.impl(row.qualified, row.cpu, "CompositeExplicitAutograd")
    library.impl(row.qualified, fallthrough_kernel, "Autograd")  # the plain operators inside have gradients
    torch.library.register_fake(f"{row.namespace}::{row.qualified}", row.fake, lib=library)


def _explanation(namespace: str, operator: str) -> str:
    near: Sequence[str] = get_close_matches(operator, sorted({row.name for row in ROWS}), n=2, cutoff=0.8)
    guess = f"Did you mean {' or '.join(near)}? " if near else ""
    return (
        f"{namespace}.{operator} is an operator that only exists on the chip: npusim has no stand-in for it. {guess}"
        "Write the call in plain torch operators, or, before the run, define its schema, a fake and a CPU "
        f'implementation with torch.library.Library("{namespace}", "FRAGMENT"), which npusim then uses'
    )
