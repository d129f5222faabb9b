"""Attention lies within the bound that its own data gives."""

import numpy as np
import pytest

from npusim.executor import matmul as implementation
from npusim.numerics.model import IEEE
from npusim.numerics.row_bounds import attention_enclosure
from tests.executor.kernel_cases import DEVICES, FLOATS, HALF_MATMUL, awkward, normal, run, storage

OPERATOR = "scaled_dot_product_attention"


def attend(numerics, query, key, value, mask=None, *, causal=False, scale=None, shared=False, name="float32"):
    lead = np.broadcast_shapes(query.shape[:-2], *(() if shared else (key.shape[:-2], value.shape[:-2])))
    shape = (*lead, query.shape[-2], value.shape[-1])
    return run(
        numerics,
        OPERATOR,
        [query, key, value, mask],
        (name, shape),
        dropout_p=0.0,
        is_causal=causal,
        scale=scale,
        enable_gqa=shared,
    )


def enclosure(numerics, query, key, value, mask=None, *, scale=None, name="float32"):
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    return attention_enclosure(query, key, value, mask, scale=factor, operand=name, output=name, numerics=numerics)


def heads(lead, length, seen, width, name, seed=0):
    shapes = [(*lead, length, width), (*lead, seen, width), (*lead, seen, width)]
    return [normal(shape, name, seed + index) for index, shape in enumerate(shapes)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FLOATS)
def test_plain_attention_is_within_the_bound_on_every_device(name, device):
    operands = heads((2, 3), 19, 23, 16, name)
    result = attend(DEVICES[device], *operands, name=name)
    assert enclosure(DEVICES[device], *operands, name=name).holds(result).all()


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(("length", "seen"), [(9, 9), (5, 33), (33, 5), (1, 1)])
def test_causal_attention_sees_the_lower_left_triangle(name, length, seen):
    operands = heads((2,), length, seen, 8, name)
    result = attend(IEEE, *operands, causal=True, name=name)
    triangle = np.tri(length, seen, dtype=bool)
    assert enclosure(IEEE, *operands, triangle, name=name).holds(result).all()


@pytest.mark.parametrize("name", FLOATS)
def test_masks_are_broadcast_and_select_or_add(name):
    operands = heads((2, 3), 17, 21, 8, name)
    generator = np.random.default_rng(4)
    for shape in [(17, 21), (2, 1, 1, 21), (3, 17, 1), (21,)]:
        chosen = generator.random(shape) < 0.7
        chosen[..., 0] = True
        added = generator.standard_normal(shape).astype(storage(name))
        for mask in (chosen, added):
            result = attend(IEEE, *operands, mask, name=name)
            assert enclosure(IEEE, *operands, mask, name=name).holds(result).all()


def test_a_row_that_sees_nothing_is_nan():
    operands = heads((), 2, 3, 4, "float16")
    mask = np.array([[False, False, False], [True, False, False]])
    result = attend(IEEE, *operands, mask, name="float16")
    assert np.isnan(result[0]).all()
    assert np.array_equal(result[1], operands[2][0])


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_grouped_queries_share_neighbouring_keys(name):
    query = normal((2, 6, 11, 8), name, 1)
    key, value = normal((2, 2, 13, 8), name, 2), normal((2, 2, 13, 8), name, 3)
    result = attend(IEEE, query, key, value, shared=True, name=name)
    repeated = (np.repeat(array, 3, axis=1) for array in (key, value))
    assert enclosure(IEEE, query, *repeated, name=name).holds(result).all()


def test_leading_dimensions_broadcast():
    query, key, value = normal((3, 1, 5, 8), "float32"), normal((4, 7, 8), "float32", 1), normal((7, 6), "float32", 2)
    result = attend(IEEE, query, key, value)
    assert enclosure(IEEE, query, key, value).holds(result).all()


def test_the_scale_may_be_given():
    operands = heads((2,), 5, 6, 8, "float32")
    assert enclosure(IEEE, *operands, scale=0.25).holds(attend(IEEE, *operands, scale=0.25)).all()


def test_views_are_taken():
    packed = normal((6, 3, 2, 8), "bfloat16")  # length, q or k or v, head, width: as one linear layer gives them
    operands = [packed[:, index].transpose(1, 0, 2) for index in range(3)]
    result = attend(IEEE, *operands, name="bfloat16")
    assert enclosure(IEEE, *operands, name="bfloat16").holds(result).all()


def test_the_matmul_dtype_rounds_operands_and_probabilities():
    operands = heads((2,), 9, 9, 8, "float32")
    result = attend(HALF_MATMUL, *operands)
    assert enclosure(HALF_MATMUL, *operands).holds(result).all()
    assert not enclosure(IEEE, *operands).holds(result).all()


@pytest.mark.parametrize("name", FLOATS)
def test_special_values_spread_as_ieee_says(name):
    query, key, value = (awkward((40, 1, 6), name, 1), normal((5, 6), name, 2), awkward((40, 5, 3), name, 3))
    result = attend(IEEE, query, key, value, name=name)
    assert enclosure(IEEE, query, key, value, name=name).holds(result).all()


@pytest.mark.parametrize(("lead", "length", "seen"), [((0,), 3, 3), ((2,), 0, 3), ((2,), 3, 0)])
def test_nothing_to_see_or_to_ask_gives_zeros_or_nothing(lead, length, seen):
    result = attend(IEEE, *heads(lead, length, seen, 4, "float16"), name="float16")
    assert (result == 0).all()


def test_a_few_heads_are_computed_at_a_time(monkeypatch):
    operands = heads((5, 2), 7, 9, 8, "float32")
    mask = np.random.default_rng(1).standard_normal((5, 1, 7, 9)).astype(np.float32)
    whole = attend(IEEE, *operands, mask)
    monkeypatch.setattr(implementation, "_SCRATCH_ELEMENTS", 1000)
    assert np.array_equal(attend(IEEE, *operands, mask), whole)


def test_a_longer_head_is_within_the_bound():
    operands = heads((1,), 257, 257, 80, "bfloat16")
    result = attend(IEEE, *operands, name="bfloat16")
    assert enclosure(IEEE, *operands, name="bfloat16").holds(result).all()
