"""Rows of softmax, norms, attention, convolutions, pools and losses."""

from collections.abc import Mapping

from npusim.frontends.torch.mapping.row import FREE, Given, Row, Rule, to


def _of_own_dtype(operator: str) -> Rule:
    """A softmax; one that converts first is a conversion and a softmax."""
    row = to(operator)
    return lambda given: row if given.get("dtype") in {None, given["self"].dtype} else None


def _dropped(given: Given) -> Row:
    return _DROPOUT if given["train"] and given["p"] else FREE


_DROPOUT = to("dropout")
_ATTENTION = to("scaled_dot_product_attention", attn_bias="attn_mask").computing(
    enable_gqa=lambda given: bool(given["query"].shape[-3] != given["key"].shape[-3])
)

ROWS: Mapping[str, Rule] = {
    "aten.softmax.int": _of_own_dtype("softmax"),
    "aten.log_softmax.int": _of_own_dtype("log_softmax"),
    "aten._safe_softmax": _of_own_dtype("softmax"),
    "aten._softmax": to("softmax"),
    "aten._log_softmax": to("log_softmax"),
    "aten.dropout": _dropped,
    "aten.native_layer_norm": to("layer_norm"),
    "aten._fused_rms_norm": to("rms_norm"),
    "aten.native_group_norm": to("group_norm", group="num_groups"),
    "aten._native_batch_norm_legit": to("native_batch_norm"),
    "aten._scaled_dot_product_flash_attention": _ATTENTION,
    "aten._scaled_dot_product_flash_attention_for_cpu": _ATTENTION,
    "aten._scaled_dot_product_efficient_attention": _ATTENTION,
    "aten._scaled_dot_product_attention_math": lambda _: None,
    "aten._scaled_dot_product_fused_attention_overrideable": _ATTENTION,
    "aten._convolution": to("convolution"),
    "aten._conv_depthwise2d": to("conv_depthwise2d"),
    "aten._adaptive_avg_pool2d": to("adaptive_avg_pool2d"),
    "aten._adaptive_avg_pool3d": to("adaptive_avg_pool3d"),
    "aten._upsample_bicubic2d_aa": to("upsample_bicubic2d_aa"),
    "aten._upsample_bilinear2d_aa": to("upsample_bilinear2d_aa"),
    "aten._prelu_kernel": to("prelu"),
    "aten.nll_loss_forward": to("nll_loss"),
    "aten.nll_loss2d_forward": to("nll_loss2d"),
    "aten._embedding_bag": to("embedding_bag"),
    "aten._embedding_bag_forward_only": to("embedding_bag"),
}
