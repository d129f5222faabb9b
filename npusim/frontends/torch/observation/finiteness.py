"""Find where numbers leave their format: look at the extremes of each result, and look again if they are odd."""

import math
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch.utils.weak import WeakIdKeyDictionary

from npusim.call import Site
from npusim.frontends.torch.events import Event
from npusim.frontends.torch.observation.diagnosis import (
    Case,
    diagnose,
    extremes,
    floats,
    flushed,
    limit_of,
    lost,
    observe,
    total,
)
from npusim.frontends.torch.observation.results import Kind, Observation
from npusim.frontends.torch.observation.text import observation_text
from npusim.frontends.torch.observation.truth import NO_DATA, Arguments, has_data, made, preserved, traits
from npusim.numerics.model import Numerics, Overflow


class HasNumerics(Protocol):
    """A profile, as far as observation needs one."""

    @property
    def numerics(self) -> Numerics:
        """How it computes."""


class Finiteness:
    """A listener that finds infinities, NaNs, saturation and lost norms, and what the true values would have been.

    numerics  the device's or a profile with them: they say whether results saturate instead of becoming infinite. A NaN
              that became 0 on such a chip is not found here but by `Shadow`
    flushed   also find zeros whose true value is not zero; computes each operator that gives a zero twice

    propagated  how many results were not finite only because an operand, an earlier result, was not
    unread      the operators whose true value was not to be had, and why
    notes       what else a reader should know
    """

    def __init__(self, numerics: Numerics | HasNumerics, *, flushed: bool = False) -> None:
        found = numerics if isinstance(numerics, Numerics) else numerics.numerics
        self.propagated = 0
        self.unread: dict[str, str] = {}
        self.notes: tuple[str, ...] = ()
        self._saturates = found.overflow is Overflow.SATURATE
        self._counts_flushed = flushed
        self._found: dict[tuple[Kind, str, Site], Observation] = {}
        self._before: tuple[Event, Arguments] | None = None
        self._troubled: MutableMapping[torch.UntypedStorage, bool] = WeakIdKeyDictionary()
        """Storages known to hold what is not finite: False if that is only a mask's -inf."""

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What was found, in the order in which it first appeared; one for each kind, operator and site."""
        return tuple(self._found.values())

    def first(self, *kinds: Kind) -> Observation | None:
        """Return the observation of these kinds that appeared first."""
        return next((one for one in self._found.values() if one.kind in kinds), None)

    @property
    def first_infinity(self) -> Observation | None:
        """The first result with an infinity that no operand had and no mask explains."""
        return self.first(Kind.OVERFLOW, Kind.INFINITY)

    @property
    def first_nan(self) -> Observation | None:
        """The first result with a NaN where no operand has one."""
        return self.first(Kind.NAN)

    def text(self) -> str:
        """Return what was found in words, the gravest first."""
        return observation_text(self.observations, self.propagated, self.unread, self.notes)

    def before(self, event: Event) -> None:
        """Keep what an in-place operator is about to overwrite."""
        self._before = None  # of a call that raised
        if traits(event.func).reads_written and has_data((event.args, event.kwargs)):
            self._before = event, preserved(event.func, event.args, event.kwargs)

    def after(self, event: Event, output: Any) -> None:
        """Look at the results of a call."""
        before, self._before = self._before, None
        known = traits(event.func)
        if known.makes_nothing or known.is_garbage:
            return
        if not has_data(output):
            self.notes = (NO_DATA,)
            return
        for index, result in made(event.func, event.args, event.kwargs, output):
            if result.dtype.is_floating_point and result.numel():
                self._look(event, before, index, result)

    def _look(self, event: Event, before: tuple[Event, Arguments] | None, index: int, result: torch.Tensor) -> None:
        is_suspect = self._is_suspect(result)
        counts = self._counts_flushed and not bool(result.all())
        if not (is_suspect or counts or traits(event.func).is_normalisation):
            return
        arguments = before[1] if before is not None and before[0] is event else (event.args, dict(event.kwargs))
        case = Case(event.func, arguments, result, index, event.where)
        if is_suspect:
            self._examine(case, floats((event.args, event.kwargs)))
        self._add(*lost(case), *(flushed(case) if counts else ()))
        if "truth" in vars(case) and isinstance(case.truth, str):
            self.unread.setdefault(str(event.func), case.truth)

    def _is_suspect(self, result: torch.Tensor) -> bool:
        if not self._saturates and math.isfinite(total(result)):  # an infinity or NaN anywhere reaches the sum
            return False
        lowest, highest = extremes(result)
        limit = limit_of(result.dtype) if self._saturates else math.inf
        return not (-limit < lowest and highest < limit)  # also where NaN

    def _examine(self, case: Case, operands: list[torch.Tensor]) -> None:
        """Report a suspect result, and first the operands (where they lie now) that nobody was seen to make."""
        is_troubled = False
        for now, (_, lowest, highest) in zip(operands, case.operands, strict=True):
            if math.isfinite(lowest) and math.isfinite(highest):
                continue
            storage = now.untyped_storage()
            if storage not in self._troubled:
                is_mask = lowest == -math.inf and highest < math.inf
                self._troubled[storage] = not is_mask
                self._add(self._given(case, now, Kind.MASK if is_mask else Kind.INPUT))
            is_troubled |= self._troubled[storage]
        found = [one for one in diagnose(case, saturates=self._saturates) if not is_troubled or one.kind is Kind.NAN]
        self.propagated += is_troubled and not found
        self._add(*found)
        if not all(map(math.isfinite, extremes(case.result))):
            self._troubled[case.result.untyped_storage()] = is_troubled or any(o.kind is not Kind.MASK for o in found)

    def _given(self, case: Case, operand: torch.Tensor, kind: Kind) -> Observation:
        given = Case(case.func, ((operand,), {}), operand, 0, case.where)
        return observe(given, kind, ~operand.isfinite(), detail="an operand that no observed operator made")

    def _add(self, *observations: Observation) -> None:
        for one in observations:
            key = one.kind, one.operator, one.site
            known = self._found.get(key, one)
            worst = max(known, one, key=lambda found: (abs(found.true_value or 0), found.count))
            self._found[key] = replace(worst, calls=known.calls + (known is not one))
