"""The stand-ins of vendor operators as a whole: their schemas, how they are defined, and what they say of bad calls."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from npusim.errors import CallError, UsageError
from npusim.frontends.torch import vendor_ops


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    vendor_ops.register()


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


X, GAMMA = _random(2, 5, 16), _random(16)
Q, K, V = _random(2, 6, 4, 8), _random(2, 7, 2, 8), _random(2, 7, 2, 8) + 1  # [batch, rows, heads, size]


@pytest.mark.parametrize("row", vendor_ops.ROWS, ids=lambda row: row.qualified)
def test_torch_knows_the_operator_by_the_schema_of_the_table(row: vendor_ops.Row) -> None:
    operator = getattr(getattr(getattr(torch.ops, row.namespace), row.name), row.overload)
    assert operator._schema == torch._C.parse_schema(f"{row.namespace}::{row.schema}")
    assert row.source.startswith("Ascend/")


def test_every_argument_is_read_or_named_as_inert_or_refused() -> None:
    for row in vendor_ops.ROWS:
        assert row.inert <= set(row.defaults), row.qualified


def test_mixed_dtypes_are_promoted_inside_and_rounded_to_the_first() -> None:
    x = X.bfloat16()
    found = torch.ops.npu.npu_mm_all_reduce_base(x, _random(16, 3).float(), "group")
    assert found.dtype == torch.bfloat16
    exact = x.double() @ _random(16, 3).float().double()
    torch.testing.assert_close(found.double(), exact, rtol=2.0**-8, atol=2e-6)


def test_float64_is_computed_in_float64() -> None:
    found, _ = torch.ops.npu.npu_rms_norm(X, GAMMA, 1e-5)
    torch.testing.assert_close(found, torch.nn.functional.rms_norm(X, (16,), GAMMA, 1e-5), rtol=1e-14, atol=0)


def test_a_row_that_sees_no_key_gives_zeros() -> None:
    mask = torch.zeros(6, 7, dtype=torch.bool)
    mask[2] = True
    found = torch.ops.npu.npu_fusion_attention(Q, K, V, 4, "BSND", atten_mask=mask)[0]
    assert (found[:, 2] == 0).all()
    assert (found[:, 3] != 0).any()


def test_largest_score_and_sum_rebuild_the_softmax() -> None:
    found = torch.ops.npu.npu_fusion_attention(Q, K, V, 4, "BSND", scale=0.3)
    scores = 0.3 * torch.einsum("bsnd,btnd->bnst", Q, K.repeat_interleave(2, 2))
    assert found[1].shape == (2, 4, 6, 8)
    rebuilt = found[1][..., :1].double() + found[2][..., :1].double().log()
    torch.testing.assert_close(rebuilt, scores.logsumexp(-1, keepdim=True), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda npu: npu.npu_rms_norm(X, GAMMA[:3]), "npu.npu_rms_norm(self [2, 5, 16], gamma [3]): gamma must have"),
        (lambda npu: npu.npu_mm_all_reduce_base(X, X, "group"), "x1 must be [..., k] and x2 [k, n]"),
        (lambda npu: npu.npu_fusion_attention(Q, K, V, 4, "SNBD"), "input_layout is 'SNBD'; allowed are BSH"),
        (lambda npu: npu.npu_fusion_attention(Q, K, V, 4, "BSND", keep_prob=0.5), "computes without keep_prob"),
        (lambda npu: npu.npu_fusion_attention(Q, K, V, 3, "BSND"), "has 4 heads, not 3"),
        (lambda npu: npu.npu_swiglu(X[..., :3]), "size 3 of dim -1 must be even"),
        (lambda npu: npu.npu_dtype_cast(X, 290), "no stand-in knows the dtype 290"),
    ],
)
@pytest.mark.parametrize("fake", [False, True])
def test_a_call_that_cannot_be_meant_says_why(call: Callable[[Any], Any], says: str, *, fake: bool) -> None:
    mode = FakeTensorMode(allow_non_fake_inputs=True) if fake else nullcontext()
    with mode, pytest.raises(CallError) as caught:
        call(torch.ops.npu)
    assert says in str(caught.value)


def test_importing_defines_nothing_and_registering_keeps_what_exists() -> None:
    """In a process of its own: what torch knows is known to all of a process."""
    script = """
import torch
import npusim
from npusim.frontends.torch import vendor_ops
assert not any(name.startswith(("npu::", "atb::")) for name in torch._C._dispatch_get_all_op_names())
real = torch.library.Library("npu", "FRAGMENT")
real.define("npu_fast_gelu(Tensor self) -> Tensor")
real.impl("npu_fast_gelu", lambda self: self + 42, "CPU")
vendor_ops.register()
vendor_ops.register()
assert torch.ops.npu.npu_fast_gelu(torch.zeros(1)).item() == 42
assert torch.ops.npu.npu_silu(torch.zeros(1)).item() == 0
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_an_operator_of_the_chip_alone_is_named() -> None:
    with pytest.raises(AttributeError) as caught:
        torch.ops.npu.npu_rms_norn(X)
    clear = vendor_ops.explained(caught.value)
    assert isinstance(clear, UsageError)
    assert str(clear).startswith("npu.npu_rms_norn is an operator that only exists on the chip")
    assert "Did you mean npu_rms_norm" in str(clear)
    assert str(vendor_ops.missing("npu::npu_rms_norn")) == str(clear)
    assert vendor_ops.explained(AttributeError("'Tensor' object has no attribute 'x'")) is None


def test_torch_npu_can_be_imported_inside_a_block() -> None:
    with vendor_ops.importable():
        import torch_npu

        torch.testing.assert_close(torch_npu.npu_silu(X), X.sigmoid() * X)
        assert torch_npu._npu_paged_attention is torch.ops.atb._npu_paged_attention
        with vendor_ops.importable():  # as if one were installed
            assert sys.modules["torch_npu"] is torch_npu
        with pytest.raises(vendor_ops.ChipOnlyError, match="npu_nms_v4 is an operator that only exists"):
            _ = torch_npu.npu_nms_v4
        assert not hasattr(torch_npu, "profiler")
    assert "torch_npu" not in sys.modules


def test_gradients_flow_through_the_plain_operators_inside() -> None:
    x = X[0, :2].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: torch.ops.npu.npu_rms_norm(x, GAMMA)[0], (x,))
