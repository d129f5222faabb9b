"""Read what a torch operator writes, returns and promotes to, from its schema and from a run without data."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Dtypes = tuple[torch.dtype | None, ...] | None
"""The dtype of every result, None for what is no tensor; None altogether if torch cannot say."""


def written(func: Any, args: Args, kwargs: Kwargs) -> list[Any]:
    """Return the tensors, or lists of them, that the operator changes: `self` of add_, `out` of an out variant."""
    found = []
    for index, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[index] if index < len(args) else kwargs.get(argument.name)
            if value is not None:
                found.append(value)
    return found


def delivered(func: Any, args: Args, kwargs: Kwargs, results: Sequence[Tensor]) -> Any:
    """Return functional results as the operator hands them over: into what it writes, else fresh."""
    targets = written(func, args, kwargs)
    if not targets:
        return results[0] if len(func._schema.returns) == 1 else tuple(results)
    for target, result in zip(targets, results, strict=False):
        if target.shape != result.shape:
            target.resize_(result.shape)
        target.copy_(result)
    return targets[0] if len(targets) == 1 else tuple(targets)


def returned(func: Any, args: Args, kwargs: Kwargs, output: Any) -> Any:
    """Return `output` with the caller's own tensors where the schema says that the result is an argument."""
    targets = written(func, args, kwargs)
    if not targets or not func._schema.returns:
        return output
    return targets[0] if len(func._schema.returns) == 1 else (*targets, *output[len(targets) :])


def result_dtypes(func: Any, args: Args, kwargs: Kwargs) -> Dtypes:
    """Return the dtype of every result, by torch's own rules: None for what is no tensor, and where torch cannot say.

    The operator is run without data, so the 0-d rule and dtype arguments count as in a real run.
    """

    def without_data(tensor: Tensor) -> Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")

    try:
        output = func(*mapped(without_data, args), **mapped(without_data, kwargs))
    except Exception:  # it needs the data, or torch has no kernel for tensors without: a promotion has to do
        return None
    return tuple(leaf.dtype if isinstance(leaf, Tensor) else None for leaf in tree_leaves(output))


def mapped(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Return an argument with every tensor in it, also in lists, changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(mapped(change, one) for one in value)
    if isinstance(value, dict):
        return {name: mapped(change, one) for name, one in value.items()}
    return value


def tensors(values: Any) -> list[Tensor]:
    """Return the tensors among arguments, those in lists included."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found.extend(tensors(value))
    return found
