"""Emulated operators give what the executor's kernels give: equal bits for elementwise ones, in bounds for the rest."""

from dataclasses import replace
from types import MappingProxyType

import ml_dtypes
import numpy as np
import pytest
import torch

import npusim
from npusim.frontends.torch.emulation import Emulator
from npusim.frontends.torch.emulation.arrays import to_array, to_tensor
from npusim.frontends.torch.emulation.contraction import is_wide_in_torch
from npusim.frontends.torch.emulation.tables import codes_of
from npusim.numerics.bounds import matmul_enclosure, sum_enclosure
from npusim.numerics.model import IEEE, Numerics, Overflow, Rounding, Subnormals
from npusim.numerics.row_bounds import (
    attention_enclosure,
    layer_norm_enclosure,
    rms_norm_enclosure,
    softmax_enclosure,
)

aten = torch.ops.aten
HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
CLAMPING = replace(IEEE, overflow=Overflow.SATURATE, subnormals=Subnormals.FLUSH)
PRIMITIVE = replace(IEEE, rounding=Rounding.PRIMITIVE)
NARROW = Numerics()
HALF_OPERANDS = replace(IEEE, matmul=MappingProxyType({"float32": "float16"}))
DEVICES = {"ieee": IEEE, "clamping": CLAMPING, "primitive": PRIMITIVE, "narrow": NARROW}
UNARY = {
    "neg": aten.neg.default,
    "abs": aten.abs.default,
    "relu": aten.relu.default,
    "exp": aten.exp.default,
    "log": aten.log.default,
    "sqrt": aten.sqrt.default,
    "rsqrt": aten.rsqrt.default,
    "reciprocal": aten.reciprocal.default,
    "sin": aten.sin.default,
    "cos": aten.cos.default,
    "tanh": aten.tanh.default,
    "sigmoid": aten.sigmoid.default,
    "silu": aten.silu.default,
    "gelu": aten.gelu.default,
}
BINARY = {
    "add": aten.add.Tensor,
    "sub": aten.sub.Tensor,
    "mul": aten.mul.Tensor,
    "div": aten.div.Tensor,
    "maximum": aten.maximum.default,
    "minimum": aten.minimum.default,
}


def emulator(numerics, **options):
    return Emulator(replace(npusim.profiles.load("ascend910b"), numerics=numerics), **options)


def chip(numerics):
    profile = replace(npusim.profiles.load("ascend910b"), numerics=numerics)
    return npusim.device(profile, policy="record", on_unknown="pass")


def bits_differ(tensor, array):
    """Return where the bits of a tensor and an array are not the same; any NaN is like any other."""
    ours = to_array(tensor)
    assert ours.dtype == array.dtype
    with np.errstate(invalid="ignore"):
        wide, other = ours.astype(np.float64), array.astype(np.float64)
    same = (wide == other) & (np.signbit(wide) == np.signbit(other))
    return ~(same | (np.isnan(wide) & np.isnan(other)))


def normal(*shape, dtype, seed=0, scale=1.0):
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("operator", UNARY)
def test_a_function_of_one_number_equals_the_kernel_on_all_65536_values(operator, dtype, device):
    every = codes_of(HALVES[dtype])
    result = emulator(DEVICES[device]).compute(UNARY[operator], (every,))
    expected = chip(DEVICES[device]).run(operator, to_array(every))
    assert not bits_differ(result, expected).any()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
def test_gelu_by_tanh_equals_the_kernel_on_all_65536_values(dtype, device):
    every = codes_of(HALVES[dtype])
    result = emulator(DEVICES[device]).compute(aten.gelu.default, (every,), {"approximate": "tanh"})
    assert not bits_differ(result, chip(DEVICES[device]).run("gelu", to_array(every), approximate="tanh")).any()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("operator", BINARY)
