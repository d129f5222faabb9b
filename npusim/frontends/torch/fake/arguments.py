"""Put other tensors, of another device, into the arguments of an operator."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch


def with_tensors(tree: Any, tensors: Sequence[torch.Tensor], device: torch.device) -> Any:
    """Return the same arguments with other tensors, and with another device, and no generator, where one is named."""
    return _replaced(tree, iter(tensors), device)


def _replaced(tree: Any, tensors: Iterator[torch.Tensor], device: torch.device) -> Any:
    if isinstance(tree, torch.Tensor):
        return next(tensors)
    if isinstance(tree, torch.device):
        return device
    if isinstance(tree, torch.Generator):
        return None
    if isinstance(tree, list | tuple):
        return type(tree)(_replaced(each, tensors, device) for each in tree)
    if isinstance(tree, dict):
        return {name: _replaced(each, tensors, device) for name, each in tree.items()}
    return tree
