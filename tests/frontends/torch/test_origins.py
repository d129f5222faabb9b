"""The birth of a dtype is found through views, lists, in-place writes and long chains, and in training."""

import pytest
import torch
from torch import nn

import npusim
from npusim.frontends.torch import vendor_ops
from npusim.frontends.torch.origins import birth_of

BF16 = torch.bfloat16


@pytest.fixture
def chip():
    return npusim.device("ascend910b")


@pytest.fixture
def x():
    return torch.randn(4, 8, dtype=BF16)


@pytest.fixture
def table():
    return torch.randn(4, 8)


def origin(tensor):
    birth = birth_of(tensor)
    return None if birth is None else birth.site()


def here():
    import sys

    return sys._getframe(1).f_lineno


THROUGH = {
    "views": lambda t: t.view(2, 2, 8).transpose(0, 1)[:, :1].unsqueeze(0).flatten(),
    "lists": lambda t: torch.cat([t.split(4, -1)[1], t.chunk(2, -1)[0]], -1),
    "stacks": lambda t: torch.stack([t, t]).unbind()[1],
    "a long fp32 chain": lambda t: (t.exp().sum(-1, keepdim=True).rsqrt() * t + 1).softmax(-1),
    "in-place writes": lambda t: t.mul_(2).add_(1).clamp_(max=3),
    "a copy into memory of the same dtype": lambda t: torch.cat([t, t]).contiguous(),
}


@pytest.mark.parametrize("through", THROUGH.values(), ids=THROUGH)
def test_a_promotion_is_remembered_through(chip, x, table, through):
    with chip.torch():
        wide, line = x * table, here()
        result = through(wide)
    found = origin(result)
    assert (found.line, found.file, found.operator) == (line, __file__, "mul(bfloat16, float32)")


def test_a_cast_is_a_birth(chip, x):
    with chip.torch():
        wide, line = x.float(), here()
        result = wide * 2
    assert (origin(result).line, origin(result).operator) == (line, "cast(bfloat16)")


def test_what_is_older_than_the_run_has_no_origin(chip, table):
    with chip.torch():
        result = table.view(8, 4) * 2
    assert origin(result) is None


def test_the_first_meeting_is_blamed_not_the_last(chip, x, table):
    with chip.torch():
        wide, line = x * table, here()
        result = wide + x
    assert origin(result).line == line


def test_a_0d_tensor_is_not_blamed(chip, x):
    with chip.torch():
        result = x * torch.tensor(2.0)
    assert result.dtype is BF16
    assert origin(result) is None


def test_a_narrower_dtype_has_its_own_origin(chip, x, table):
    with chip.torch():
        wide = x * table
        narrow, line = wide.to(torch.float16), here()
    assert origin(narrow).line == line


def test_origins_may_be_left_out(chip, x, table):
    with chip.torch(origins=False):
        result = x * table
    assert origin(result) is None


def test_training_remembers_as_well(chip, x, table):
    weight = nn.Parameter(torch.randn(8, 8, dtype=BF16))
    with chip.torch(training=True):
        wide, line = (x * weight[:4]) * table, here()
        result = wide.view(2, 2, 8)
    assert origin(result).line == line


def test_the_violation_carries_it(chip, x, table):
    vendor_ops.register()
    weight = torch.randn(8, 8, dtype=BF16)
    with chip.torch("report") as run:
        wide, line = x * table, here()
        torch.ops.npu.npu_mm_all_reduce_base(wide.reshape(4, 8), weight, "group")
    assert run.violations[0].origin.line == line
    assert "born in mul(bfloat16, float32) at" in str(run)
