"""Stand-ins of the vendor's activations."""

from torch import Tensor
from torch.nn import functional

from npusim.frontends.torch.vendor_ops.table import Like, Row, demand, like, wide


def _same(self: Tensor) -> Like:
    return like(self)


def _halved(x: Tensor, dim: int) -> Like:
    demand(-x.dim() <= dim < x.dim(), f"dim is {dim}, which the input does not have")
    demand(x.shape[dim] % 2 == 0, f"size {x.shape[dim]} of dim {dim} must be even, for it is split in two")
    shape = list(x.shape)
    shape[dim] //= 2
    return Like(tuple(shape), x.dtype)


def _swiglu_outputs(self: Tensor, dim: int) -> Like:
    return _halved(self, dim)


def _swiglu(self: Tensor, dim: int) -> Tensor:
    gate, up = wide(self).chunk(2, dim)
    return functional.silu(gate) * up


def _fast_gelu(self: Tensor) -> Tensor:
    x = wide(self)
    return x * (1.702 * x).sigmoid()


def _gelu(self: Tensor, approximate: str) -> Tensor:
    return functional.gelu(wide(self), approximate=approximate)


def _silu(self: Tensor) -> Tensor:
    return functional.silu(wide(self))


def _itself(self: Tensor) -> Tensor:
    return self


def _silu_in_place(self: Tensor) -> Tensor:
    return self.copy_(_silu(self))


def _mish(self: Tensor) -> Tensor:
    return functional.mish(wide(self))


def _masked_softmax_outputs(x: Tensor, mask: Tensor) -> Like:
    fits = mask.dim() == x.dim() and all(m in (1, s) for m, s in zip(mask.shape, x.shape, strict=True))
    demand(fits, "mask must have the sizes of x, or 1")
    return like(x)


def _masked_softmax(x: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Compute softmax over the last axis of scale * x, with -10000 in place of what the mask hides."""
    return (wide(x) * scale).masked_fill(mask.bool(), -10000).softmax(-1)


ROWS = (
    Row("npu_swiglu(Tensor self, int dim=-1) -> Tensor", _swiglu_outputs, _swiglu),
    Row("npu_fast_gelu(Tensor self) -> Tensor", _same, _fast_gelu),
    Row("fast_gelu(Tensor self) -> Tensor", _same, _fast_gelu),
    Row("npu_gelu(Tensor self, *, str approximate='none') -> Tensor", _same, _gelu),
    Row("npu_silu(Tensor self) -> Tensor", _same, _silu),
    Row("npu_silu_(Tensor(a!) self) -> Tensor(a!)", _itself, _silu_in_place),
    Row("npu_mish(Tensor self) -> Tensor", _same, _mish),
    Row(
        "npu_scaled_masked_softmax(Tensor x, Tensor mask, Scalar scale=1, bool fixed_triu_mask=False) -> Tensor",
        _masked_softmax_outputs,
        _masked_softmax,
    ),
)
