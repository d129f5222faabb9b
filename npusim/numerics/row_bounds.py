"""Between which two values a softmax, a normalisation or an attention must lie: forward error analysis, step by step.

As in npusim.numerics.bounds the exact result is enclosed by the errors of every step and the ends are rounded to the
output dtype. u is the larger of the unit roundoffs of the compute and the accumulate dtype; products of two errors are
kept, so that the bounds hold for coarse formats too. The steps are those of Higham, Accuracy and Stability of Numerical
Algorithms, 2nd edition, 2002: sums as in chapter 4, the variance in two passes as in section 1.9, and the softmax as in
Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal of
Numerical Analysis 41, 2021, section 4.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.dtypes import dtype
from npusim.numerics.bounds import (
    Enclosure,
    enclose,
    exactly,
    finite_magnitude,
    format_of,
    growth,
    product,
    slack,
)
from npusim.numerics.model import IEEE, Numerics, Subnormals

Array = NDArray[Any]

_EXP_ULPS = 3
"""The error of the runtime's exp in units in the last place (OpenCL C 3.0, section 7.4)."""


def softmax_enclosure(x: Array, axis: int, *, operand: str, output: str, numerics: Numerics) -> Enclosure:
    """Enclose the softmax of `x` along `axis`. A row with NaN or +inf, or of nothing but -inf, is NaN throughout."""
    compute, accumulate = numerics.compute_dtype(operand), numerics.accumulate_dtype(operand)
    scores = exactly(x, compute, IEEE)
    exact, error, total = _softmax(scores, np.zeros_like(scores), axis, compute=compute, accumulate=accumulate)
    return enclose(exact, error, total, accumulate=accumulate, output=output, numerics=numerics)


def layer_norm_enclosure(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    *,
    dims: int,
    epsilon: float,
    operand: str,
    output: str,
    numerics: Numerics,
) -> Enclosure:
    """Enclose the layer norm of `x` over its last `dims` dimensions: (x - mean) / sqrt(variance + epsilon) * w + b."""
    accumulate = numerics.accumulate_dtype(operand)
    values = exactly(x, numerics.compute_dtype(operand), IEEE)
    axes = tuple(range(x.ndim - dims, x.ndim))
    count, unit = math.prod(x.shape[-dims:]), _unit(operand, numerics)
    with np.errstate(invalid="ignore"):
        mean = values.mean(axis=axes, keepdims=True)
        mean_error = (growth(count + 3, accumulate) + slack(count)) * _mean(finite_magnitude(values), axes)
        difference = values - mean
    spread = mean_error + unit * (np.abs(difference) + mean_error)
    return _scaled(
        difference, spread, weight, bias, axes=axes, epsilon=epsilon, operand=operand, output=output, numerics=numerics
    )


def rms_norm_enclosure(
    x: Array, weight: Array | None, *, dims: int, epsilon: float, operand: str, output: str, numerics: Numerics
) -> Enclosure:
    """Enclose x / sqrt(mean(x * x) + epsilon) * w over the last `dims` dimensions of `x`."""
    values = exactly(x, numerics.compute_dtype(operand), IEEE)
    axes = tuple(range(x.ndim - dims, x.ndim))
    spread = _unit(operand, numerics) * finite_magnitude(values)
    return _scaled(
        values, spread, weight, None, axes=axes, epsilon=epsilon, operand=operand, output=output, numerics=numerics
    )


def attention_enclosure(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    *,
    scale: float,
    operand: str,
    output: str,
    numerics: Numerics,
) -> Enclosure:
    """Enclose softmax(query @ key.T * scale + mask) @ value, heads leading, for operands promoted to `operand`.

    A bool mask says what is seen, a float mask is added. Causal attention is a bool mask; grouped queries are repeated
    keys and values. The probabilities are rounded to `operand`, and like the operands to its matmul dtype.
    """
    multiplied = numerics.matmul_dtype(operand)
    accumulate = numerics.accumulate_dtype(multiplied)
    unit, smallest = format_of(accumulate).unit, format_of(accumulate).smallest
    q, k, v = (exactly(x, multiplied, numerics) for x in (query, key, value))
    depth, seen = q.shape[-1], k.shape[-2]
    scores, magnitude = (product(a, np.swapaxes(b, -1, -2)) * scale for a, b in ((q, k), map(finite_magnitude, (q, k))))
    error = (growth(depth + 3, accumulate) + slack(depth)) * magnitude + depth * smallest * scale + smallest
    if mask is not None and mask.dtype != np.bool_:
        added = exactly(mask, accumulate, IEEE)
        with np.errstate(invalid="ignore"):
            scores, error = scores + added, error + 2 * unit * (np.abs(scores) + finite_magnitude(added))
    elif mask is not None:
        scores = np.where(mask, scores, -np.inf)
    held = "float64" if accumulate == "float64" else "float32"
    probability, blur, _ = _softmax(scores, error, -1, compute=held, accumulate=held)
    for name in (operand, multiplied):
        stored = format_of(name)
        least = stored.smallest_normal if numerics.subnormals is Subnormals.FLUSH else stored.smallest
        blur = blur + stored.unit * (probability + blur) + least
    exact, total = product(probability, v), product(finite_magnitude(probability + blur), finite_magnitude(v))
    error = (growth(seen, accumulate) + slack(seen)) * total + product(finite_magnitude(blur), finite_magnitude(v))
    largest = np.maximum(total, magnitude.max(axis=-1, keepdims=True, initial=0))
    return enclose(exact, error + seen * smallest, largest, accumulate=accumulate, output=output, numerics=numerics)


