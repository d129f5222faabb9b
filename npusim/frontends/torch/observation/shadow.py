"""Compute a model a second time, in a wide dtype, beside the first, and measure how far each result is from it."""

from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

from npusim.call import Site
from npusim.frontends.torch.arguments import tensors_in
from npusim.frontends.torch.events import Event
from npusim.frontends.torch.observation.distance import Distance, distances, lost_zeros
from npusim.frontends.torch.observation.products import product
from npusim.frontends.torch.observation.results import Accuracy
from npusim.frontends.torch.observation.sampling import in_rows, rows_of, spread
from npusim.frontends.torch.observation.text import accuracy_text
from npusim.frontends.torch.observation.truth import (
    NO_DATA,
    Arguments,
    has_data,
    is_random,
    made,
    mapped,
    outcome,
    preserved,
    traits,
    widened,
)
from npusim.frontends.torch.observation.weights import WideWeights

SAMPLE = 1 << 14
"""The elements of a result that are measured if not said otherwise: a ratio of theirs is within about 0.1 dB."""


@dataclass(slots=True)
class _Tally:
    """What was measured at one place: both readings, added up."""

    accumulated: Distance = field(default_factory=Distance)
    local: Distance = field(default_factory=Distance)
    elements: int = 0
    flushed: int = 0
    calls: int = 0

    def add(self, other: "_Tally") -> None:
        self.accumulated.add(other.accumulated)
        self.local.add(other.local)
        self.elements += other.elements
        self.flushed += other.flushed
        self.calls += other.calls

    def accuracy(self, operator: str, site: Site, dtype: str) -> Accuracy:
        """Return what was measured, for people."""
        everything, here = self.accumulated, self.local
        return Accuracy(
            operator,
            site,
            dtype,
            everything.sqnr_db,
            here.sqnr_db,
            everything.max_ulp,
            here.max_ulp,
            everything.mismatched / max(self.elements, 1),
            here.mismatched / max(self.elements, 1),
            self.flushed / max(self.elements, 1),
            everything.nonfinite,
            self.elements,
            self.calls,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Truths:
    """The results of one call in the wide dtype, as `truth.outcome` lists them.

    rows  which rows of the results the local truth has; None if all
    """

    accumulated: list[torch.Tensor]
    local: list[torch.Tensor]
    rows: slice | None = None

    def measured(self, index: int, result: torch.Tensor) -> list[torch.Tensor]:
        """Return a result and both of its truths, of the rows that the local one has."""
        found = [result, self.accumulated[index]]
        return [*(found if self.rows is None else [one[..., self.rows, :] for one in found]), self.local[index]]


class Shadow:
    """A listener that keeps a wide shadow of every float tensor and compares each result with two truths.

    dtype          torch.float32, or torch.float64 where the model itself computes in float32
    sample         how many elements of each result are measured, spread evenly over it; None measures all. The ratios
                   hold to a fraction of a dB, the largest ULPs are those of the sample
    weights_bytes  how much memory wide copies of parameters may take; `weights.WideWeights` says what it does not see

    The accumulated truth is the operator computed on the shadows of its operands: the model as it would be in the wide
    dtype from its beginning. The local one is the operator computed on the operands that it really had. A tensor that
    no operator was seen to make is its own shadow. Operators that draw random numbers are not computed again: their
    results are taken for true, and so are those of operators that refuse the wide dtype (`unread`). Integers, such as
    chosen indices, are compared, but the shadow goes on with those of the run.

    The accumulated truth is always computed in full. The local one of a contraction (a product of matrices, attention)
    is computed for at most `sampling.MOST_ROWS` of its rows unless `sample` is None. Of large linear layers in bfloat16
    both are made of bfloat16 products that are added in float32 (`products`), to about 2**-17.

    A shadow has the geometry of a tensor's memory, so that views and in-place writes through them keep it, and it is
    freed with that memory.

    unread  the operators that were not compared, and why
    notes   what else a reader should know
    """

    def __init__(
        self, dtype: torch.dtype = torch.float32, *, sample: int | None = SAMPLE, weights_bytes: int = 1 << 30
    ) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"a shadow is of torch.float32 or torch.float64, not {dtype}")
        if sample is not None and sample < 1:
            raise ValueError(f"a sample has at least one element, not {sample}")
        self.dtype = dtype
        self.unread: dict[str, str] = {}
        self.notes: tuple[str, ...] = ()
        self._shadows: MutableMapping[torch.UntypedStorage, torch.Tensor] = WeakIdKeyDictionary()
        """The flat wide tensor of as many elements as a storage holds."""
        self._tallies: dict[tuple[str, Site, str], _Tally] = {}
        self._sample = sample
        self._weights = WideWeights(weights_bytes)
        self._ahead: tuple[Event, _Truths | None] | None = None

    @property
    def operators(self) -> tuple[Accuracy, ...]:
        """One accuracy for each operator, site and dtype, in the order of first calls."""
        return tuple(tally.accuracy(*place) for place, tally in self._tallies.items())

    @property
    def modules(self) -> tuple[Accuracy, ...]:
        """One accuracy for each module, over the results of the operators in it and in its submodules."""
        found: dict[str, _Tally] = defaultdict(_Tally)
        for (_, site, _), tally in self._tallies.items():
            for path in _ancestors(site.module):
                found[path].add(tally)
        return tuple(tally.accuracy("", Site(module=path), "") for path, tally in found.items())

    def text(self, *, rows: int = 20) -> str:
        """Return the least accurate operators and modules as tables, the worst first."""
        return accuracy_text(self.operators, self.modules, self.unread, self.notes, rows)

    def shadow_of(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return what a float tensor would be if everything had been computed in the wide dtype; None if it has none.

        It is a view of the shadow: writing to it changes what is compared afterwards.
        """
        flat = self._shadows.get(tensor.untyped_storage())
        if flat is None or flat.numel() != _length(tensor) or not tensor.dtype.is_floating_point:
            return None
        return flat.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())

    def before(self, event: Event) -> None:
        """Compute what an in-place operator will write, while its operands are still what they are."""
        self._ahead = None  # of a call that raised
        if traits(event.func).written and has_data((event.args, event.kwargs)):
            self._ahead = event, self._truths(event, None)

    def after(self, event: Event, output: Any) -> None:
        """Compare the results of a call."""
        ahead, self._ahead = self._ahead, None
        known = traits(event.func)
        if known.makes_nothing or known.is_garbage:
            return
        if not has_data((event.args, output)):
            self.notes = (NO_DATA,)
            return
        results = [
            (index, one)
            for index, one in made(event.func, event.args, event.kwargs, output)
            if one.numel() and not one.dtype.is_complex
        ]
        if not any(one.dtype.is_floating_point for one in tensors_in((event.args, event.kwargs, output))):
            return
        if ahead is not None and ahead[0] is event:
            truths = ahead[1]
        else:
            truths = self._truths(event, output) if results else None
        if truths is not None:
            self._compare(event, results, truths)
        for index, result in results:
            self._keep(result, None if truths is None else truths.accumulated[index])

    def _compare(self, event: Event, results: list[tuple[int, torch.Tensor]], truths: _Truths) -> None:
        site, operator = event.where(), str(event.func)
        for index, result in results:
            seen = truths.measured(index, result)
            if len({one.shape for one in seen}) > 1:  # indices of what is true, say
                self.unread.setdefault(operator, "the shape of its result depends on the values")
                continue
            flat, everything, here = spread(seen, self._sample)
            is_one = truths.accumulated is truths.local
            *_, accumulated, local = distances(flat, (here,) if is_one else (everything, here)) * (1 + is_one)
            tally = _Tally(accumulated, local, flat.numel(), lost_zeros(flat, here), 1)
            place = operator, site, str(result.dtype).removeprefix("torch.")
            self._tallies.setdefault(place, _Tally()).add(tally)

    def _truths(self, event: Event, output: Any) -> _Truths | None:
        """Return the results of a call in the wide dtype; None, and a word in `unread`, if they are not to be had.

        output  what the call returned; None if it has not been made yet
        """
        func, args, kwargs = event.func, event.args, event.kwargs
        if is_random(func, args, kwargs):
            self.unread.setdefault(str(func), "it draws random numbers")
            return None
        try:
            if not any(self.shadow_of(one) is not None for one in tensors_in((args, kwargs))):
                local = self._computed(func, (args, dict(kwargs)))
                return _Truths(local, local)
            return self._of_linear(event, output) or self._of_any(event, output)
        except (RuntimeError, TypeError, ValueError) as error:
            self.unread.setdefault(str(func), str(error).partition("\n")[0])
            return None

    def _of_any(self, event: Event, output: Any) -> _Truths:
        func, args, kwargs = event.func, event.args, event.kwargs
        accumulated = self._computed(func, mapped(args, kwargs, self._shadow_or_itself))
        rows = self._rows(output)
        given = None if rows is None else in_rows(func, args, kwargs, output, rows)
        if given is None:
            return _Truths(accumulated, self._computed(func, (args, dict(kwargs))))
        return _Truths(accumulated, self._computed(func, ((), given)), rows)

    def _of_linear(self, event: Event, output: Any) -> _Truths | None:
        """Return the truths of a large linear layer in bfloat16 with parameters that are their own shadows."""
        is_linear = event.func is torch.ops.aten.linear.default and not event.kwargs
        shadow = self.shadow_of(event.args[0]) if is_linear and self.dtype is torch.float32 else None
        if shadow is None or any(self.shadow_of(one) is not None for one in tensors_in(event.args[1:])):
            return None
        local = product(output, *event.args)
        accumulated = None if local is None else local.moved(event.args[0], shadow, event.args[1])
        if local is None or accumulated is None:
            return None
        rows = self._rows(output)
        return _Truths([accumulated], [local.truth(rows)], rows)

    def _rows(self, output: Any) -> slice | None:
        return rows_of(output) if self._sample is not None and isinstance(output, torch.Tensor) else None

    def _shadow_or_itself(self, value: Any) -> Any:
        shadow = self.shadow_of(value) if isinstance(value, torch.Tensor) else None
        return value if shadow is None else shadow

    def _computed(self, func: Any, arguments: Arguments) -> list[torch.Tensor]:
        """Return the outcome of a call in the wide dtype, in memory of its own."""
        arguments = preserved(func, *arguments)
        wide = widened(*arguments, self.dtype, self._weights)
        found = outcome(func, *wide, func(*wide[0], **wide[1]))
        taken = {id(one.untyped_storage()) for one in tensors_in((arguments, wide))}
        return [one.clone() if id(one.untyped_storage()) in taken else one for one in found]

    def _keep(self, result: torch.Tensor, truth: torch.Tensor | None) -> None:
        """Make a truth the shadow of a result; without one the result is its own shadow from now on."""
        if not result.dtype.is_floating_point:
            return
        storage, length = result.untyped_storage(), _length(result)
        flat = self._shadows.get(storage)
        is_whole = result.numel() == length
        if truth is None or truth.shape != result.shape or result.dtype.itemsize > self.dtype.itemsize:
            if is_whole or flat is None:
                self._shadows.pop(storage, None)
                return
            truth = result
        if is_whole and truth.dtype is self.dtype and _is_laid_out_alike(truth, result):
            self._shadows[storage] = truth.as_strided((length,), (1,))
            return
        if flat is None or flat.numel() != length:
            flat = result.as_strided((length,), (1,), 0).to(self.dtype, copy=True)
            self._shadows[storage] = flat
        flat.as_strided(result.size(), result.stride(), result.storage_offset()).copy_(truth)


def _is_laid_out_alike(truth: torch.Tensor, result: torch.Tensor) -> bool:
    """Whether a truth has memory of its own in which each element lies where the result has it in its memory."""
    return truth.storage_offset() == 0 and truth.stride() == result.stride() and _length(truth) == result.numel()


def _length(tensor: torch.Tensor) -> int:
    """Return how many elements of its dtype a tensor's memory holds."""
    return tensor.untyped_storage().nbytes() // tensor.dtype.itemsize


def _ancestors(module: str) -> Iterator[str]:
    """Yield a module's path, and those of the modules around it up to the whole, which is empty."""
    while module:
        yield module
        module = module.rpartition(".")[0]
    yield ""
