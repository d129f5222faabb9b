"""Backward operators and the steps of optimisers."""

from npusim.operators.model import operator

_BACKWARD = (
    operator(
        "convolution_backward(grad_output, input, weight; bias_sizes: ints = None, stride: ints, padding: ints, "
        "dilation: ints, transposed: bool, output_padding: ints, groups: int) -> grad_input, grad_weight, grad_bias"
    ),
    operator("linear_backward(self, grad_output, weight) -> grad_input, grad_weight, grad_bias"),
    operator(
        "native_layer_norm_backward(grad_out, input, mean, rstd, weight?, bias?; normalized_shape: ints)"
        " -> grad_input, grad_weight, grad_bias"
    ),
    operator(
        "native_batch_norm_backward(grad_out, input, weight?, running_mean?, running_var?, save_mean?, "
        "save_invstd?; train: bool, eps: float) -> grad_input, grad_weight, grad_bias"
    ),
    operator(
        "native_group_norm_backward(grad_out, input, mean, rstd, weight?; N: int, C: int, HxW: int, group: int)"
        " -> grad_input, grad_weight, grad_bias"
    ),
    operator("rms_norm_backward(grad_out, input, rstd, weight) -> grad_input, grad_weight"),
    operator(
        "embedding_dense_backward(grad_output, indices; num_weights: int, padding_idx: int, "
        "scale_grad_by_freq: bool) -> out"
    ),
    operator(
        "embedding_backward(grad, indices; num_weights: int, padding_idx: int, scale_grad_by_freq: bool, "
        "sparse: bool) -> out"
    ),
    operator("threshold_backward(grad_output, self; threshold: number) -> out"),
    operator("gelu_backward(grad_output, self; approximate: str = 'none') -> out"),
    operator("silu_backward(grad_output, self) -> out"),
    operator("sigmoid_backward(grad_output, output) -> out"),
    operator("tanh_backward(grad_output, output) -> out"),
    operator(
        "elu_backward(grad_output, self_or_result; alpha: number, scale: number, input_scale: number, "
        "is_result: bool) -> out"
    ),
    operator("leaky_relu_backward(grad_output, self; negative_slope: number, self_is_result: bool) -> out"),
    operator("hardswish_backward(grad_output, self) -> out"),
    operator("hardsigmoid_backward(grad_output, self) -> out"),
    operator("hardtanh_backward(grad_output, self; min_val: number, max_val: number) -> out"),
    operator("hardshrink_backward(grad_out, self; lambd: number) -> out"),
    operator("softshrink_backward(grad_output, self; lambd: number) -> out"),
    operator("softplus_backward(grad_output, self; beta: number, threshold: number) -> out"),
    operator("mish_backward(grad_output, self) -> out"),
    operator("log_sigmoid_backward(grad_output, self, buffer) -> out"),
    operator("glu_backward(grad_output, self; dim: int) -> out"),
    operator("logit_backward(grad_output, self; eps: float = None) -> out"),
    operator("prelu_backward(grad_output, self, weight) -> grad_input, grad_weight"),
    operator("softmax_backward(grad_output, output; dim: int) -> out"),
    operator("log_softmax_backward(grad_output, output; dim: int) -> out"),
    operator(
        "max_pool2d_with_indices_backward(grad_output, self, indices; kernel_size: ints, stride: ints, "
        "padding: ints, dilation: ints, ceil_mode: bool) -> out"
    ),
    operator(
        "max_pool3d_with_indices_backward(grad_output, self, indices; kernel_size: ints, stride: ints, "
        "padding: ints, dilation: ints, ceil_mode: bool) -> out"
    ),
    operator(
        "avg_pool2d_backward(grad_output, self; kernel_size: ints, stride: ints, padding: ints, ceil_mode: bool, "
        "count_include_pad: bool, divisor_override: int = None) -> out"
    ),
    operator(
        "avg_pool3d_backward(grad_output, self; kernel_size: ints, stride: ints, padding: ints, ceil_mode: bool, "
        "count_include_pad: bool, divisor_override: int = None) -> out"
    ),
    operator("adaptive_avg_pool2d_backward(grad_output, self) -> out"),
    operator("adaptive_avg_pool3d_backward(grad_output, self) -> out"),
    operator("adaptive_max_pool2d_backward(grad_output, self, indices) -> out"),
    operator(
        "upsample_nearest1d_backward(grad_output; output_size: ints, input_size: ints, scales: float = None) -> out"
    ),
    operator(
        "upsample_nearest2d_backward(grad_output; output_size: ints, input_size: ints, scales_h: float = None, "
        "scales_w: float = None) -> out"
    ),
    operator(
        "upsample_nearest3d_backward(grad_output; output_size: ints, input_size: ints, scales_d: float = None, "
        "scales_h: float = None, scales_w: float = None) -> out"
    ),
    operator(
        "upsample_linear1d_backward(grad_output; output_size: ints, input_size: ints, align_corners: bool, "
        "scales: float = None) -> out"
    ),
    operator(
        "upsample_bilinear2d_backward(grad_output; output_size: ints, input_size: ints, align_corners: bool, "
        "scales_h: float = None, scales_w: float = None) -> out"
    ),
    operator(
        "upsample_bicubic2d_backward(grad_output; output_size: ints, input_size: ints, align_corners: bool, "
        "scales_h: float = None, scales_w: float = None) -> out"
    ),
    operator(
        "upsample_trilinear3d_backward(grad_output; output_size: ints, input_size: ints, align_corners: bool, "
        "scales_d: float = None, scales_h: float = None, scales_w: float = None) -> out"
    ),
    operator(
        "grid_sampler_2d_backward(grad_output, input, grid; interpolation_mode: int, padding_mode: int, "
        "align_corners: bool) -> grad_input, grad_grid"
    ),
    operator(
        "grid_sampler_3d_backward(grad_output, input, grid; interpolation_mode: int, padding_mode: int, "
        "align_corners: bool) -> grad_input, grad_grid"
    ),
    operator("reflection_pad1d_backward(grad_output, self; padding: ints) -> out"),
    operator("reflection_pad2d_backward(grad_output, self; padding: ints) -> out"),
    operator("replication_pad1d_backward(grad_output, self; padding: ints) -> out"),
    operator("replication_pad2d_backward(grad_output, self; padding: ints) -> out"),
    operator("constant_pad_nd_backward(grad_output; pad: ints) -> out"),
    operator(
        "nll_loss_backward(grad_output, self, target, total_weight, weight?; reduction: int = 1, "
        "ignore_index: int = -100) -> out"
    ),
    operator(
        "nll_loss2d_backward(grad_output, self, target, total_weight, weight?; reduction: int = 1, "
        "ignore_index: int = -100) -> out"
    ),
    operator("mse_loss_backward(grad_output, self, target; reduction: int) -> out"),
    operator("smooth_l1_loss_backward(grad_output, self, target; reduction: int, beta: float) -> out"),
    operator("l1_loss_backward(grad_output, self, target; reduction: int = 1) -> out"),
    operator("binary_cross_entropy_backward(grad_output, self, target, weight?; reduction: int = 1) -> out"),
    operator(
        "binary_cross_entropy_with_logits_backward(grad_output, self, target, weight?, pos_weight?; "
        "reduction: int = 1) -> out"
    ),
    operator("kl_div_backward(grad_output, self, target; reduction: int = 1, log_target: bool = False) -> out"),
    operator("soft_margin_loss_backward(grad_output, self, target; reduction: int) -> out"),
    operator("native_dropout_backward(grad_output, mask; scale: float) -> out"),
    operator("dropout_backward(grad_output, mask; scale: float) -> out"),
    operator(
        "scaled_dot_product_attention_backward(grad_out, query, key, value, out, logsumexp, attn_mask?; "
        "dropout_p: float = 0.0, is_causal: bool = False, scale: float = None) -> grad_query, grad_key, grad_value"
    ),
    operator("masked_scale(self, mask; scale: float) -> out"),
)

