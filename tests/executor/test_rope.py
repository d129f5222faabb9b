"""The rotary embedding gives the bits of its literal formula."""

from dataclasses import replace

import numpy as np
import pytest

from npusim.numerics.model import IEEE, Rounding
from npusim.numerics.rounding import round_to
from tests.executor.kernel_cases import CLAMPING, NARROW, awkward, normal, raw, run, storage

EACH = replace(IEEE, rounding=Rounding.PRIMITIVE)
DEVICES = {"ieee": IEEE, "clamping": CLAMPING, "each_primitive": EACH, "narrow": NARROW}
NAMES = ("float16", "bfloat16", "float32", "float64")


def rotated(x, mode):
    if mode == 0:
        half = x.shape[-1] // 2
        return np.concatenate([-x[..., half:], x[..., :half]], axis=-1)
    pairs = np.stack([-x[..., 1::2], x[..., 0::2]], axis=-1)
    return pairs.reshape(x.shape)


def literal(numerics, x, cos, sin, mode, operand):
    """Multiply, multiply and add, each rounded to the compute dtype and, if the device does, to the operand dtype."""
    compute = numerics.compute_dtype(operand)

    def step(value):
        value = round_to(value, compute, IEEE).astype(np.float64)
        if numerics.rounding is Rounding.PRIMITIVE:
            value = round_to(value, operand, numerics).astype(np.float64)
        return value

    with np.errstate(invalid="ignore", over="ignore"):
        a, c, s = (part.astype(np.float64) for part in (x, cos, sin))
        total = step(step(a * c) + step(rotated(a, mode) * s))
        return round_to(total, np.dtype(x.dtype).name, numerics)


def same(result, expected):
    """Whether all bits are equal, any NaN being as good as another."""
    nan = np.isnan(expected)
    return np.array_equal(np.isnan(result), nan) and np.array_equal(raw(result[~nan]), raw(expected[~nan]))


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_every_bit_is_that_of_the_formula(name, device, mode):
    x, cos, sin = awkward((2, 3, 5, 8), name, 1), normal((5, 8), name, 2), normal((2, 1, 5, 8), name, 3)
    result = run(DEVICES[device], "rotary_position_embedding", [x, cos, sin], (name, x.shape), mode=mode)
    assert same(result, literal(DEVICES[device], x, cos, sin, mode, name))


@pytest.mark.parametrize("mode", [0, 1])
def test_a_float32_table_meets_bfloat16_in_float32(mode):
    x, cos, sin = normal((4, 7, 16), "bfloat16", 1), normal((7, 16), "float32", 2), normal((7, 16), "float32", 3)
    result = run(IEEE, "rotary_position_embedding", [x, cos, sin], ("bfloat16", x.shape), mode=mode)
    assert same(result, literal(IEEE, x, cos, sin, mode, "float32"))


def test_views_and_one_column_tables_are_taken():
    x, table = normal((8, 12), "float32", 1).T[::-1, ::2], normal((12, 1), "float32", 2)
    result = run(IEEE, "rotary_position_embedding", [x, table, table[::-1]], ("float32", x.shape), mode=0)
    assert same(result, literal(IEEE, x, table, table[::-1], 0, "float32"))


@pytest.mark.parametrize("shape", [(0, 8), (3, 0)])
def test_nothing_gives_nothing(shape):
    x = np.empty(shape, storage("bfloat16"))
    assert run(IEEE, "rotary_position_embedding", [x, x, x], ("bfloat16", shape), mode=0).size == 0
