import gc
import math

import ml_dtypes
import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import npusim
from npusim.frontends.torch.observation import Shadow
from npusim.frontends.torch.observation.distance import distance, lost_zeros
from npusim.numerics.measures import sqnr_db
from npusim.numerics.ulp import FARTHEST, ulp_distance

from . import models
from .observing import watched

NUMPY = {
    torch.float16: np.float16,
    torch.bfloat16: ml_dtypes.bfloat16,
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.float8_e4m3fn: ml_dtypes.float8_e4m3fn,
    torch.float8_e5m2: ml_dtypes.float8_e5m2,
}
DTYPES = pytest.mark.parametrize("dtype", NUMPY, ids=str)


def array(tensor):
    return tensor.contiguous().view(torch.uint8).numpy().view(NUMPY[tensor.dtype]).reshape(tensor.shape)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def of(shadow, operator):
    (found,) = [one for one in shadow.operators if one.operator.startswith(operator)]
    return found


@DTYPES
@pytest.mark.parametrize("noise", [1e-3, 1.0, 1e3])
def test_distances_are_those_of_numpy(dtype, noise):
    truth = random(400, 400).double()
    result = (truth + noise * random(400, 400, seed=1)).to(dtype)
    found = distance(result, truth)
    rounded = array(truth.to(dtype))
    assert found.sqnr_db == pytest.approx(sqnr_db(array(result), truth.numpy()), abs=1e-6)
    assert found.max_ulp == ulp_distance(array(result), rounded).max()
    assert (found.compared, found.nonfinite) == (160_000, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_distances_hold_at_the_ends_of_a_format(dtype):
    limits = torch.finfo(dtype)
    ends = [0.0, -0.0, limits.max, limits.min, limits.tiny, -limits.tiny, limits.smallest_normal / 8, 1.0, -1.0]
    one, other = (torch.tensor(ends).to(dtype)[index].reshape(-1) for index in np.indices((9, 9)))
    found = distance(one, other.double())
    assert found.max_ulp == ulp_distance(array(one), array(other)).max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_what_is_not_finite_is_left_out_of_the_ratio_and_counted(dtype):
    truth = torch.tensor([1.0, 2.0, math.nan, math.inf, -math.inf, 70000.0, 5.0], dtype=torch.float64)
    result = torch.tensor([1.0, 2.5, math.nan, math.inf, math.inf, math.inf, math.nan]).to(dtype)
    found = distance(result, truth)
    assert found.sqnr_db == pytest.approx(10 * math.log10(5 / 0.25))
    assert (found.compared, found.nonfinite, found.max_ulp) == (2, 3, FARTHEST)
    assert distance(result[2:5:2].clone(), truth[2:5:2].clone()).compared == 0


def test_ratios_without_noise_or_signal_are_infinite():
    zeros, ones = torch.zeros(4), torch.ones(4)
    assert distance(ones, ones).sqnr_db == math.inf
    assert distance(ones, zeros).sqnr_db == -math.inf
    assert math.isnan(distance(torch.tensor([math.nan]), torch.tensor([1.0])).sqnr_db)


@DTYPES
def test_zeros_that_should_not_be_are_counted(dtype):
    result = torch.tensor([0.0, -0.0, 0.0, 1.0]).to(dtype)
    assert lost_zeros(result, torch.tensor([1e-30, -1e-30, 0.0, 1.0], dtype=torch.float64)) == 2


@pytest.mark.parametrize("wide", [torch.float32, torch.float64])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_both_readings_of_a_chain_are_those_of_numpy(dtype, wide):
    x, w, v = (random(48, 48, seed=seed).to(dtype) for seed in range(3))
    shadow = Shadow(wide)
    with watched(shadow):
        first = x @ w
        hidden = (first * 0.25).tanh()
        second = torch.nn.functional.linear(hidden, v)
    exact = x.double() @ w.double()
    one, last = of(shadow, "aten.matmul"), of(shadow, "aten.linear")
    assert one.sqnr_db_local == one.sqnr_db_accumulated == pytest.approx(sqnr_db(array(first), exact.numpy()), abs=0.02)
    truth = (exact * 0.25).tanh() @ v.double().T
    local = hidden.double() @ v.double().T
    assert last.sqnr_db_accumulated == pytest.approx(sqnr_db(array(second), truth.numpy()), abs=0.05)
    assert last.sqnr_db_local == pytest.approx(sqnr_db(array(second), local.numpy()), abs=0.05)
    assert last.sqnr_db_local > last.sqnr_db_accumulated + 1
    steps = ulp_distance(array(second), array(local.to(dtype)))
    assert abs(last.max_ulp_local - int(steps.max())) <= 1  # the shadow itself is rounded to float32


def test_an_infinity_of_the_run_has_a_finite_shadow_behind_a_linear_layer():
    x = torch.full((2, 4), torch.finfo(torch.bfloat16).max, dtype=torch.bfloat16)
    weight = torch.full((3, 4), 2.0**-10).bfloat16()
    shadow = Shadow()
    with watched(shadow):
        found = torch.nn.functional.linear(x * 1.003, weight)  # rounds to infinity in bfloat16, not in float32
        truth = shadow.shadow_of(found).clone()
    assert bool(found.isinf().all())
    assert torch.allclose(truth, (x.float() * 1.003) @ weight.float().T)
    assert of(shadow, "aten.linear").nonfinite == 6


def test_views_lists_and_in_place_writes_keep_the_chain():
    x = random(8, 6).bfloat16()
    shadow = Shadow(torch.float64)
    with watched(shadow):
        y = x.exp()
        left, right = y.view(4, 12).t().split(6)
        left.mul_(right)
        y[0, 1:3] = right[:2, 0] * 3
        joined = torch.cat([y.reshape(-1), left.flatten()])
        found = shadow.shadow_of(joined).clone()
    t = x.double().exp()
    a, b = t.view(4, 12).t().split(6)
    a.mul_(b)
    t[0, 1:3] = b[:2, 0] * 3
    assert torch.equal(found, torch.cat([t.reshape(-1), a.flatten()]))


def test_a_cache_written_in_slices_keeps_what_was_written():
    cache, x = torch.full((4, 8), math.nan).bfloat16(), random(2, 8).bfloat16()
    shadow = Shadow(torch.float64)
    with watched(shadow):
        cache[:2].copy_(x.exp())
        cache.index_copy_(0, torch.tensor([2, 3]), x.sin())
        found = shadow.shadow_of(cache).clone()
    assert torch.equal(found, torch.cat([x.double().exp(), x.double().sin()]))
    assert {one.nonfinite for one in shadow.operators} == {0}


def test_a_cast_back_to_a_wide_dtype_does_not_end_the_chain():
    x = random(64).bfloat16()
    shadow = Shadow(torch.float64)
    with watched(shadow):
        y = x.exp().to(torch.float32).sin()
        found = shadow.shadow_of(y).clone()
    assert torch.equal(found, x.double().exp().sin())


def test_random_operators_are_not_run_again():
    x = random(1000).bfloat16()
    shadow = Shadow()
    with watched(shadow):
        torch.manual_seed(0)
        dropped = torch.nn.functional.dropout(x.exp(), 0.5, training=True)
        state = torch.get_rng_state()
        assert shadow.shadow_of(dropped) is None
        kept = torch.nn.functional.dropout(x.exp(), 0.5, training=False)
        found = shadow.shadow_of(kept).clone()
    torch.manual_seed(0)
    torch.nn.functional.dropout(x, 0.5, training=True)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(found, x.float().exp())
    assert shadow.unread == {"aten.dropout.default": "it draws random numbers"}


def test_a_random_write_ends_the_shadow_of_what_it_wrote_to():
    x = random(10).bfloat16()
    shadow = Shadow()
    with watched(shadow):
        y = x.exp()
        y.normal_()
        assert shadow.shadow_of(y) is None


def test_indices_are_compared_and_the_run_goes_on_with_its_own():
    x = torch.tensor([[256.0, 1.0, 0.0], [0.0, 3.0, 9.0]]).bfloat16()
    shadow = Shadow()
    with watched(shadow):
        y = x + torch.tensor([0.0, 256.0, 1.0]).bfloat16()  # 256 + 1 is 256 in bfloat16: the first row ties
        chosen = y.argmax(-1)
        picked = y.gather(1, chosen[:, None])
        found = shadow.shadow_of(picked).clone()
    assert chosen.tolist() == [0, 1]
    argmax = of(shadow, "aten.argmax")
    assert (argmax.mismatch_accumulated, argmax.mismatch_local) == (0.5, 0.0)
    assert found.tolist() == [[256.0], [259.0]]
    assert math.isnan(argmax.sqnr_db_local)


def test_shadows_are_freed_with_their_tensors():
    x = random(64).bfloat16()
    shadow = Shadow()
    with watched(shadow):
        y = x.exp()
        tail = y[3:]
        del y
        gc.collect()
        assert shadow.shadow_of(tail) is not None
        del tail
        gc.collect()
        assert len(shadow._shadows) == 0


def test_flushed_results_are_counted():
    shadow = Shadow()
    with watched(shadow):
        torch.full((4,), 1e-4, dtype=torch.float16) * torch.tensor([1.0, 1e-4, 1e-4, 0.0], dtype=torch.float16)
    assert of(shadow, "aten.mul").flushed == 0.5


def test_an_operator_that_refuses_the_wide_dtype_is_named():
    def half_only(func, args, kwargs):
        return func(*args, **kwargs)

    shadow = Shadow()
    x = random(16, 16).to(torch.float8_e4m3fn)
    with watched(shadow, compute=half_only):
        torch._scaled_mm(x, x.t(), torch.tensor(1.0), torch.tensor(1.0), out_dtype=torch.bfloat16)
    assert list(shadow.unread) == ["aten._scaled_mm.default"]
    assert "_scaled_mm" in shadow.text()


def test_the_backward_pass_has_a_shadow():
    x = random(32).bfloat16().requires_grad_()
    shadow = Shadow(torch.float64)
    with watched(shadow, training=True):
        x.exp().sin().sum().backward()
        found = shadow.shadow_of(x.grad).clone()
    t = x.detach().double().requires_grad_()
    t.exp().sin().sum().backward()
    assert torch.allclose(found, t.grad, rtol=1e-12)


def test_models_without_data_have_no_shadow_and_that_is_said():
    shadow = Shadow()
    with watched(shadow), FakeTensorMode():
        torch.empty(4, 4) @ torch.empty(4, 4)
    assert shadow.operators == ()
    assert len(shadow.notes) == 1
    assert shadow.notes[0] in shadow.text()


def test_a_shadow_of_a_narrow_dtype_is_refused():
    with pytest.raises(ValueError, match=r"not torch\.bfloat16"):
        Shadow(torch.bfloat16)


@pytest.mark.parametrize("name", sorted(models.MODELS.keys() - {"mobilenet"}))  # whose untrained logits are all 0
def test_the_shadow_of_a_real_model_is_the_model_in_the_wide_dtype(name):
    model, inputs = models.MODELS[name](torch.bfloat16)
    shadow = Shadow()
    with watched(shadow):
        result = next(iter(model(**inputs).values()))
        found = shadow.shadow_of(result).clone()
    wide = {n: one.float() if one.is_floating_point() else one for n, one in inputs.items()}
    with torch.inference_mode():
        truth = next(iter(model.float()(**wide).values()))
    quality = distance(result, truth.reshape(result.shape)).sqnr_db
    assert 20 < quality < 60
    assert shadow.unread == {}
    assert distance(found, truth.reshape(result.shape)).sqnr_db > quality + 15


def test_tables_name_the_worst_first_and_modules_pool_what_is_in_them():
    model, inputs = models.vit(torch.bfloat16)
    shadow = Shadow()
    with npusim.device("ascend910b").torch(mode="report", observe=(shadow,)):
        model(**inputs)
    paths = [one.module for one in shadow.modules]
    assert {"", "vit", "vit.layers.0", "vit.layers.1.mlp", "classifier"} <= set(paths)
    whole = next(one for one in shadow.modules if not one.module)
    assert whole.elements == sum(one.elements for one in shadow.operators)
    lines = shadow.text(rows=3).splitlines()
    assert lines[0].startswith("operators")
    ratios = [float(line.split()[0]) for line in lines[2:5]]
    assert ratios == sorted(ratios)
    assert ratios[0] == pytest.approx(min(one.sqnr_db_local for one in shadow.operators), abs=0.1)