def test_a_function_of_two_numbers_equals_the_kernel_on_every_value_beside_some_other(operator, dtype, device):
    every = codes_of(HALVES[dtype])
    other = every[torch.randperm(65536, generator=torch.Generator().manual_seed(1))]
    result = emulator(DEVICES[device]).compute(BINARY[operator], (every, other))
    expected = chip(DEVICES[device]).run(operator, to_array(every), to_array(other))
    assert not bits_differ(result, expected).any()


@pytest.mark.parametrize("device", DEVICES)
def test_alpha_is_multiplied_and_rounded_by_itself(device):
    every = codes_of(torch.float16)
    other = every.flip(0)
    result = emulator(DEVICES[device]).compute(aten.sub.Tensor, (every, other), {"alpha": 0.3})
    expected = chip(DEVICES[device]).run("sub", to_array(every), to_array(other), alpha=0.3)
    assert not bits_differ(result, expected).any()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
def test_a_conversion_from_float32_equals_the_kernel(dtype, device):
    x = torch.cat([normal(5000, dtype=torch.float32, scale=10.0**p) for p in (-40, -8, -5, 0, 5, 38)])
    x = torch.cat([x, torch.tensor([float("inf"), float("-inf"), float("nan"), -0.0])])
    expected = chip(DEVICES[device]).run("cast", x.numpy(), dtype=dtype)
    for func, args, kwargs in (
        (aten._to_copy.default, (x,), {"dtype": HALVES[dtype]}),
        (aten.to.dtype, (x, HALVES[dtype]), {}),
        (aten.copy_.default, (torch.empty(x.shape, dtype=HALVES[dtype]), x), {}),
    ):
        assert not bits_differ(emulator(DEVICES[device]).compute(func, args, kwargs), expected).any()


@pytest.mark.parametrize("kernels", [None, True])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
def test_sum_and_mean_are_within_the_bound(dtype, device, kernels):
    x = normal(5, 700, dtype=HALVES[dtype])
    numerics, compute = DEVICES[device], emulator(DEVICES[device], kernels=kernels).compute
    for func, mean in ((aten.sum.dim_IntList, False), (aten.mean.dim, True)):
        result = to_array(compute(func, (x, [1])))
        bound = sum_enclosure(to_array(x), (1,), operand=dtype, output=dtype, numerics=numerics, mean=mean)
        assert bound.holds(result).all()


@pytest.mark.parametrize("kernels", [None, True])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
def test_products_are_within_the_bound(dtype, device, kernels):
    a, b = (normal(*shape, dtype=HALVES[dtype], seed=s) for s, shape in enumerate(((9, 130), (130, 20))))
    bias = normal(20, dtype=HALVES[dtype], seed=2)
    numerics, compute = DEVICES[device], emulator(DEVICES[device], kernels=kernels).compute
    for func, args, addends in (
        (aten.mm.default, (a, b), ()),
        (aten.bmm.default, (a[None], b[None]), ()),
        (aten.matmul.default, (a, b), ()),
        (aten.linear.default, (a, b.t().contiguous()), ()),
        (aten.linear.default, (a, b.t().contiguous(), bias), (bias,)),
        (aten.addmm.default, (bias, a, b), (bias,)),
    ):
        result = to_array(compute(func, args)).reshape(9, 20)
        bound = matmul_enclosure(
            to_array(a),
            to_array(b),
            operand=dtype,
            output=dtype,
            numerics=numerics,
            addends=[to_array(one) for one in addends],
        )
        assert bound.holds(result).all(), func


def test_operands_of_a_product_are_rounded_to_the_matmul_dtype_and_its_addend_is_not():
    a, w, bias = (normal(*s, dtype=torch.float32, seed=i) for i, s in enumerate(((4, 64), (8, 64), (8,))))
    result = emulator(HALF_OPERANDS).compute(aten.linear.default, (a, w, bias))
    bound = matmul_enclosure(
        a.numpy(), w.t().numpy(), operand="float32", output="float32", numerics=HALF_OPERANDS, addends=[bias.numpy()]
    )
    assert bound.holds(result.numpy()).all()
    assert not bound.holds(aten.linear.default(a, w, bias).numpy()).all()
    assert not bound.holds(aten.linear.default(a, w, bias.half().float()).numpy()).all()


