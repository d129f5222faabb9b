"""Emulated operators keep torch's manners: dtypes, strides, in-place writes, out arguments, aliases, random numbers."""

from dataclasses import replace
from types import MappingProxyType

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import npusim
from npusim.frontends.torch.emulation import Emulator
from npusim.numerics.model import IEEE, Overflow, Subnormals

aten = torch.ops.aten
CLAMPING = replace(IEEE, overflow=Overflow.SATURATE, subnormals=Subnormals.FLUSH)
NARROW = replace(IEEE, compute=MappingProxyType({}), accumulate=MappingProxyType({}))
HALF = torch.float16


def emulator(numerics=IEEE, **options):
    return Emulator(replace(npusim.profiles.load("ascend910b"), numerics=numerics), **options)


class Emulated(TorchDispatchMode):
    def __init__(self, machine):
        super().__init__()
        self.machine = machine

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.machine.compute(func, args, kwargs)


@pytest.fixture(params=[None, True], ids=["float", "kernels"])
def compute(request):
    return emulator(kernels=request.param).compute


def ones(*shape, dtype=HALF):
    return torch.ones(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("func", "args", "kwargs", "dtype"),
    [
        (aten.mul.Tensor, (ones(2), ones(2, dtype=torch.float32)), {}, torch.float32),
        (aten.mul.Tensor, (ones(2), ones(dtype=torch.float32)), {}, HALF),
        (aten.mul.Tensor, (ones(2), torch.ones(2, dtype=torch.int64)), {}, HALF),
        (aten.mul.Tensor, (ones(2), ones(2, dtype=torch.bfloat16)), {}, torch.float32),
        (aten.add.Tensor, (ones(2), 0.5), {}, HALF),
        (aten.softmax.int, (ones(2, 2), 1, torch.float32), {}, torch.float32),
        (aten.sum.dim_IntList, (ones(2, 2), [1]), {"dtype": torch.float32}, torch.float32),
        (aten.gt.Tensor, (ones(2), ones(2)), {}, torch.bool),
        (aten.argmax.default, (ones(2),), {}, torch.int64),
        (aten.logsumexp.default, (ones(2, 2), [1]), {}, HALF),
        (aten._to_copy.default, (ones(2),), {"dtype": torch.bfloat16}, torch.bfloat16),
        (aten.native_layer_norm.default, (ones(2, 2), [2], None, None, 1e-5), {}, HALF),
        (aten.conv2d.default, (ones(1, 1, 3, 3), ones(1, 1, 2, 2), ones(1)), {}, HALF),
        (aten.baddbmm.default, (ones(1, 2, 2), ones(1, 2, 2), ones(1, 2, 2)), {"beta": 0.5}, HALF),
        (aten.index_add.default, (ones(2), 0, torch.tensor([0]), ones(1)), {}, HALF),
    ],
)
def test_results_have_the_dtype_that_torch_gives(compute, func, args, kwargs, dtype):
    result = compute(func, args, kwargs)
    assert (result[0] if isinstance(result, tuple) else result).dtype == dtype


def test_an_in_place_operator_changes_its_argument_and_returns_it(compute):
    for func, args in (
        (aten.add_.Tensor, (ones(3),)),
        (aten.exp_.default, ()),
        (aten.gelu_.default, ()),
        (aten.cumsum_.default, (0,)),
        (aten.addcmul_.default, (ones(3), ones(3))),
        (aten.copy_.default, (torch.full((3,), 2.0),)),
    ):
        x = ones(3)
        expected = func(x.float(), *(a.float() if isinstance(a, torch.Tensor) else a for a in args)).half()
        assert compute(func, (x, *args)) is x
        assert torch.equal(x, expected)


def test_an_in_place_write_goes_through_a_view(compute):
    base = ones(2, 3)
    compute(aten.mul_.Tensor, (base.t()[1], ones(2) * 3))
    assert base.tolist() == [[1, 3, 1], [1, 3, 1]]


def test_an_out_argument_is_filled_resized_and_returned(compute):
    for func, args in ((aten.mul.out, (ones(3), ones(3))), (aten.cumsum.out, (ones(3), 0)), (aten.exp.out, (ones(3),))):
        out = torch.empty(0, dtype=HALF)
        assert compute(func, args, {"out": out}) is out
        assert out.shape == (3,)


def test_lists_are_changed_in_place():
    lists = [ones(2), ones(3)]
    assert emulator(CLAMPING).compute(aten._foreach_mul_.Scalar, (lists, 1e9)) is None
    assert [one.tolist() for one in lists] == [[65504.0] * 2, [65504.0] * 3]


