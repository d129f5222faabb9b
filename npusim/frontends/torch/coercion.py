"""Change the dtypes of a call's arguments: to what a chip takes instead, or to what the host can compute."""

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any

import torch

from npusim.frontends.torch.arguments import mapped, tensors_in
from npusim.frontends.torch.mapping import Translation
from npusim.frontends.torch.operands import torch_dtype
from npusim.simulator import Verdict

Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]
Cast = Callable[[torch.Tensor, torch.dtype], torch.Tensor]
"""What casts a tensor; a run lets its listeners see that."""


def float_dtypes(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> set[torch.dtype]:
    """Return the float dtypes among the arguments; a 0-d tensor takes the others'."""
    return {one.dtype for one in tensors_in((args, kwargs)) if one.is_floating_point() and one.dim()}


def in_one_dtype(args: tuple[Any, ...], kwargs: Mapping[str, Any], cast: Cast) -> Arguments:
    """Return the arguments with every float tensor in the dtype to which they promote each other."""
    common = reduce(torch.promote_types, float_dtypes(args, kwargs))
    return _mapped(args, kwargs, lambda one: cast(one, common) if one.is_floating_point() else one)


def as_allowed(
    translation: Translation, verdict: Verdict, args: tuple[Any, ...], kwargs: Mapping[str, Any], cast: Cast
) -> Arguments:
    """Return the arguments with those of a refused dtype in an allowed one, as a repair would."""
    targets = {
        id(one): target
        for port, target in _targets(translation, verdict)
        for one in tensors_in(translation.operands.get(port))
    }
    return _mapped(args, kwargs, lambda one: cast(one, targets[id(one)]) if id(one) in targets else one)


def undone(before: Arguments, after: Arguments) -> Mapping[torch.dtype, torch.dtype]:
    """Return what each dtype was before a coercion, but for those that an operand had already."""
    was, now = (list(tensors_in(one)) for one in (before, after))
    pairs = [(old.dtype, new.dtype) for old, new in zip(was, now, strict=True)]
    kept = {new for old, new in pairs if old == new}
    return {new: old for old, new in pairs if new not in kept}


def _mapped(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], change: Callable[[torch.Tensor], torch.Tensor]
) -> Arguments:
    changed: Arguments = mapped((args, dict(kwargs)), change)
    return changed


def _targets(translation: Translation, verdict: Verdict) -> Iterator[tuple[str, torch.dtype]]:
    """Yield, for each port with a refused float, an allowed one: that of another operand if it is among them.

    All get the same one, or two rules could send them past each other. Integers stay as they are: sizes and positions
    are computed from them, which a narrower dtype would change.
    """
    found = [one.dtype for one in tensors_in(dict(translation.operands))]
    common: torch.dtype | None = None
    for violation in verdict.violations:
        allowed = [target for name in violation.allowed if (target := torch_dtype(name)) is not None]
        given = next(tensors_in(translation.operands.get(violation.port)), None)
        if given is None or not given.is_floating_point() or given.dtype in allowed:
            continue
        floats = [one for one in allowed if one.is_floating_point]
        if floats:
            common = common or next((one for one in floats if one in found), floats[0])
            yield violation.port, common
