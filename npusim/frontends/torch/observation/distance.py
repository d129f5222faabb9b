"""Measure how far a torch result is from its truth: energies of signal and noise, and steps of the result's format."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from npusim.dtypes import DTYPES
from npusim.numerics.ulp import FARTHEST, ulp_distance

_WORDS = {2: torch.int16, 4: torch.int32}
"""The integers that have the width of a float of so many bytes, where positions are computed in torch."""
_DIFFERENCES = {torch.int16: torch.int32, torch.int32: torch.int64}
"""The integers that hold every difference of two such positions."""
_CHUNK = 1 << 17
"""The elements that are compared at a time: few enough to stay in a core's cache."""


@dataclass(slots=True)
class Distance:
    """The distance of results from their truth, added up over calls.

    signal, noise  sums of truth^2 and (result - truth)^2 where both are finite, of `compared` elements
    max_ulp        the largest distance, of a NaN from a number npusim.numerics.ulp.FARTHEST
    nonfinite      elements where one is not finite and the other is something else
    mismatched     elements that differ, of integers and bools
    """

    signal: float = 0.0
    noise: float = 0.0
    compared: int = 0
    max_ulp: int = 0
    nonfinite: int = 0
    mismatched: int = 0

    def add(self, other: "Distance") -> None:
        """Take in the distance of further results."""
        self.signal += other.signal
        self.noise += other.noise
        self.compared += other.compared
        self.max_ulp = max(self.max_ulp, other.max_ulp)
        self.nonfinite += other.nonfinite
        self.mismatched += other.mismatched

    @property
    def sqnr_db(self) -> float:
        """The signal to quantisation noise ratio: inf without noise, -inf without signal, NaN with nothing compared."""
        if not self.compared:
            return math.nan
        if not self.noise:
            return math.inf
        return 10 * math.log10(self.signal / self.noise) if self.signal else -math.inf


def distance(result: torch.Tensor, truth: torch.Tensor) -> Distance:
    """Return the distance of a real tensor from a truth of the same shape and of its dtype or a wider one.

    Energies are summed in the truth's dtype, so that they hold to about 1e-5 in float32.
    """
    return distances(result, (truth,))[0]


def distances(result: torch.Tensor, truths: Sequence[torch.Tensor]) -> list[Distance]:
    """Return the `distance` of a tensor from each of several truths, all of one dtype."""
    totals = [Distance() for _ in truths]
    pieces = [torch.split(one.reshape(-1), _CHUNK) for one in (result, *truths)]
    for one, *exact in zip(*pieces, strict=True):
        for total, found in zip(totals, _of_chunk(one, torch.stack(exact)), strict=True):
            total.add(found)
    return totals


def lost_zeros(result: torch.Tensor, truth: torch.Tensor) -> int:
    """Return how many elements of a float tensor are zero where the truth is not."""
    if not result.dtype.is_floating_point:
        return 0
    pairs = zip(torch.split(result.reshape(-1), _CHUNK), torch.split(truth.reshape(-1), _CHUNK), strict=True)
    return sum(int(((one == 0) & (exact != 0)).sum()) for one, exact in pairs if _has_zero(one))


def _has_zero(tensor: torch.Tensor) -> bool:
    word = _WORDS.get(tensor.dtype.itemsize)
    if word is None:
        return True
    return int((tensor.view(word) & torch.iinfo(word).max).amin()) == 0


def _of_chunk(result: torch.Tensor, truths: torch.Tensor) -> list[Distance]:
    """Return the distance of a flat tensor from each row of `truths`."""
    if not result.dtype.is_floating_point:
        return [Distance(mismatched=count) for count in (result != truths).sum(-1).tolist()]
    signals = truths.square().sum(-1).tolist()
    noises = (truths - result.to(truths.dtype)).square_().sum(-1).tolist()
    rounded = truths.to(result.dtype)
    if all(map(math.isfinite, (*signals, *noises))):
        measured = zip(signals, noises, _max_ulps(result, rounded), strict=True)
        return [Distance(signal, noise, result.numel(), steps) for signal, noise, steps in measured]
    return [
        _of_finite(result, truth, _max_ulp_with_nan(result, near)) for truth, near in zip(truths, rounded, strict=True)
    ]


def _of_finite(result: torch.Tensor, truth: torch.Tensor, max_ulp: int) -> Distance:
    """Return the distance of the elements that are finite in both, and count those that are not and differ."""
    one, exact = result.double(), truth.double()
    finite = one.isfinite() & exact.isfinite()
    equal = (one == exact) | (one.isnan() & exact.isnan())
    one, exact = one[finite], exact[finite]
    signal, noise = exact.square().sum().item(), (one - exact).square().sum().item()
    return Distance(signal, noise, exact.numel(), max_ulp, int((~finite & ~equal).sum()))


def _max_ulp_with_nan(one: torch.Tensor, other: torch.Tensor) -> int:
    nan, other_nan = one.isnan(), other.isnan()
    if bool((nan != other_nan).any()):
        return FARTHEST
    return _max_ulps(one[~nan], other[~nan].unsqueeze(0))[0]


def _max_ulps(one: torch.Tensor, others: torch.Tensor) -> list[int]:
    """Return the largest number of steps between a flat tensor and each row of others of its float dtype, no NaN."""
    word = _WORDS.get(one.dtype.itemsize)
    if word is None or not one.numel():
        return [int(ulp_distance(_array(one), _array(other)).max(initial=0)) for other in others]
    wide = _DIFFERENCES[word]
    steps = _position(others, word).to(wide).sub_(_position(one.contiguous(), word))
    lowest, highest = torch.aminmax(steps, dim=-1)
    return torch.maximum(highest, -lowest).tolist()


def _position(tensor: torch.Tensor, word: torch.dtype) -> torch.Tensor:
    """Return the index of each value on the number line: its bits, those below the sign turned where it is set."""
    bits = tensor.view(word)
    sign = bits >> (8 * word.itemsize - 1)
    return (sign & torch.iinfo(word).max).bitwise_xor_(bits).sub_(sign)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a float tensor's values as an array of the numpy type that npusim stores its dtype in."""
    storage: Any = DTYPES[str(tensor.dtype).removeprefix("torch.")].storage
    return tensor.contiguous().view(torch.uint8).numpy(force=True).view(storage)
