"""Say what is wrong with one result, by its true value: overflow, saturation, NaN, or a norm lost to its squares."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch

from npusim.call import Site
from npusim.frontends.torch.arguments import tensors_in
from npusim.frontends.torch.observation.results import Kind, Observation
from npusim.frontends.torch.observation.truth import Arguments, is_random, outcome, preserved, traits, widened

_ATTENTION = re.compile("scaled_dot_product.*attention")
_CASTS = frozenset({"to", "_to_copy", "copy_", "type_as"})
"""Operators that work element by element without the tag that says so."""
_ORDERED = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""The dtypes whose extremes torch finds; others are converted to float32 first."""
_LIMITED = (Kind.OVERFLOW, Kind.SATURATION, Kind.LOST)
_LOST = 0.5
"""The relative error from which on a row of a normalisation is another row."""


@cache
def limit_of(dtype: torch.dtype) -> float:
    """Return the largest finite value of a float dtype."""
    return float(torch.finfo(dtype).max)


def extremes(tensor: torch.Tensor) -> tuple[float, float]:
    """Return the lowest and the highest value of a float tensor that has elements; both NaN if one of them is."""
    lowest, highest = torch.aminmax(tensor if tensor.dtype in _ORDERED else tensor.float())
    return lowest.item(), highest.item()


def total(tensor: torch.Tensor) -> float:
    """Return the sum of a float tensor, in about half the time of its extremes; not finite if an element is not.

    It may overflow though all elements are finite.
    """
    return (tensor if tensor.dtype in _ORDERED else tensor.float()).sum().item()


def floats(value: Any) -> list[torch.Tensor]:
    """Return every real floating-point tensor in a value that has elements."""
    return [one for one in tensors_in(value) if one.dtype.is_floating_point and one.numel()]


@dataclass(frozen=True, eq=False)
class Case:
    """One call, its operands as they were before it, and one of its results.

    index  of the result, in `truth.outcome`
    where  returns the site
    """

    func: Any
    arguments: Arguments
    result: torch.Tensor
    index: int
    where: Callable[[], Site]

    @cached_property
    def truth(self) -> torch.Tensor | str:
        """The result in float64, computed from the operands; why there is none if there is none."""
        if is_random(self.func, *self.arguments):
            return "it draws random numbers"
        try:
            args, kwargs = widened(*preserved(self.func, *self.arguments), torch.float64)
            found = outcome(self.func, args, kwargs, self.func(*args, **kwargs))[self.index]
        except (RuntimeError, TypeError, ValueError) as error:
            return str(error).partition("\n")[0]
        return found if found.shape == self.result.shape else "its shape depends on the dtype"

    @cached_property
    def operands(self) -> list[tuple[torch.Tensor, float, float]]:
        """Every float operand with its lowest and highest value."""
        return [(one, *extremes(one)) for one in floats(self.arguments)]

    @property
    def has_nan(self) -> bool:
        """Whether an operand holds a NaN."""
        return any(math.isnan(lowest) for _, lowest, _ in self.operands)

    @property
    def has_infinity(self) -> bool:
        """Whether an operand holds a positive infinity; seen only where none has NaN, as the next one."""
        return any(highest == math.inf for _, _, highest in self.operands)

    @property
    def has_mask(self) -> bool:
        """Whether an operand holds -inf, or is the number -inf."""
        return any(lowest == -math.inf for _, lowest, _ in self.operands) or -math.inf in self._numbers

    @property
    def input_max(self) -> float | None:
        """The largest finite magnitude among the operands."""
        sizes = [
            max(-lowest, highest)
            if math.isfinite(lowest) and math.isfinite(highest)
            else one.double().nan_to_num(0.0, 0.0, 0.0).abs().amax().item()
            for one, lowest, highest in self.operands
        ]
        return max(sizes, default=None)

    @property
    def _numbers(self) -> list[float]:
        args, kwargs = self.arguments
        return [one for one in (*args, *kwargs.values()) if isinstance(one, float)]


def diagnose(case: Case, *, saturates: bool) -> Iterator[Observation]:
    """Yield what is wrong with a result that has a NaN or an infinity, or the largest value of a saturating chip.

    What is but a consequence of an operand is not reported: no NaN if an operand has one, no infinity if one has +inf.
    """
    result = case.result
    nan = result.isnan()
    if bool(nan.any()) and not case.has_nan:
        yield _of_nan(case, nan)
    at_limit = result.isinf() | ((result.abs() == limit_of(result.dtype)) if saturates else False)
    if case.has_nan or case.has_infinity or not bool(at_limit.any()):
        return
    infinite, truth = result.isinf(), case.truth
    if isinstance(truth, str):
        if not case.has_mask and bool(infinite.any()):
            yield observe(case, Kind.OVERFLOW, infinite, detail=f"no true value: {truth}")
        return
    finite, masked = truth.isfinite(), _masked(case)
    beyond = finite & truth.to(result.dtype).isinf()
    meant = infinite & ~finite & (result < 0) if case.has_mask else torch.zeros_like(infinite)
    for kind, where in (
        (Kind.OVERFLOW, infinite & finite & ~masked),
        (Kind.SATURATION, at_limit & ~infinite & beyond & ~masked),
        (Kind.INFINITY, infinite & ~finite & ~meant),
        (Kind.MASK, meant | (infinite & finite & masked)),
    ):
        if bool(where.any()):
            yield observe(case, kind, where, _farthest(truth, where))


