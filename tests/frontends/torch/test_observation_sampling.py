import gc
import math

import pytest
import torch
import transformers

from npusim.frontends.torch.observation import Shadow
from npusim.frontends.torch.observation.distance import distance
from npusim.frontends.torch.observation.products import product
from npusim.frontends.torch.observation.sampling import MOST_ROWS, rows_of, spread
from npusim.frontends.torch.observation.weights import WideWeights

from .observing import watched

LINEAR = torch.nn.functional.linear
ATTENTION = torch.nn.functional.scaled_dot_product_attention


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def both(compute):
    """Return what a sampling shadow and a full one say of the same code."""
    sampled, full = Shadow(sample=4096), Shadow(sample=None)
    for shadow in (sampled, full):
        with watched(shadow):
            compute()
    return list(zip(sampled.operators, full.operators, strict=True))


def assert_alike(some, everything, decibels=0.5):
    for reading in ("sqnr_db_local", "sqnr_db_accumulated"):
        one, other = getattr(some, reading), getattr(everything, reading)
        assert one == other or abs(one - other) < decibels, (some.operator, reading, one, other)
    assert some.max_ulp_local <= everything.max_ulp_local


@pytest.mark.parametrize("shape", [(197, 768), (64, 4096), (8, 12, 100, 64), (1 << 17,), (3, 65537)])
@pytest.mark.parametrize("most", [1000, 1 << 14])
def test_a_sample_is_spread_over_every_dimension(shape, most):
    places = torch.stack(torch.meshgrid(*map(torch.arange, shape), indexing="ij"))
    (found,) = spread([places[0]], most)
    assert found.numel() <= most
    for size, one in zip(shape, places, strict=True):
        (seen,) = spread([one], most)
        if size < most / 4:
            assert len(seen.unique()) == size
        assert seen.float().mean().item() == pytest.approx((size - 1) / 2, rel=0.05)


@pytest.mark.parametrize("outliers", [1, 30])
def test_the_ratio_of_a_sample_is_that_of_the_whole(outliers):
    truth = random(512, 768) * torch.cat([torch.ones(760), torch.full((8,), float(outliers))])
    result = (truth * (1 + 1e-3 * random(512, 768, seed=1))).bfloat16()
    some = distance(*spread([result, truth], 1 << 14))
    assert some.compared <= 1 << 14
    assert some.sqnr_db == pytest.approx(distance(result, truth).sqnr_db, abs=0.5)


def test_a_sampled_model_has_the_ratios_of_the_whole_one():
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=8
    )
    model = transformers.ViTModel(config).bfloat16().eval()
    pixels = random(4, 3, 64, 64).bfloat16()
    pairs = both(lambda: model(pixels))
    assert any(some.elements < everything.elements for some, everything in pairs)
    for some, everything in pairs:
        assert_alike(some, everything)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x @ random(64, 96, seed=2).bfloat16(),
        lambda x: x @ random(64, seed=2).bfloat16(),
        lambda x: torch.mm(x[0], random(64, 96, seed=2).bfloat16()),
        lambda x: torch.bmm(x, x.mT),
        lambda x: torch.addmm(random(96, seed=3).bfloat16(), x[0], random(64, 96, seed=2).bfloat16()),
        lambda x: torch.addmm(random(131, 96, seed=3).bfloat16(), x[0], random(64, 96, seed=2).bfloat16()),
        lambda x: ATTENTION(x, x, x),
        lambda x: ATTENTION(x, x, x, is_causal=True),
        lambda x: ATTENTION(x, x, x, attn_mask=random(131, 131, seed=2).bfloat16()),
    ],
)
def test_rows_of_a_contraction_have_the_truth_of_the_whole(compute):
    x = random(4, 131, 64)[None].bfloat16()[0]
    for some, everything in both(lambda: compute(x.tanh())):
        assert_alike(some, everything)


def test_rows_are_few_and_only_where_there_are_many():
    assert rows_of(random(MOST_ROWS, 8)) is None
    assert rows_of(random(1000)) is None
    assert random(3, 197, 8)[..., rows_of(random(3, 197, 8)), :].shape[1] <= MOST_ROWS


@pytest.mark.parametrize("has_bias", [True, False])
def test_a_large_linear_layer_is_true_to_float32(has_bias):
    x, weight = random(2, 100, 128).bfloat16(), random(256, 128, seed=1).bfloat16()
    bias = 10 * random(256, seed=2).bfloat16() if has_bias else None
    shadow = Shadow()
    with watched(shadow):
        y = LINEAR(x.tanh(), weight, bias)
        found = shadow.shadow_of(y).clone()
    wide = None if bias is None else bias.double()
    assert distance(found, LINEAR(x.double().tanh(), weight.double(), wide)).sqnr_db > 85
    measured = next(one for one in shadow.operators if "linear" in one.operator)
    local = LINEAR(x.tanh().double(), weight.double(), wide)
    assert measured.sqnr_db_local == pytest.approx(distance(y, local).sqnr_db, abs=0.3)
    assert measured.max_ulp_local <= 2


@pytest.mark.parametrize("spoil", [lambda y: y * math.inf, torch.zeros_like, lambda y: y + 100])
def test_a_large_linear_layer_whose_result_is_wrong_has_a_true_shadow(spoil):
    x, weight = random(200, 128).bfloat16(), random(256, 128, seed=1).bfloat16()

    def wrong(func, args, kwargs):
        found = func(*args, **kwargs)
        return spoil(found) if func is torch.ops.aten.linear.default else found

    shadow = Shadow()
    with watched(shadow, compute=wrong):
        found = shadow.shadow_of(LINEAR(x.tanh(), weight)).clone()
    assert distance(found, LINEAR(x.double().tanh(), weight.double())).sqnr_db > 100


def test_products_of_bfloat16_are_declined_where_float32_is_as_good():
    x, weight = random(8, 8).bfloat16(), random(8, 8, seed=1).bfloat16()
    assert product(x, x, weight) is None
    big, other = random(200, 128), random(256, 128, seed=1)
    assert product(LINEAR(big, other), big, other) is None


def test_weights_are_converted_once_until_they_are_written_to():
    kept = WideWeights(1 << 20)
    weight = torch.nn.Parameter(random(8, 8).bfloat16(), requires_grad=False)
    first = kept(weight, torch.float32)
    assert kept(weight, torch.float32) is first
    assert kept(weight, torch.float64).dtype is torch.float64
    weight.add_(1)
    assert torch.equal(kept(weight, torch.float32), weight.float())


def test_kept_weights_stay_within_their_budget_and_are_freed_with_their_parameter():
    kept = WideWeights(300)
    one, other = (torch.nn.Parameter(random(8, 8).bfloat16(), requires_grad=False) for _ in range(2))
    assert kept(one, torch.float32) is kept(one, torch.float32)
    assert kept(other, torch.float32) is not kept(other, torch.float32)
    del one
    gc.collect()
    assert kept(other, torch.float32) is kept(other, torch.float32)


def test_a_write_to_what_a_weight_became_leaves_the_kept_weight_alone():
    weight = torch.nn.Parameter(random(8, 8).bfloat16(), requires_grad=False)
    shadow = Shadow()
    with watched(shadow):
        y = weight.float()
        y.zero_()
        again = shadow.shadow_of(weight * 1).clone()
    assert torch.equal(again, weight.float())


@pytest.mark.parametrize("sample", [0, -1])
def test_a_sample_of_nothing_is_refused(sample):
    with pytest.raises(ValueError, match="at least one element"):
        Shadow(sample=sample)
