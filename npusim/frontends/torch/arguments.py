"""Find and replace the tensors among what an operator takes and gives, in lists, tuples and mappings too."""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import torch


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in order of appearance."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors_in(one)
    elif isinstance(value, dict | MappingProxyType):  # isinstance of Mapping is slow
        for one in value.values():
            yield from tensors_in(one)


def mapped(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """Return the same with every tensor changed; what is no list, tuple or dict of tensors stays as it is."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in {list, tuple}:
        return type(value)(mapped(one, change) for one in value)
    if isinstance(value, dict):
        return {name: mapped(one, change) for name, one in value.items()}
    return value
