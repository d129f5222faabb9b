import inspect
import math
import re

import pytest
import torch
import transformers
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers.models.llama.modeling_llama import LlamaRMSNorm

import npusim
from npusim.frontends.torch.observation import Finiteness, Kind
from npusim.numerics.model import IEEE, Numerics, Overflow

from . import models
from .observing import watched

SATURATING = Numerics(overflow=Overflow.SATURATE)
LARGE = 683.5


def on_chip(listener, chip="ascend910b", **options):
    return npusim.device(chip).torch(mode="report", observe=(listener,), **options)


def naive_norm(x, weight=1.0):
    variance = x.pow(2).mean(-1, keepdim=True)
    return weight * (x * torch.rsqrt(variance + 1e-6))


def large_rows(rows=4, width=64):
    return torch.full((rows, width), LARGE, dtype=torch.float16)


def saturate(func, args, kwargs):
    """Compute as a chip without infinities: what is beyond float16 becomes its largest value, NaN becomes 0."""
    output = func(*args, **kwargs)
    if isinstance(output, torch.Tensor) and output.dtype is torch.float16:
        return output.nan_to_num(0.0, 65504.0, -65504.0)
    return output


def norm_in_float16(func, args, kwargs):
    """Compute rms_norm as a chip whose square is a float16."""
    if func is torch.ops.aten.rms_norm.default:
        x, _, weight, epsilon = args
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * weight
    return func(*args, **kwargs)


def test_a_norm_that_overflows_to_finite_zeros_is_found_at_its_square():
    watch = Finiteness(npusim.device("ascend910b").profile)
    with on_chip(watch):
        y = naive_norm(large_rows())
    assert torch.equal(y, torch.zeros_like(y))
    found = watch.first_infinity
    assert (found.kind, found.operator, found.dtype) == (Kind.OVERFLOW, "aten.pow.Tensor_Scalar", "float16")
    assert (found.true_value, found.limit, found.input_max) == (LARGE**2, 65504, LARGE)
    assert (found.count, found.elements, found.fraction) == (256, 256, 1.0)
    assert watch.first_nan is None
    assert watch.propagated == 2  # the mean, and epsilon added to it


def test_an_overflow_names_its_line_and_module():
    class Norm(torch.nn.Module):
        def forward(self, x):
            return naive_norm(x)

    watch = Finiteness(IEEE)
    with on_chip(watch):
        torch.nn.Sequential(torch.nn.Identity(), Norm())(large_rows())
    site = watch.first_infinity.site
    assert site.file == __file__
    assert site.line == inspect.getsourcelines(naive_norm)[1] + 1
    assert site.module == "1"
    assert "true value 467172, limit 65504" in watch.text()
    assert re.search(r"at +\S*test_observation_finiteness.py:\d+ in 1", watch.text())


def test_a_norm_of_transformers_that_computes_in_float32_does_not_overflow():
    watch = Finiteness(IEEE)
    with on_chip(watch):
        y = LlamaRMSNorm(64).half()(large_rows())
    assert torch.allclose(y.float(), torch.ones(4, 64), atol=1e-2)
    assert watch.observations == ()


def test_a_fused_norm_that_overflows_inside_is_found_by_its_true_value():
    watch = Finiteness(IEEE)
    x = torch.cat([large_rows(2), torch.ones(2, 64, dtype=torch.float16)])
    with watched(watch, compute=norm_in_float16):
        y = torch.nn.functional.rms_norm(x, (64,), torch.ones(64, dtype=torch.float16), 1e-6)
    assert torch.equal(y[:2], torch.zeros_like(y[:2]))
    (found,) = watch.observations
    assert (found.kind, found.operator) == (Kind.LOST, "aten.rms_norm.default")
    assert (found.true_value, found.limit, found.count) == (LARGE**2, 65504, 128)
    assert "2 rows of zeros" in found.detail


def test_a_fused_norm_that_computes_well_is_not_reported():
    watch = Finiteness(IEEE)
    with watched(watch):
        torch.nn.functional.rms_norm(large_rows(), (64,), torch.ones(64, dtype=torch.float16), 1e-6)
        torch.nn.functional.layer_norm(large_rows(), (64,))
    assert watch.observations == ()


