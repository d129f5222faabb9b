"""Numbers that come back are read for what they are: chips of which no simulated device exists, written in numpy."""

from collections.abc import Callable

import numpy as np
import pytest

from npusim.dtypes import DTYPES
from npusim.probe.numerics import FORMATS, questions


def fed(question):
    """The numbers that a question feeds, by port, as float64."""
    return {
        port: np.repeat([value for value, _ in runs], [count for _, count in runs]).reshape(shape)
        for port, (shape, runs) in question.operands.items()
    }


def said(identity: str, chip: Callable[..., np.ndarray]) -> dict[str, tuple[str, ...]]:
    """What a question finds of a chip: field -> values."""
    question = questions()[identity]
    with np.errstate(all="ignore"):
        result = np.asarray(chip(*fed(question).values()), dtype=np.float64)
    return {finding.field: finding.values for finding in question.read(result)}


def running(values, kind, block):
    """Sums of the last axis in a dtype: one after the other in blocks, then the blocks one after the other."""
    total = np.zeros(values.shape[:-1], kind)
    for start in range(0, values.shape[-1], block):
        part = np.zeros_like(total)
        for i in range(start, min(start + block, values.shape[-1])):
            part = (part + values[..., i].astype(kind)).astype(kind)
        total = (total + part).astype(kind)
    return total


def pairwise(values, kind):
    """Sums of the last axis in a dtype, by halves."""
    while values.shape[-1] > 1:
        values = (values[..., ::2].astype(kind) + values[..., 1::2].astype(kind)).astype(kind)
    return values[..., 0]


def test_every_question_feeds_numbers_of_its_dtype():
    for question in questions().values():
        for values in fed(question).values():
            assert np.array_equal(values.astype(DTYPES[question.dtype].storage).astype(np.float64), values)


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_the_accumulator_of_a_sum(name, kind):
    identity = f"sum/numbers/accumulate.{name}"
    storage = DTYPES[kind].storage
    assert said(identity, lambda x: running(x, storage, 1 << 20))["accumulate"] == (kind,)
    assert said(identity, lambda x: running(x, storage, 16))["accumulate"] == (kind,)
    assert said(identity, lambda x: pairwise(x, storage))["accumulate"] == (kind,)


def test_an_accumulator_of_no_known_width_is_told_in_bits():
    def chip(x):
        total = np.zeros(len(x))
        for i in range(x.shape[1]):
            total += x[:, i]
            scale = 2.0 ** (np.frexp(total)[1] - 17)
            total = np.rint(total / scale) * scale
        return total

    assert said("sum/numbers/accumulate.float32", chip) == {"accumulate": ("17 bits",)}


@pytest.mark.parametrize(("block", "text"), [(32, "32 of 2048 numbers in each"), (4096, "all of 2048 numbers in one")])
def test_blocks_of_partial_sums_are_counted(block, text):
    assert said("sum/numbers/blocks.float16", lambda x: running(x, np.float16, block)) == {"partial_sums": (text,)}


def test_lanes_of_partial_sums_are_counted():
    def chip(x):
        lanes = x.reshape(*x.shape[:-1], -1, 8).swapaxes(-1, -2)
        return running(running(lanes, np.float16, 4096), np.float16, 4096)

    assert said("sum/numbers/blocks.float16", chip)["partial_sums"][0].endswith("numbers in each")


def rounded(values, bits):
    """Numbers rounded to so many bits, of any range."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (lambda x: x, ("float32",)),
        (lambda x: x.astype(np.float16).astype(np.float64), ("float16",)),
        (lambda x: x.astype(DTYPES["bfloat16"].storage).astype(np.float64), ("bfloat16",)),
        (lambda x: rounded(x, 11), ("tfloat32",)),
        (lambda x: rounded(x, 12), ("12 bits",)),
    ],
    ids=["float32", "float16", "bfloat16", "tfloat32", "hfloat32"],
)
def test_the_rounding_of_a_matmuls_operands(rounding, expected):
    def chip(left, right):
        return np.matmul(rounding(left), rounding(right)).astype(np.float32)

    assert said("matmul/numbers/accumulate.float32", chip)["matmul"] == expected


@pytest.mark.parametrize(
    ("chip", "expected"),
    [
        (lambda x, y: (x + y).astype(np.float16), "nearest_even"),
        (lambda x, y: np.trunc((x + y) * 1024) / 1024, "toward_zero"),
        (lambda x, y: np.sign(x + y) * np.floor(np.abs(x + y) * 1024 + 0.5) / 1024, "nearest_away"),
        (lambda x, y: np.ceil((x + y) * 1024) / 1024, "upward"),
        (lambda x, y: np.floor((x + y) * 1024) / 1024, "downward"),
    ],
)
def test_what_becomes_of_ties(chip, expected):
    assert said("add/numbers/ties.float16", chip) == {"ties": (expected,)}


def flushed(values):
    return np.where(np.abs(values) < 2.0**-14, 0, values)


@pytest.mark.parametrize(
    ("chip", "outputs", "inputs"),
    [
        (lambda x, y: x * y, "keep", "keep"),
        (lambda x, y: flushed(x * y), "flush", "keep"),
        (lambda x, y: flushed(x) * flushed(y), "keep", "flush"),
        (lambda x, y: flushed(flushed(x) * flushed(y)), "flush", "flush"),
    ],
)
def test_subnormal_results_and_operands(chip, outputs, inputs):
    assert said("mul/numbers/subnormals.float16", chip) == {"subnormals": (outputs,), "subnormal_operands": (inputs,)}


def test_overflow_that_is_neither():
    def wrapping(x, y):
        return np.where(np.abs(x * y) > 65504, 0, x * y)

    assert said("mul/numbers/overflow.float16", wrapping) == {"overflow": ("other",)}


def test_a_control_that_fails_finds_nothing():
    assert said("mul/numbers/overflow.float16", lambda x, y: 0 * x * y) == {}
    assert said("mul/numbers/subnormals.float16", lambda x, y: 0 * x * y) == {}
    assert said("sum/numbers/accumulate.float16", lambda x: np.full(len(x), np.nan)) == {}


def test_results_that_no_hypothesis_explains_find_nothing():
    assert said("silu/numbers/compute.float16", lambda x: np.round(x, 1)) == {}
