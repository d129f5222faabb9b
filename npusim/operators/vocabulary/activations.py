"""Activation functions and their gated forms."""

from npusim.operators import inference as infer
from npusim.operators.model import operator

_UNARY = (
    operator("relu6(self) -> out", infer.same),
    operator("leaky_relu(self; negative_slope: number = 0.01) -> out", infer.same),
    operator("elu(self; alpha: number = 1, scale: number = 1, input_scale: number = 1) -> out", infer.same),
    operator("celu(self; alpha: number = 1.0) -> out", infer.same),
    operator("selu(self) -> out", infer.same),
    operator("hardswish(self) -> out", infer.same),
    operator("hardsigmoid(self) -> out", infer.same),
    operator("hardtanh(self; min_val: number = -1, max_val: number = 1) -> out", infer.same),
    operator("hardshrink(self; lambd: number = 0.5) -> out", infer.same),
    operator("softshrink(self; lambd: number = 0.5) -> out", infer.same),
    operator("softplus(self; beta: number = 1, threshold: number = 20) -> out", infer.same),
    operator("mish(self) -> out", infer.same),
    operator("threshold(self; threshold: number, value: number) -> out", infer.same),
    operator("softsign(self) -> out", infer.same),
    operator("tanhshrink(self) -> out", infer.same),
    operator(
        "rrelu(self; lower: number = 0.125, upper: number = 0.3333333333333333, training: bool = False) -> out",
        infer.same,
    ),
    operator("log_sigmoid(self) -> out", infer.same),
    operator("relu_max(self; upper: number) -> out", infer.same),
    operator("relu_min(self; lower: number) -> out", infer.same),
    operator("fast_gelu(self) -> out", infer.same, None, "quick_gelu"),
    operator("swish_beta(self; beta: number = 1.0) -> out", infer.same),
    operator("hardmish(self) -> out", infer.same),
    operator("shrink(self; lambd: number = 0.5, bias: number = 0.0) -> out", infer.same),
    operator("thresholded_relu(self; alpha: number = 1.0) -> out", infer.same),
    operator("softcap(self; cap: number) -> out", infer.same),
    operator("swoosh_l(self) -> out", infer.same),
    operator("swoosh_r(self) -> out", infer.same),
    operator("log_softmax(self; dim: int = -1) -> out", infer.along),
    operator("softmin(self; dim: int = -1) -> out", infer.along),
    operator("hardmax(self; dim: int = -1) -> out", infer.along),
)

_GATED = (
    operator("prelu(self, weight) -> out"),
    operator("glu(self; dim: int = -1) -> out"),
    operator("reglu(self; dim: int = -1) -> out"),
    operator("scaled_masked_softmax(x, mask?; scale: float = 1.0, fixed_triu_mask: bool = False) -> y"),
    operator(
        "masked_softmax_with_rel_pos_bias(x, relative_pos_bias, atten_mask?; scale_value: float = 1.0, "
        "inner_precision_mode: int = 0) -> y"
    ),
)

ROWS = (*_UNARY, *_GATED)
