"""Rows of backward operators and of the steps of optimisers."""

from collections.abc import Mapping

from npusim.frontends.torch.mapping.row import Rule, to

_RANDOM_STATE = ("cum_seq_q", "cum_seq_k", "philox_seed", "philox_offset", "rng_state", "unused")
_ATTENTION = to("scaled_dot_product_attention_backward", *_RANDOM_STATE)

ROWS: Mapping[str, Rule] = {
    "aten._softmax_backward_data": to("softmax_backward"),
    "aten._log_softmax_backward_data": to("log_softmax_backward"),
    "aten._scaled_dot_product_flash_attention_for_cpu_backward": _ATTENTION,
    "aten._scaled_dot_product_flash_attention_backward": _ATTENTION,
    "aten._adaptive_avg_pool2d_backward": to("adaptive_avg_pool2d_backward"),
    "aten._adaptive_avg_pool3d_backward": to("adaptive_avg_pool3d_backward"),
    "aten._fused_rms_norm_backward": to("rms_norm_backward"),
}
