"""Convolutions, pools, norms, recurrences and losses."""

from npusim.operators.model import operator

_CONVOLUTIONS = (
    operator(
        "convolution(input, weight, bias?; stride: ints, padding: ints, dilation: ints, transposed: bool, "
        "output_padding: ints, groups: int) -> out"
    ),
    operator(
        "conv1d(input, weight, bias?; stride: ints = (1,), padding: ints = (0,), dilation: ints = (1,), "
        "groups: int = 1) -> out"
    ),
    operator(
        "conv2d(input, weight, bias?; stride: ints = (1, 1), padding: ints = (0, 0), dilation: ints = (1, 1), "
        "groups: int = 1) -> out"
    ),
    operator(
        "conv3d(input, weight, bias?; stride: ints = (1, 1, 1), padding: ints = (0, 0, 0), dilation: ints = (1, 1, "
        "1), groups: int = 1) -> out"
    ),
    operator(
        "conv_transpose1d(input, weight, bias?; stride: ints = (1,), padding: ints = (0,), "
        "output_padding: ints = (0,), groups: int = 1, dilation: ints = (1,)) -> out"
    ),
    operator(
        "conv_transpose2d(input, weight, bias?; stride: ints = (1, 1), padding: ints = (0, 0), "
        "output_padding: ints = (0, 0), groups: int = 1, dilation: ints = (1, 1)) -> out"
    ),
    operator(
        "conv_transpose3d(input, weight, bias?; stride: ints = (1, 1, 1), padding: ints = (0, 0, 0), "
        "output_padding: ints = (0, 0, 0), groups: int = 1, dilation: ints = (1, 1, 1)) -> out"
    ),
    operator(
        "conv_depthwise2d(self, weight, bias?; kernel_size: ints, stride: ints = (1, 1), padding: ints = (0, 0), "
        "dilation: ints = (1, 1)) -> out",
        None,
        None,
        "depthwise_conv2d",
    ),
    operator("conv_tbc(self, weight, bias; pad: int = 0) -> out"),
    operator(
        "deform_conv2d(input, weight, offset, mask?, bias?; stride: ints = (1, 1), padding: ints = (0, 0), "
        "dilation: ints = (1, 1), groups: int = 1, deformable_groups: int = 1) -> out"
    ),
    operator(
        "quant_convolution(input, weight, scale, bias?, offset?; stride: ints, padding: ints, dilation: ints, "
        "transposed: bool = False, output_padding: ints = (), groups: int = 1, offset_x: int = 0, "
        "round_mode: str = 'rint') -> output"
    ),
    operator("im2col(self; kernel_size: ints, dilation: ints, padding: ints, stride: ints) -> out"),
    operator("col2im(self; output_size: ints, kernel_size: ints, dilation: ints, padding: ints, stride: ints) -> out"),
)

_POOLS = (
    operator(
        "max_pool1d(self; kernel_size: ints, stride: ints = (), padding: ints = (0,), dilation: ints = (1,), "
        "ceil_mode: bool = False) -> out"
    ),
    operator(
        "max_pool2d(self; kernel_size: ints, stride: ints = (), padding: ints = (0, 0), dilation: ints = (1, 1), "
        "ceil_mode: bool = False) -> out"
    ),
    operator(
        "max_pool3d(self; kernel_size: ints, stride: ints = (), padding: ints = (0, 0, 0), dilation: ints = (1, 1, "
        "1), ceil_mode: bool = False) -> out"
    ),
    operator(
        "max_pool2d_with_indices(self; kernel_size: ints, stride: ints = (), padding: ints = (0, 0), "
        "dilation: ints = (1, 1), ceil_mode: bool = False) -> out, indices"
    ),
    operator(
        "max_pool3d_with_indices(self; kernel_size: ints, stride: ints = (), padding: ints = (0, 0, 0), "
        "dilation: ints = (1, 1, 1), ceil_mode: bool = False) -> out, indices"
    ),
    operator(
        "avg_pool1d(self; kernel_size: ints, stride: ints = (), padding: ints = (0,), ceil_mode: bool = False, "
        "count_include_pad: bool = True) -> out"
    ),
    operator(
        "avg_pool2d(self; kernel_size: ints, stride: ints = (), padding: ints = (0, 0), ceil_mode: bool = False, "
        "count_include_pad: bool = True, divisor_override: int = None) -> out"
    ),
    operator(
        "avg_pool3d(self; kernel_size: ints, stride: ints = (), padding: ints = (0, 0, 0), "
        "ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int = None) -> out"
    ),
    operator(
        "lp_pool2d(self; norm_type: number, kernel_size: ints, stride: ints = (), ceil_mode: bool = False) -> out"
    ),
    operator("adaptive_avg_pool1d(self; output_size: ints) -> out"),
    operator("adaptive_avg_pool2d(self; output_size: ints) -> out"),
    operator("adaptive_avg_pool3d(self; output_size: ints) -> out"),
    operator("adaptive_max_pool1d(self; output_size: ints) -> out, indices"),
    operator("adaptive_max_pool2d(self; output_size: ints) -> out, indices"),
    operator("adaptive_max_pool3d(self; output_size: ints) -> out, indices"),
    operator("max_unpool2d(self, indices; output_size: ints) -> out"),
    operator("max_unpool3d(self, indices; output_size: ints, stride: ints, padding: ints) -> out"),
    operator("fractional_max_pool2d(self, random_samples; kernel_size: ints, output_size: ints) -> out, indices"),
    operator("global_avg_pool(self; keepdim: bool = True) -> out"),
    operator("global_max_pool(self; keepdim: bool = True) -> out"),
    operator("global_lp_pool(self; p: number = 2, keepdim: bool = True) -> out"),
)

