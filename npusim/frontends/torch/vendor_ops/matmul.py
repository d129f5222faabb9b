"""Stand-ins of the vendor's matrix products."""

from torch import Tensor

from npusim.frontends.torch.vendor_ops.table import Like, Row, demand, wide


def _linear_outputs(input: Tensor, weight: Tensor, bias: Tensor | None) -> Like:  # noqa: A002 - the schema says so
    demand(weight.dim() == 2 and input.shape[-1] == weight.shape[-1], "weight must be [out, in] and input [..., in]")
    demand(bias is None or bias.shape == weight.shape[:1], "bias must have one element for each row of weight")
    return Like((*input.shape[:-1], weight.shape[0]), input.dtype)


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002 - the schema says so
    product = wide(input) @ wide(weight).t()
    return product if bias is None else product + wide(bias)


def _all_reduce_outputs(x1: Tensor, x2: Tensor, bias: Tensor | None, x3: Tensor | None) -> Like:
    demand(x2.dim() == 2 and x1.dim() >= 2 and x1.shape[-1] == x2.shape[0], "x1 must be [..., k] and x2 [k, n]")
    shape = (*x1.shape[:-1], x2.shape[1])
    demand(bias is None or bias.shape == x2.shape[1:], "bias must have one element for each column of x2")
    demand(x3 is None or x3.shape == shape, f"x3 must have the shape of the result, {list(shape)}")
    return Like(shape, x1.dtype)


def _all_reduce(x1: Tensor, x2: Tensor, bias: Tensor | None, x3: Tensor | None) -> Tensor:
    """Return this rank's share x1 @ x2 + bias + x3: the sum over one process, whatever group `hcom` names."""
    product = wide(x1) @ wide(x2)
    for addend in (bias, x3):
        product = product if addend is None else product + wide(addend)
    return product


ROWS = (
    Row("npu_linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", _linear_outputs, _linear),
    Row(
        "npu_mm_all_reduce_base(Tensor x1, Tensor x2, str hcom, *, str reduce_op='sum', Tensor? bias=None,"
        " Tensor? antiquant_scale=None, Tensor? antiquant_offset=None, Tensor? x3=None, Tensor? dequant_scale=None,"
        " Tensor? pertoken_scale=None, Tensor? comm_quant_scale_1=None, Tensor? comm_quant_scale_2=None,"
        " int antiquant_group_size=0, int comm_turn=0, int[]? group_sizes=None, int? y_dtype=None,"
        " int? x1_dtype=None, int? x2_dtype=None, int? dequant_scale_dtype=None, int? pertoken_scale_dtype=None,"
        " int comm_quant_mode=0, str? comm_mode=None) -> Tensor",
        _all_reduce_outputs,
        _all_reduce,
        inert=frozenset({"hcom", "reduce_op", "comm_turn", "comm_mode"}),
    ),
)
