"""Let compiled models run uncompiled while a run is open: what a compiler fuses cannot be judged call by call."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock

import torch


@dataclass(slots=True)
class _Stance:
    """What torch.compile does in all threads: torch has one stance for them, so the last run changes it back."""

    runs: int = 0
    changed: ExitStack = field(default_factory=ExitStack)
    lock: Lock = field(default_factory=Lock)

    def count(self, more: int) -> None:
        with self.lock:
            if not self.runs:
                self.changed.enter_context(torch.compiler.set_stance("force_eager"))
            self.runs += more
            if not self.runs:
                self.changed.close()


_stance = _Stance()


@contextmanager
def uncompiled() -> Iterator[None]:
    """Have torch.compile do nothing inside the block, nor in other threads meanwhile.

    Without torch._dynamo nothing has been compiled, and importing it would take longer than most runs.
    """
    if "torch._dynamo" not in sys.modules:
        yield
        return
    _stance.count(1)
    try:
        yield
    finally:
        _stance.count(-1)