def test_a_list_of_results_is_rounded():
    results = emulator(CLAMPING).compute(aten._foreach_mul.Scalar, ([ones(1), ones(1)], 1e9))
    assert [one.item() for one in results] == [65504.0, 65504.0]
    assert results[0].dtype == HALF


def test_views_and_conversions_to_the_same_dtype_alias(compute):
    x = ones(2, 3)
    for result in (
        compute(aten.t.default, (x,)),
        compute(aten.reshape.default, (x, [6])),
        compute(aten.to.dtype, (x, HALF)),
        compute(aten.dropout.default, (x, 0.5, False)),
    ):
        assert result.data_ptr() == x.data_ptr()
    assert compute(aten.split.Tensor, (x, 1))[1].data_ptr() == x[1].data_ptr()


def test_an_elementwise_result_keeps_the_strides_of_its_operand(compute):
    x = ones(2, 3, 4).transpose(0, 2)
    for func, args in ((aten.mul.Tensor, (x, x)), (aten.exp.default, (x,)), (aten.gelu.default, (x,))):
        assert compute(func, args).stride() == func(*args).stride()


def test_attention_leaves_its_result_in_memory_as_torch_does(compute):
    x = ones(1, 5, 2, 8).transpose(1, 2)
    result = compute(aten.scaled_dot_product_attention.default, (x, x, x))
    assert result.stride() == aten.scaled_dot_product_attention.default(x, x, x).stride()


@pytest.mark.parametrize(("numerics", "options"), [(NARROW, {}), (NARROW, {"accumulate_block": 2}), (IEEE, {})])
def test_a_factor_is_not_forgotten_where_a_call_without_one_went_before(numerics, options):
    compute = emulator(numerics, **options).compute
    x, bias = ones(2, 2), ones(2)
    assert compute(aten.addmm.default, (bias, x, x)).tolist() == [[3, 3], [3, 3]]
    assert compute(aten.addmm.default, (bias, x, x), {"beta": 2}).tolist() == [[4, 4], [4, 4]]
    assert compute(aten.addmm.default, (ones(2, 2), x, x)).tolist() == [[3, 3], [3, 3]]
    assert compute(aten.addmm.default, (bias, x, x), {"alpha": 0.5}).tolist() == [[2, 2], [2, 2]]


def test_random_operators_draw_torchs_numbers():
    for func, args in ((aten.bernoulli.p, (ones(50), 0.5)), (aten.dropout.default, (ones(50), 0.5, True))):
        torch.manual_seed(3)
        expected = func(*args)
        torch.manual_seed(3)
        assert torch.equal(emulator().compute(func, args), expected)


@pytest.mark.parametrize("kernels", [None, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_overflow_saturates_and_subnormals_are_flushed(dtype, kernels):
    limits = torch.finfo(dtype)
    x = torch.tensor([limits.max, -limits.max, limits.tiny, -limits.tiny, float("nan")], dtype=dtype)
    y = torch.tensor([4, 4, 0.5, 0.5, 1], dtype=dtype)
    expected = torch.tensor([limits.max, -limits.max, 0.0, -0.0, 0.0], dtype=dtype)
    compute = emulator(CLAMPING, kernels=kernels).compute
    for result in (compute(aten.mul.Tensor, (x, y)), compute(aten.mul_.Tensor, (x.clone(), y))):
        assert torch.equal(result, expected)
        assert torch.equal(result.signbit(), expected.signbit())


def test_a_mask_of_infinities_is_no_overflow():
    x = ones(2)
    result = emulator(CLAMPING).compute(aten.masked_fill.Scalar, (x, torch.tensor([True, False]), float("-inf")))
    assert result.tolist() == [float("-inf"), 1.0]


def test_an_operator_of_several_steps_rounds_once():
    x = torch.tensor([1 + 2**-10]).half()
    square = torch.tensor([1 + 2**-9]).half()  # x * x, rounded
    assert emulator().compute(aten.addcmul.default, (-square, x, x)).item() == 2**-20


@pytest.mark.parametrize("numerics", [IEEE, CLAMPING, NARROW])
def test_a_training_step_runs_on_the_chip(numerics):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.LayerNorm(16), torch.nn.Linear(16, 4))
    model = model.to(torch.bfloat16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    x, y = torch.randn(32, 8).bfloat16(), torch.randint(4, (32,))
    losses = []
    with Emulated(emulator(numerics)):
        for _ in range(12):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert all(one.grad is not None and one.grad.dtype == torch.bfloat16 for one in model.parameters())
    assert losses[-1] < losses[0] / 2
