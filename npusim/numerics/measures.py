"""How far a result is from the truth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def sqnr_db(result: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the signal to quantisation noise ratio in decibels: 10 log10(sum truth^2 / sum (result - truth)^2).

    Both are taken to float64. Infinite for an exact result, NaN where a value is not finite or the truth is all zero.
    """
    exact = np.asarray(truth, dtype=np.float64)
    noise = np.asarray(result).astype(np.float64) - exact
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.sum(exact**2) / np.sum(noise**2)))


def max_abs_error(result: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the largest |result - truth| in float64; 0 for empty arrays, NaN if any difference is."""
    difference = np.abs(np.asarray(result).astype(np.float64) - np.asarray(truth, dtype=np.float64))
    return float(np.max(difference, initial=0.0))