def lost(case: Case) -> Iterator[Observation]:
    """Yield the rows of a normalisation that are unrelated to their true value though the operand is all finite.

    Squares, or their sum, that the operand's dtype does not hold must be the reason: a chip that computes inside in
    that dtype returns zeros (the reciprocal root of inf), or rows of a wrong size if it saturates.
    """
    known, result = traits(case.func), case.result
    operands = floats(case.arguments) if known.is_normalisation else []
    if not operands:
        return
    values = operands[0]
    added = operands[1] if "add" in known.name else None
    lowest, highest = extremes(values)
    limit = limit_of(values.dtype)
    width = max(-lowest, highest) + (0 if added is None else added.abs().amax().item())
    if not width**2 * values.numel() > limit or values.shape != result.shape:  # also where NaN
        return
    truth = case.truth
    if isinstance(truth, str):
        return
    exact = values.double() + (0 if added is None else added)
    squares = (exact if "rms" in known.name else exact - exact.mean(-1, keepdim=True)).square()
    error, size = ((one.double().square().sum(-1).sqrt()) for one in (result - truth, truth))
    rows = (squares.sum(-1) > limit) & (error > _LOST * size) & error.isfinite()
    if bool(rows.any()):
        largest = squares.amax().item()
        what, value = ("square", largest) if largest > limit else ("sum of squares", squares.sum(-1).amax().item())
        zeros = " of zeros" if bool((result[rows] == 0).all()) else ""
        detail = (
            f"true value of a {what} inside; {int(rows.sum())} rows{zeros}, true norm {size[rows].amax().item():.6g}"
        )
        yield observe(case, Kind.LOST, rows.unsqueeze(-1).expand_as(result), value, detail)


def flushed(case: Case) -> Iterator[Observation]:
    """Yield the zeros of a result whose true value is not zero."""
    truth = case.truth
    if not isinstance(truth, str):
        where = (case.result == 0) & (truth != 0)
        if bool(where.any()):
            yield observe(case, Kind.FLUSHED, where, _farthest(truth, where))


def observe(
    case: Case, kind: Kind, where: torch.Tensor, true_value: float | None = None, detail: str = ""
) -> Observation:
    """Return an observation of the elements at which the bool tensor `where` is true."""
    dtype = case.result.dtype if kind is not Kind.LOST else case.operands[0][0].dtype
    return Observation(
        kind,
        str(case.func),
        case.where(),
        str(dtype).removeprefix("torch."),
        limit_of(dtype) if kind in _LIMITED else None,
        true_value if true_value is not None and math.isfinite(true_value) else None,
        case.input_max,
        int(where.sum()),
        where.numel(),
        detail=detail,
    )


def _of_nan(case: Case, nan: torch.Tensor) -> Observation:
    truth = case.truth
    if isinstance(truth, str):
        return observe(case, Kind.NAN, nan, detail=f"no true value: {truth}")
    value = _farthest(truth, nan)
    if not math.isnan(value):
        return observe(case, Kind.NAN, nan, value, _inside(case))
    reasons = (
        (case.has_infinity, "an operand has infinities"),
        (case.has_mask, "an operand has -inf, as in a row that is masked wholly"),
        (True, "all operands are finite"),
    )
    reason = next(words for applies, words in reasons if applies)
    return observe(case, Kind.NAN, nan, detail=f"the true value is NaN, too: {reason}")


def _inside(case: Case) -> str:
    """Return the largest score of an attention, which its result does not show."""
    if not _ATTENTION.search(traits(case.func).name):
        return ""
    query, key = (one.double() for one, _, _ in case.operands[:2])
    if query.shape[:-2] != key.shape[:-2]:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    return f"the largest score of query and key, before scaling, is {(query @ key.mT).abs().amax().item():.6g}"


def _masked(case: Case) -> torch.Tensor:
    """Return where a negative result comes of an operand's lowest value or -inf, as an attention mask has them."""
    known, result = traits(case.func), case.result
    masked = torch.zeros_like(result, dtype=torch.bool)
    if known.is_pointwise or known.name in _CASTS:
        for one, lowest, _ in case.operands:
            if lowest <= -limit_of(one.dtype):
                masked |= one <= -limit_of(one.dtype)
    return masked & (result < 0)


def _farthest(truth: torch.Tensor, where: torch.Tensor) -> float:
    """Return the value of the largest magnitude where `where` is true, with its sign; NaN before any other."""
    found = truth[where]
    return float(found[found.abs().argmax()])