def test_a_saturating_chip_shows_no_infinity_and_is_found_all_the_same():
    watch = Finiteness(SATURATING)
    with watched(watch, compute=saturate):
        y = naive_norm(large_rows())
    assert bool(y.isfinite().all())
    found = watch.first(Kind.SATURATION)
    assert (found.operator, found.true_value, found.limit) == ("aten.pow.Tensor_Scalar", LARGE**2, 65504)
    assert watch.first_infinity is None


def test_a_result_that_is_the_limit_is_not_saturated():
    watch = Finiteness(SATURATING)
    with watched(watch):
        torch.full((4,), 32752, dtype=torch.float16) * 2
    assert watch.observations == ()


def test_scores_of_query_and_key_overflow_in_the_matmul_and_are_nan_in_the_softmax():
    torch.manual_seed(0)
    query, key = (100 * torch.randn(8, 64)).half(), (100 * torch.randn(8, 64)).half()
    query[0] = key[0] = 117.59375
    truth = query.double() @ key.double().T
    watch = Finiteness(IEEE)
    with on_chip(watch):
        torch.softmax(query @ key.T, -1)
    first, nan = watch.first_infinity, watch.first_nan
    assert first.operator in {"aten.matmul.default", "aten.mm.default"}
    assert first.true_value == pytest.approx(truth.flatten()[truth.abs().argmax()].item(), rel=1e-12)
    assert first.true_value > 884_000
    assert nan.operator == "aten.softmax.int"
    assert "an operand has infinities" in nan.detail


def test_a_wholly_masked_row_is_a_nan_without_an_overflow():
    scores, mask = torch.randn(4, 4).half(), torch.zeros(4, 4, dtype=torch.bool)
    mask[2] = True
    watch = Finiteness(IEEE)
    with on_chip(watch):
        torch.softmax(scores.masked_fill(mask, -math.inf), -1)
    assert watch.first_infinity is None
    nan = watch.first_nan
    assert (nan.operator, nan.count, nan.true_value) == ("aten.softmax.int", 4, None)
    assert "masked wholly" in nan.detail
    assert watch.first(Kind.MASK).operator == "aten.masked_fill.Scalar"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("lowest", [-math.inf, None])
def test_the_causal_mask_of_a_real_decoder_is_no_overflow(dtype, lowest):
    model, inputs = models.llama(dtype)
    model.set_attn_implementation("eager")
    length = inputs["input_ids"].shape[1]
    lowest = torch.finfo(dtype).min if lowest is None else lowest
    mask = torch.full((1, 1, length, length), lowest, dtype=dtype).triu(1)
    with torch.no_grad():
        for layer in model.model.layers:  # scores so low that the sum with the lowest value is -inf
            layer.self_attn.q_proj.weight.mul_(30)
            layer.self_attn.k_proj.weight.mul_(30)
    watch = Finiteness(IEEE)
    with on_chip(watch):
        model(**inputs, attention_mask=mask)
    assert {one.kind for one in watch.observations} <= {Kind.MASK}
    assert watch.propagated == 0
    if dtype is torch.float16 or lowest == -math.inf:
        assert watch.first(Kind.MASK) is not None


def test_an_overflow_beside_a_mask_is_still_one():
    mask = torch.zeros(4, dtype=torch.float16)
    mask[3] = -math.inf
    watch = Finiteness(IEEE)
    with watched(watch):
        torch.tensor([1.0, 60000, -60000, 5], dtype=torch.float16) * 2 + mask
        torch.tensor([1.0, 60000, 5, -5], dtype=torch.float16) + torch.tensor([1.0, 6000, 5, -65504]).half()
    overflows = [one for one in watch.observations if one.kind is Kind.OVERFLOW]
    assert [(one.operator, one.count, abs(one.true_value)) for one in overflows] == [
        ("aten.mul.Tensor", 2, 120000),
        ("aten.add.Tensor", 1, 66000),
    ]


def test_an_operand_that_was_never_finite_is_not_blamed_on_an_operator():
    weight = torch.ones(4, 4, dtype=torch.float16)
    weight[1, 1] = math.nan
    watch = Finiteness(IEEE)
    with watched(watch):
        y = torch.ones(2, 4, dtype=torch.float16) @ weight
        y.relu() + 1
    (found,) = watch.observations
    assert (found.kind, found.operator, found.count) == (Kind.INPUT, "aten.matmul.default", 1)
    assert watch.propagated == 3


