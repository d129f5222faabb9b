"""Repairs are proposed with file and line, applied in a re-run, and ranked by what the numbers say."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn import functional

import npusim
import npusim.torch
from npusim.errors import UsageError
from npusim.frontends.torch import vendor_ops
from npusim.frontends.torch.repairs import Action, Edit
from tests.frontends.torch import models

BF16, FP16 = torch.bfloat16, torch.float16


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def chip():
    return npusim.device("ascend910b")


class Rotary(nn.Module):
    """A rotary table in float32 meets a bfloat16 model, and a row-parallel product behind it minds."""

    def __init__(self):
        super().__init__()
        vendor_ops.register()
        self.weight = nn.Parameter(torch.randn(64, 64, dtype=BF16))

    def forward(self, x):
        angles = torch.arange(200.0, 200.0 + x.shape[0])[:, None] * torch.linspace(0.5, 1, 64)
        cos = angles.cos()
        rotated = x * cos
        return torch.ops.npu.npu_mm_all_reduce_base(rotated, self.weight, "group")


class Norm(nn.Module):
    """Root mean square normalisation as it is often written: the square overflows, the result is finite zeros."""

    def forward(self, x):
        variance = x.pow(2).mean(-1, keepdim=True)
        return x * torch.rsqrt(variance + 1e-6)


class Scores(nn.Module):
    """Attention whose products of queries and keys are too large for float16, though the scaled ones are not."""

    def forward(self, q, k, v):
        scores = q @ k.mT
        return torch.softmax(scores * 0.125, -1) @ v


def line_of(kind, text):
    import inspect

    lines, start = inspect.getsourcelines(kind)
    return start + next(i for i, line in enumerate(lines) if text in line)


def test_a_refused_dtype_is_mended_at_death_at_birth_and_before_it(chip):
    model, x = Rotary(), torch.randn(32, 64, dtype=BF16)
    (found,) = npusim.torch.repairs(chip, lambda: model(x))
    titles = {one.proposal.title: one for one in found.ranked}
    death = titles["cast at death: x1 of matmul_all_reduce"]
    late, early = titles["cast at birth: inputs of mul"], titles["cast earlier: inputs of cos"]
    assert all(one.accepted for one in (death, late, early))
    assert late.proposal.edits == (
        Edit(__file__, line_of(Rotary, "x * cos"), "aten.mul", Action.CAST_INPUTS, "float32", "bfloat16"),
    )
    assert "cast cos to bfloat16 in: x * cos" in late.proposal.code[0]
    assert "cast angles to bfloat16 in: angles.cos()" in early.proposal.code[0]


def test_the_numbers_rank_the_late_cast_before_the_early_one(chip):
    model, x = Rotary(), torch.randn(32, 64, dtype=BF16)
    (found,) = npusim.torch.repairs(chip, lambda: model(x))
    order = [one.proposal.title for one in found.ranked]
    assert order.index("cast at birth: inputs of mul") < order.index("cast earlier: inputs of cos")
    late, early = (
        found.ranked[order.index(t)] for t in ("cast at birth: inputs of mul", "cast earlier: inputs of cos")
    )
    assert late.cost.there > early.cost.there + 20, "an angle of 200 has a step of 1 rad in bfloat16"


def test_what_a_run_casts_to_go_on_costs_what_the_same_repair_costs(chip):
    model, x = Rotary(), torch.randn(32, 64, dtype=BF16)
    (found,) = npusim.torch.repairs(chip, lambda: model(x))
    (death,) = [one for one in found.ranked if one.proposal.title.startswith("cast at death")]
    assert found.unrepaired == death.cost


def test_repairs_are_read_in_order_with_code_and_cost(chip):
    model, x = Rotary(), torch.randn(32, 64, dtype=BF16)
    (found,) = npusim.torch.repairs(chip, lambda: model(x))
    text = str(found)
    assert re.search(r"1\. cast .*: accepted, SQNR [\d.]+ dB there, [\d.]+ dB in the model's results", text)
    assert re.search(rf"test_repairs.py:{line_of(Rotary, 'x * cos')}  cast cos to bfloat16", text)


def test_the_founding_story_has_both_published_repairs(chip):
    model, inputs = models.qwen2_5_vl()
    found = npusim.torch.repairs(chip, lambda: model(**inputs), lowering="lmdeploy-tp")
    (story,) = [one for one in found if getattr(one.finding, "api", "") == "aclnnMatmulAllReduce"]
    code = [line for one in story.ranked if one.accepted for line in one.proposal.code]
    assert any("cast cos and sin to bfloat16" in line for line in code), "late"
    assert any("cast freqs to bfloat16 in: freqs.cos()" in line for line in code), "early, before the table"


@pytest.mark.parametrize("execute", [False, True])
def test_an_overflow_that_yields_finite_zeros_is_mended(chip, execute):
    x = (torch.randn(4, 64) * 200).half()
    x[0, 0] = 683.5
    (found,) = npusim.torch.repairs(chip, lambda: Norm()(x), execute=execute)
    assert "true value 467172.25, limit 65504" in str(found)
    assert found.unrepaired.model < 6
    kept = {one.proposal.title: one for one in found.ranked}
    assert found.ranked[0].proposal.title == "keep in float32"
    assert all(one.accepted and one.cost.model > 50 for one in kept.values())
    assert kept["keep in float32"].ends == ((__file__, line_of(Norm, "x.pow(2)")),), "the mean fits again"
    assert any(title.startswith("scale by 0.") for title in kept)


def test_a_dtype_that_the_chip_lacks_is_no_repair():
    x = (torch.randn(4, 64) * 200).half()
    (found,) = npusim.torch.repairs(npusim.device("ascend310p"), lambda: Norm()(x), execute=True)
    kept = {one.proposal.title: one for one in found.ranked}
    assert str(found.finding.kind) == "saturation"
    assert kept["keep in float32"].accepted
    assert not kept["keep in bfloat16"].accepted
    assert "DT_BFLOAT16" in kept["keep in bfloat16"].left[0]


def test_products_that_overflow_are_held_until_they_fit(chip):
    q, k = (torch.randn(2, 8, 64) * 100).half(), (torch.randn(2, 8, 64) * 100).half()
    v = torch.randn(2, 8, 64).half()
    (found,) = npusim.torch.repairs(chip, lambda: Scores()(q, k, v))
    best = found.ranked[0]
    assert best.accepted
    assert best.cost.model > 60
    assert math.isnan(found.unrepaired.model)


@pytest.mark.parametrize(
    ("compute", "scales"),
    [
        (lambda x: functional.linear(x, x, x[0]).mean(-1) / 1024, False),  # a bias does not grow with the others
        (lambda x: (x * x).mean(-1) / 1024, True),
        (lambda x: (x * torch.tensor(2048.0, dtype=FP16)).mean(-1) / 1024, True),
        (lambda x: (x + x + x).mean(-1) / 1024, None),
    ],
    ids=["linear", "mul", "mul by a 0-d tensor", "no overflow"],
)
def test_a_scale_is_tried_only_where_it_can_be_undone(chip, compute, scales):
    x = torch.full((4, 4), 300.0, dtype=FP16)
    found = npusim.torch.repairs(chip, lambda: compute(x))
    if scales is None:
        assert found == []
        return
    titles = {one.proposal.title: one for one in found[0].ranked}
    assert titles["keep in float32"].accepted
    scaled = [one for title, one in titles.items() if title.startswith("scale")]
    assert bool(scaled) is scales
    assert all(one.accepted and one.cost.model > 60 for one in scaled)


def test_a_run_repairs_what_it_saw(chip):
    model, x = Rotary(), torch.randn(32, 64, dtype=BF16)
    with pytest.raises(npusim.NPUError), chip.torch() as run:
        model(x)
    (found,) = run.repairs()
    assert found.ranked[0].accepted
    assert chip.runs == [run], "trials are not the user's runs"


def test_without_a_module_to_call_again_it_says_what_to_pass(chip):
    with chip.torch() as run:
        torch.ones(2) + 1
    with pytest.raises(UsageError, match="function that calls the model"):
        run.repairs()


def test_without_data_repairs_have_no_cost(chip):
    model, inputs = npusim.torch.fake(lambda: (Rotary(), {"x": torch.randn(32, 64, dtype=BF16)}))
    (found,) = npusim.torch.repairs(chip, lambda: model(**inputs))
    assert found.ranked[0].accepted
    assert found.ranked[0].cost == npusim.torch.Cost(None, None)


def test_a_clean_model_needs_none(chip):
    assert npusim.torch.repairs(chip, lambda: Norm()(torch.randn(4, 64))) == []
