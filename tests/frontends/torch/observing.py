"""Let a listener watch plain torch code: a dispatch mode that makes events and judges nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from npusim.frontends.torch import places
from npusim.frontends.torch.events import Event, Listener

Compute = Callable[[Any, tuple[Any, ...], Mapping[str, Any]], Any]


class Watch(TorchDispatchMode):
    """Tells a listener of every operator; `compute` stands for a chip that computes in its own way."""

    def __init__(self, listener: Listener, compute: Compute | None = None) -> None:
        super().__init__()
        self.listener = listener
        self.compute = compute

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        event = Event(func, args, kwargs, None, lambda: places.site(str(func)))
        self.listener.before(event)
        output = func(*args, **kwargs) if self.compute is None else self.compute(func, args, kwargs)
        self.listener.after(event, output)
        return output


@contextmanager
def watched(*listeners: Listener, compute: Compute | None = None, training: bool = False) -> Iterator[None]:
    """Watch a block below autograd, or with `training` at the level of autograd."""
    with torch.inference_mode(not training):
        modes = [Watch(listener, compute if i == 0 else None) for i, listener in enumerate(listeners)]
        for mode in modes:
            mode.__enter__()
        try:
            yield
        finally:
            for mode in reversed(modes):
                mode.__exit__(None, None, None)