def test_a_true_infinity_is_told_from_an_overflow():
    watch = Finiteness(IEEE)
    with watched(watch):
        torch.ones(3, dtype=torch.float16) / torch.zeros(3, dtype=torch.float16)
    assert [one.kind for one in watch.observations] == [Kind.INFINITY]


@pytest.mark.parametrize("width", [torch.float16, torch.bfloat16])
def test_a_cast_that_does_not_fit_is_an_overflow_with_its_true_value(width):
    beyond = 4 * torch.finfo(width).max if width is torch.float16 else 3.4e38
    watch = Finiteness(IEEE)
    with watched(watch):
        torch.tensor([1.0, beyond]).to(width)
    assert watch.first_infinity.true_value == pytest.approx(beyond)


def test_an_in_place_operator_is_judged_by_what_it_overwrote():
    x = large_rows()
    watch = Finiteness(IEEE)
    with watched(watch):
        x.mul_(x)
    assert bool(x.isinf().all())
    assert (watch.first_infinity.operator, watch.first_infinity.true_value) == ("aten.mul_.Tensor", LARGE**2)


def test_memory_that_nobody_wrote_to_is_not_looked_at():
    watch = Finiteness(IEEE)
    with watched(watch):
        torch.empty(1 << 16, dtype=torch.float16).fill_(1)
        torch.full((4,), math.nan).new_empty(4)
    assert [one.operator for one in watch.observations] == ["aten.full.default"]


def test_autocast_casts_are_seen_as_they_happen():
    layer = torch.nn.Linear(64, 8)
    with torch.no_grad():
        layer.weight.fill_(LARGE)
    watch = Finiteness(IEEE)
    with watched(watch), torch.autocast("cpu", torch.float16):
        layer(torch.full((2, 64), LARGE))
    first = watch.first_infinity
    assert (first.operator, first.dtype) == ("aten.linear.default", "float16")
    assert first.true_value == pytest.approx(64 * LARGE**2, rel=1e-3)


def test_the_backward_pass_is_watched():
    x = torch.full((4,), 300.0, dtype=torch.float16, requires_grad=True)
    watch = Finiteness(IEEE)
    with watched(watch, training=True):
        (x * 0.5).sum().backward(torch.tensor(6e4, dtype=torch.float16) * 2)
    assert watch.first_infinity.operator == "aten.mul.Tensor"
    assert watch.propagated > 0


def test_repeated_calls_are_counted_and_the_worst_is_kept():
    watch = Finiteness(IEEE)
    with watched(watch):
        for factor in (1.0, 4.0, 2.0):
            (large_rows() * factor).pow(2)
    (found,) = watch.observations
    assert (found.calls, found.true_value) == (3, (4 * LARGE) ** 2)


def test_zeros_whose_true_value_is_not_zero_are_counted_on_demand():
    watch = Finiteness(IEEE, flushed=True)
    with watched(watch):
        torch.tensor([1e-4, 1e-4, 1.0, 0.0], dtype=torch.float16) * torch.tensor(1e-4, dtype=torch.float16)
    (found,) = watch.observations
    assert (found.kind, found.count, found.elements) == (Kind.FLUSHED, 2, 4)
    assert found.true_value == pytest.approx(1e-8, rel=1e-2)


def test_models_without_data_are_not_observed_and_that_is_said():
    watch = Finiteness(IEEE)
    with watched(watch), FakeTensorMode():
        naive_norm(torch.empty(4, 64, dtype=torch.float16))
    assert watch.observations == ()
    assert len(watch.notes) == 1
    assert watch.notes[0] in watch.text()


@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_healthy_models_leave_nothing_to_report(name):
    model, inputs = models.MODELS[name](torch.bfloat16)
    watch = Finiteness(IEEE)
    with watched(watch):
        model(**inputs)
    assert {one.kind for one in watch.observations} <= {Kind.MASK}
    assert watch.unread == {}


def test_a_real_encoder_with_a_broken_weight_is_blamed_at_the_right_module():
    model, inputs = models.bert(torch.float16)
    with torch.no_grad():
        model.bert.encoder.layer[1].intermediate.dense.weight.mul_(1e6)
    assert isinstance(model, transformers.BertForMaskedLM)
    watch = Finiteness(IEEE)
    with on_chip(watch):
        model(**inputs)
    found = watch.first(Kind.OVERFLOW, Kind.INPUT)
    assert found.site.module == "bert.encoder.layer.1.intermediate.dense"