@pytest.mark.parametrize("kernels", [None, True])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
def test_softmax_is_within_the_bound(dtype, device, kernels):
    x = normal(30, 65, dtype=HALVES[dtype], scale=4)
    x[0, 3:], x[1] = float("-inf"), float("-inf")
    numerics, compute = DEVICES[device], emulator(DEVICES[device], kernels=kernels).compute
    bound = softmax_enclosure(to_array(x), 1, operand=dtype, output=dtype, numerics=numerics)
    for func, args in ((aten.softmax.int, (x, -1)), (aten._softmax.default, (x, 1, False))):
        assert bound.holds(to_array(compute(func, args))).all()


@pytest.mark.parametrize("kernels", [None, True])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
def test_norms_are_within_the_bound(dtype, device, kernels):
    x, w, b = (normal(*s, dtype=HALVES[dtype], seed=i) for i, s in enumerate(((6, 96), (96,), (96,))))
    numerics, compute = DEVICES[device], emulator(DEVICES[device], kernels=kernels).compute
    given = {"dims": 1, "operand": dtype, "output": dtype, "numerics": numerics}
    layer = layer_norm_enclosure(to_array(x), to_array(w), to_array(b), epsilon=1e-5, **given)
    assert layer.holds(to_array(compute(aten.layer_norm.default, (x, [96], w, b, 1e-5)))).all()
    assert layer.holds(to_array(compute(aten.native_layer_norm.default, (x, [96], w, b, 1e-5))[0])).all()
    root = rms_norm_enclosure(to_array(x), to_array(w), epsilon=1e-6, **given)
    assert root.holds(to_array(compute(aten.rms_norm.default, (x, [96], w, 1e-6)))).all()


@pytest.mark.parametrize("kernels", [None, True])
@pytest.mark.parametrize("masked", ["none", "causal", "bool", "float"])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", HALVES)
def test_attention_is_within_the_bound(dtype, device, masked, kernels):
    q, k, v = (normal(1, 2, n, 16, dtype=HALVES[dtype], seed=n) for n in (7, 9, 9))
    seen = torch.ones(7, 9, dtype=torch.bool).tril()
    mask = {"bool": seen, "float": normal(7, 9, dtype=HALVES[dtype])}.get(masked)
    numerics = DEVICES[device]
    attend = emulator(numerics, kernels=kernels).compute
    expected = to_array(seen) if masked == "causal" else None if mask is None else to_array(mask)
    bound = attention_enclosure(
        *map(to_array, (q, k, v)), expected, scale=0.25, operand=dtype, output=dtype, numerics=numerics
    )
    whole = attend(aten.scaled_dot_product_attention.default, (q, k, v, mask, 0.0, masked == "causal"))
    named = {"attn_mask": mask}
    flash = aten._scaled_dot_product_flash_attention_for_cpu.default
    pieces, logsumexp = attend(flash, (q, k, v, 0.0, masked == "causal"), named)
    assert bound.holds(to_array(whole)).all()
    assert bound.holds(to_array(pieces)).all()
    assert logsumexp.shape == (1, 2, 7)
    assert logsumexp.dtype == torch.float32


def test_queries_may_share_keys():
    q, k = normal(1, 4, 5, 8, dtype=torch.bfloat16), normal(1, 2, 5, 8, dtype=torch.bfloat16, seed=1)
    compute = emulator(IEEE).compute
    shared = compute(aten.scaled_dot_product_attention.default, (q, k, k), {"enable_gqa": True})
    own = k.repeat_interleave(2, 1)
    assert torch.equal(shared, compute(aten.scaled_dot_product_attention.default, (q, own, own)))


