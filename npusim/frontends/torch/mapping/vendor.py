"""Rows of Ascend's custom operators whose arguments have other names than their ports.

Schemas: Ascend/op-plugin, op_plugin/config/op_plugin_functions.yaml. All others are what a profile says they become.
"""

from collections.abc import Mapping

from npusim.frontends.torch.mapping.row import FREE, Given, Row, Rule, to
from npusim.frontends.torch.vendor_ops.table import SCALAR_TYPES

_ROTARY_LAYOUTS = {"BSND": 1, "SBND": 2, "BNSD": 3, "TND": 4}
_ROTARY_MODES = {"half": 0, "interleave": 1}


def _dtype(given: Given) -> str:
    """The dtype of a cast, which may be a number of torch's or torch_npu's."""
    return str(SCALAR_TYPES.get(given["dtype"], given["dtype"])).removeprefix("torch.")


def _all_reduced(given: Given) -> Row:
    """A row-parallel product is one of three operators, by the scales that it is given."""
    if given["dequant_scale"] is not None:
        return _QUANT_ALL_REDUCE
    return _ALL_REDUCE if given["antiquant_scale"] is None else _WEIGHT_QUANT_ALL_REDUCE


_ALL_REDUCE = to("matmul_all_reduce", hcom="group")
_QUANT_ALL_REDUCE = to("quant_matmul_all_reduce", hcom="group")
_WEIGHT_QUANT_ALL_REDUCE = to("weight_quant_matmul_all_reduce", hcom="group")

_CAST = to("cast").computing(dtype=_dtype)

ROWS: Mapping[str, Rule] = {
    "npu.get_npu_format": FREE,
    "npu.fast_gelu": to("fast_gelu"),
    "npu.npu_dtype_cast": _CAST,
    "npu._npu_dtype_cast": _CAST,
    "npu._npu_format_cast": to("npu_format_cast"),
    "npu.npu_dynamic_quant": to("dynamic_quant", input="x"),
    "npu.npu_quant_matmul": to("quant_matmul"),
    "npu.npu_swiglu": to("swiglu", self="x"),
    "npu.npu_mm_all_reduce_base": _all_reduced,
    "npu.npu_rms_norm": to("rms_norm", self="input", gamma="weight", epsilon="eps").computing(
        normalized_shape=lambda given: tuple(given["gamma"].shape)
    ),
    "npu.npu_gemma_rms_norm": to("gemma_rms_norm", self="x"),
    "npu.npu_rotary_mul": to("rotary_position_embedding", self="x", r1="cos", r2="sin").computing(
        mode=lambda given: _ROTARY_MODES.get(given["rotary_mode"], -1)
    ),
    "npu.npu_apply_rotary_pos_emb": to("apply_rotary_pos_emb", "layout").computing(
        layout=lambda given: _ROTARY_LAYOUTS.get(given["layout"], -1)
    ),
    "npu.npu_fusion_attention": to(
        "flash_attention_score",
        "actual_seq_qlen",  # numbers of the host, where the port takes a tensor
        "actual_seq_kvlen",
        pse="real_shift",
        dropout_mask="drop_mask",
        scale="scale_value",
        softmax_layout="softmax_out_layout",
    ),
    "npu.npu_prompt_flash_attention": to("prompt_flash_attention"),
    "npu.npu_fused_infer_attention_score_v2": to(
        "fused_infer_attention_score",
        actual_seq_qlen="actual_seq_lengths",
        actual_seq_kvlen="actual_seq_lengths_kv",
        num_query_heads="num_heads",
        softmax_scale="scale",
        return_softmax_lse="softmax_lse_flag",
    ),
}