_NORMS = (
    operator(
        "batch_norm(input, weight?, bias?, running_mean?, running_var?; training: bool = False, "
        "momentum: float = 0.1, eps: float = 1e-05) -> out"
    ),
    operator(
        "native_batch_norm(input, weight?, bias?, running_mean?, running_var?; training: bool, momentum: float, "
        "eps: float) -> out, save_mean, save_invstd"
    ),
    operator("group_norm(input, weight?, bias?; num_groups: int, eps: float = 1e-05) -> out"),
    operator(
        "instance_norm(input, weight?, bias?, running_mean?, running_var?; use_input_stats: bool = True, "
        "momentum: float = 0.1, eps: float = 1e-05) -> out"
    ),
    operator(
        "local_response_norm(self; size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> out",
        None,
        None,
        "lrn",
    ),
    operator("l1_layer_norm(input, weight?, bias?; normalized_shape: ints, eps: float = 1e-05) -> out"),
    operator("deep_norm(x, gx, beta, gamma; alpha: float = 0.3, epsilon: float = 1e-06) -> mean, rstd, y"),
    operator(
        "add_layer_norm(x1, x2, gamma, beta, bias?; epsilon: float = 1e-05, additional_output: bool = False) -> y, "
        "mean, rstd, x"
    ),
    operator(
        "group_norm_silu(self, gamma?, beta?; group: int, eps: float = 1e-05, activate_silu: bool = True) -> out, "
        "mean_out, rstd_out"
    ),
    operator(
        "group_norm_swish(x, gamma, beta; num_groups: int, data_format: str = 'NCHW', eps: float = 1e-05, "
        "activate_swish: bool = True, swish_scale: float = 1.0) -> y, mean, rstd"
    ),
)

_RECURRENCES = (
    operator(
        "lstm(input, hx*, params*; has_biases: bool, num_layers: int, dropout: float, train: bool, "
        "bidirectional: bool, batch_first: bool) -> output, h, c"
    ),
    operator("lstm_cell(input, hx*, w_ih, w_hh, b_ih?, b_hh?) -> h, c"),
    operator(
        "gru(input, hx, params*; has_biases: bool, num_layers: int, dropout: float, train: bool, "
        "bidirectional: bool, batch_first: bool) -> output, h"
    ),
    operator("gru_cell(input, hx, w_ih, w_hh, b_ih?, b_hh?) -> out"),
    operator(
        "rnn_tanh(input, hx, params*; has_biases: bool, num_layers: int, dropout: float, train: bool, "
        "bidirectional: bool, batch_first: bool) -> output, h"
    ),
    operator(
        "rnn_relu(input, hx, params*; has_biases: bool, num_layers: int, dropout: float, train: bool, "
        "bidirectional: bool, batch_first: bool) -> output, h"
    ),
    operator("svdf(input, weight_feature, weight_time, bias?, state?; rank: int) -> out"),
)

_LOSSES = (
    operator("mse_loss(self, target; reduction: int = 1) -> out"),
    operator("l1_loss(self, target; reduction: int = 1) -> out"),
    operator("smooth_l1_loss(self, target; reduction: int = 1, beta: float = 1.0) -> out"),
    operator("huber_loss(self, target; reduction: int = 1, delta: float = 1.0) -> out"),
    operator("nll_loss(self, target, weight?; reduction: int, ignore_index: int) -> out, total_weight"),
    operator("nll_loss2d(self, target, weight?; reduction: int, ignore_index: int) -> out, total_weight"),
    operator(
        "cross_entropy_loss(self, target, weight?; reduction: int = 1, ignore_index: int = -100, "
        "label_smoothing: float = 0.0) -> out"
    ),
    operator("binary_cross_entropy(self, target, weight?; reduction: int = 1) -> out"),
    operator("binary_cross_entropy_with_logits(self, target, weight?, pos_weight?; reduction: int = 1) -> out"),
    operator("kl_div(self, target; reduction: int = 1, log_target: bool = False) -> out"),
    operator("soft_margin_loss(self, target; reduction: int = 1) -> out"),
    operator(
        "ctc_loss(log_probs, targets, input_lengths, target_lengths; blank: int = 0, reduction: int = 1, "
        "zero_infinity: bool = False) -> out"
    ),
)

ROWS = (*_CONVOLUTIONS, *_POOLS, *_NORMS, *_RECURRENCES, *_LOSSES)
