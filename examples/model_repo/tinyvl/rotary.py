"""The cosines and sines by which the vision tower turns its queries and keys."""

import os

from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLVisionRotaryEmbedding


class VisionRotary(Qwen2_5_VLVisionRotaryEmbedding):
    """Makes the table in float32, where angles keep their precision, and hands it out in the dtype of the model.

    With ROTARY_BUG=1 in the environment it stays float32. No GPU minds; see README.md for what a tensor-parallel
    Ascend 910B says.
    """

    def forward(self, x, position_ids):
        cos, sin = super().forward(x, position_ids)
        if os.environ.get("ROTARY_BUG"):
            return cos, sin
        return cos.to(x.dtype), sin.to(x.dtype)