def _softmax(scores: Array, error: Array, axis: int, *, compute: str, accumulate: str) -> tuple[Array, Array, Array]:
    """Return the softmax of `scores`, its error where the scores are off by `error`, and the sum of exponentials."""
    unit, smallest = format_of(compute).unit, format_of(compute).smallest
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        below = scores - scores.max(axis=axis, keepdims=True, initial=-np.inf)
        exponential = np.exp(below)
        total = exponential.sum(axis=axis, keepdims=True)
        exact = exponential / total
        worst = np.max(np.where(np.isfinite(scores), error, 0), axis=axis, keepdims=True, initial=0)
        wrong = np.expm1(error + unit * (np.abs(below) + 2 * worst)) + 2 * (_EXP_ULPS + 1) * unit
        wrong = np.where(exponential > 0, wrong, 0)
        count = scores.shape[axis]
        upper = exponential * (1 + wrong) + smallest
        total_error = (exponential * wrong).sum(axis=axis, keepdims=True) + count * smallest
        total_error = total_error + (growth(count, accumulate) + slack(count)) * upper.sum(axis=axis, keepdims=True)
        least = np.where(total_error < total, total - total_error, 0)
        high = upper / least * (1 + 2 * unit) + smallest
    return exact, high - exact, total


def _scaled(
    difference: Array,
    spread: Array,
    weight: Array | None,
    bias: Array | None,
    *,
    axes: tuple[int, ...],
    epsilon: float,
    operand: str,
    output: str,
    numerics: Numerics,
) -> Enclosure:
    """Enclose difference / sqrt(mean(difference**2) + epsilon) * weight + bias; the difference is off by `spread`."""
    compute, accumulate = numerics.compute_dtype(operand), numerics.accumulate_dtype(operand)
    unit, smallest = _unit(operand, numerics), format_of(accumulate).smallest
    count = math.prod(difference.shape[axis] for axis in axes)
    w, b = (np.zeros(()) if one is None else exactly(one, compute, IEEE) for one in (weight, bias))
    w = np.ones(()) if weight is None else w
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        size = finite_magnitude(difference)
        variance = _mean(difference * difference, axes) + epsilon
        above = _mean((size + spread) ** 2, axes)
        off = _mean(2 * size * spread + spread**2, axes) + (growth(count + 4, accumulate) + slack(count)) * above
        off = off + 3 * unit * (variance + off) + 2 * smallest
        root = 1 / np.sqrt(variance)
        highest = np.where(off < variance, 1 / np.sqrt(np.where(off < variance, variance - off, 1)), np.inf)
        highest = highest * (1 + 4 * unit)
        exact = difference * root * w + b
        reach = (size + spread) * highest * np.abs(w)
        error = reach - size * root * np.abs(w) + 4 * unit * (reach + np.abs(b)) + (2 + np.abs(w)) * smallest
        error = np.where(np.isfinite(variance), error, 0)
    sums = count * np.maximum(above, _mean(size + spread, axes)) + np.zeros_like(exact)
    return enclose(exact, error, sums, accumulate=accumulate, output=output, numerics=numerics)


def _unit(operand: str, numerics: Numerics) -> float:
    """Return the unit roundoff of the coarser of the compute and the accumulate dtype, with float32's on top."""
    names = {numerics.compute_dtype(operand), numerics.accumulate_dtype(operand)}
    narrow = format_of("float32").unit if any(dtype(name).bits < 32 for name in names) else 0.0
    return max(format_of(name).unit for name in names) + narrow


def _mean(x: Array, axes: tuple[int, ...]) -> Array:
    return np.asarray(x.mean(axis=axes, keepdims=True))