_OPTIMISERS = (
    operator(
        "apply_adam(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq?; lr: float, beta1: float = 0.9, "
        "beta2: float = 0.999, weight_decay: float = 0.0, eps: float = 1e-08, amsgrad: bool = False, "
        "maximize: bool = False) -> out, exp_avg_out, exp_avg_sq_out"
    ),
    operator(
        "apply_adam_w(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq?; lr: float, beta1: float = 0.9, "
        "beta2: float = 0.999, weight_decay: float = 0.01, eps: float = 1e-08, amsgrad: bool = False, "
        "maximize: bool = False) -> out, exp_avg_out, exp_avg_sq_out"
    ),
    operator(
        "apply_sgd(param, grad, momentum_buffer?; lr: float, momentum: float = 0.0, dampening: float = 0.0, "
        "weight_decay: float = 0.0, nesterov: bool = False) -> out, momentum_buffer_out"
    ),
    operator("apply_adagrad(param, grad, state_sum; lr: float, eps: float = 1e-10) -> out, state_sum_out"),
    operator(
        "apply_rmsprop(param, grad, square_avg; lr: float, alpha: float = 0.99, eps: float = 1e-08)"
        " -> out, square_avg_out"
    ),
)

ROWS = (*_BACKWARD, *_OPTIMISERS)