def test_attention_rounds_its_probabilities_as_torchs_own_attention_does_not():
    q, k, v = (normal(1, 2, 64, 32, dtype=torch.float16, seed=s) for s in range(3))
    numerics = replace(IEEE, matmul=MappingProxyType({"float16": "bfloat16"}))
    result = emulator(numerics).compute(aten.scaled_dot_product_attention.default, (q, k, v))
    bound = attention_enclosure(
        *map(to_array, (q, k, v)), None, scale=32**-0.5, operand="float16", output="float16", numerics=numerics
    )
    assert bound.holds(to_array(result)).all()
    assert not torch.equal(result, aten.scaled_dot_product_attention.default(q, k, v))


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_an_8_bit_float_is_computed_in_float32_and_rounded(name):
    every = codes_of(getattr(torch, name))
    other = to_tensor(to_array(every)[::-1].copy())
    result = emulator(CLAMPING).compute(aten.mul.Tensor, (every, other))
    expected = chip(CLAMPING).run("mul", to_array(every), to_array(other))
    assert not bits_differ(result, expected).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_torchs_own_narrow_product_is_used_only_where_it_sums_in_float32(dtype):
    if is_wide_in_torch(dtype):
        ones = torch.ones(1, 4096, dtype=dtype)
        assert (ones @ ones.t()).item() == 4096
        assert emulator(IEEE).compute(aten.mm.default, (ones, ones.t())).item() == 4096


@pytest.mark.parametrize(("block", "total"), [(None, 2048), (1, 2048), (16, 4096)])
def test_a_narrow_accumulator_stops_where_its_blocks_are_too_small_to_be_seen(block, total):
    ones = torch.ones(2, 4096).half()
    compute = emulator(NARROW, accumulate_block=block).compute
    for func, args in (
        (aten.mm.default, (ones, ones.t())),
        (aten.linear.default, (ones, ones)),
        (aten.bmm.default, (ones[None], ones.t()[None])),
        (aten.addmm.default, (torch.zeros(2).half(), ones, ones.t())),
    ):
        assert compute(func, args).unique().tolist() == [total]


@pytest.mark.parametrize(
    ("numerics", "options", "call", "path"),
    [
        (IEEE, {}, (aten.mul.Tensor, (torch.ones(2).half(), torch.ones(2).half())), "float"),
        (IEEE, {"kernels": True}, (aten.mul.Tensor, (torch.ones(2).half(), torch.ones(2).half())), "kernel"),
        (IEEE, {}, (aten.mul.Tensor, (torch.ones(2), torch.ones(2))), "native"),
        (IEEE, {}, (aten.add.Tensor, (torch.ones(2, dtype=torch.int64), 1)), "native"),
        (IEEE, {}, (aten.view.default, (torch.ones(2).half(), [2, 1])), "native"),
        (IEEE, {}, (aten.gelu.default, (torch.ones(2).half(),)), "table"),
        (PRIMITIVE, {}, (aten.mul.Tensor, (torch.ones(2).half(), torch.ones(2).half())), "float"),
        (PRIMITIVE, {}, (aten.softmax.int, (torch.ones(2, 2).half(), 1)), "kernel"),
        (NARROW, {}, (aten.mm.default, (torch.ones(2, 2).half(), torch.ones(2, 2).half())), "kernel"),
        (NARROW, {}, (aten.cumsum.default, (torch.ones(2).half(), 0)), "approximate"),
        (HALF_OPERANDS, {}, (aten.mm.default, (torch.ones(2, 2), torch.ones(2, 2))), "float"),
    ],
)
def test_the_paths_taken_are_counted(numerics, options, call, path):
    machine = emulator(numerics, **options)
    machine.compute(*call)
    machine.compute(*call)
    assert machine.paths == {(call[0]._schema.name.replace("::", "."), path): 2}


def test_arrays_and_tensors_share_memory_in_every_float():
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        tensor = torch.zeros(3, 4, dtype=torch.float32).to(dtype).t()
        array = to_array(tensor)
        assert array.shape == (4, 3)
        array[1, 2] = 1.5
        assert tensor.float()[1, 2] == 1.5
        assert to_tensor(array).dtype == dtype
    assert to_array(torch.ones(1).bfloat16()).dtype == ml_dtypes.bfloat16
