"""Checking one model on several chips: anew on each, forward or backward, with or without memory."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import npusim
from npusim.errors import UsageError
from npusim.frontends.torch import vendor_ops
from npusim.torch import TargetError, check


def linear(dtype: torch.dtype = torch.bfloat16) -> tuple[nn.Module, torch.Tensor]:
    return nn.Linear(8, 8, dtype=dtype), torch.ones(2, 8, dtype=dtype)


def test_each_chip_gets_a_run_of_its_own() -> None:
    made = []

    def build() -> tuple[nn.Module, torch.Tensor]:
        made.append(linear())
        return made[-1]

    runs = list(check(build, ["ascend910b", npusim.device("ascend310p")]))
    assert [run.profile.id for run in runs] == ["ascend910b", "ascend310p"]
    assert [run.counts.rejected for run in runs] == [0, 1]
    assert len(made) == 2


def test_a_wrong_chip_is_said_before_anything_runs() -> None:
    with pytest.raises(npusim.UnknownProfileError, match="ascend999"):
        next(check(linear, ["ascend910b", "ascend999"]))


def test_training_goes_back_from_the_outputs() -> None:
    (run,) = check(linear, ["ascend910b"], training=True)
    (forward,) = check(linear, ["ascend910b"])
    assert run.counts.judged > forward.counts.judged == 1


def test_training_without_a_gradient_is_a_mistake() -> None:
    def frozen() -> tuple[nn.Module, torch.Tensor]:
        model, x = linear()
        return model.requires_grad_(False), x

    with pytest.raises(TargetError, match="nothing that the model returns has a gradient"):
        list(check(frozen, ["ascend910b"], training=True))


def test_without_memory_the_same_is_judged() -> None:
    (real,), (fake,) = check(linear, ["ascend310p"]), check(linear, ["ascend310p"], fake=True)
    assert [v.text for v in fake.violations] == [v.text for v in real.violations] != []


def test_repairs_call_the_model_again() -> None:
    class Mixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ops.npu.npu_mm_all_reduce_base(x * torch.ones(8), torch.ones(8, 8, dtype=x.dtype), "group")

    vendor_ops.register()
    (run,) = check(lambda: (Mixed(), torch.ones(4, 8, dtype=torch.bfloat16)), ["ascend910b"])
    (found,) = run.repairs()
    assert any(one.accepted for one in found.ranked)


def test_repairs_find_an_overflow_where_nothing_was_refused() -> None:
    class Square(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * x).sqrt()

    (run,) = check(lambda: (Square(), torch.full((2, 2), 600, dtype=torch.float16)), ["ascend910b"])
    assert run.counts.rejected == 0
    (found,) = run.repairs()
    assert "true value 360000, limit 65504" in str(found)


def test_a_model_that_fails_is_placed_at_its_line() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ x  # here

    with pytest.raises(
        TargetError, match=r"the model failed under npusim on ascend910b: RuntimeError: .*test_check.py"
    ):
        list(check(lambda: (nn.Sequential(Fails()), torch.ones(2, 3)), ["ascend910b"]))


def test_a_model_on_cuda_is_told_to_move() -> None:
    def on_cuda() -> tuple[nn.Module, torch.Tensor]:
        with FakeTensorMode():
            return nn.Identity(), torch.empty(2, device="cuda")

    class Doubles(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + x

    with pytest.raises(UsageError, match=r'got a tensor on cuda:0; npusim simulates on the CPU: .*\.to\("cpu"\)'):
        list(check(lambda: (Doubles(), on_cuda()[1]), ["ascend910b"]))


@pytest.mark.parametrize("imported", [False, True])
def test_an_operator_that_only_the_chip_has_is_named(imported: bool) -> None:
    class ChipOnly(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if imported:
                import torch_npu

                return torch_npu.npu_nms_rotated(x)
            return torch.ops.npu.npu_nms_rotated(x)

    with pytest.raises(UsageError, match=r"npu\.npu_nms_rotated is an operator that only exists on the chip"):
        list(check(lambda: (ChipOnly(), torch.ones(2)), ["ascend910b"]))
