"""Build the model, with seeded weights, and inputs for it: one picture of 4 x 4 patches and some text."""

import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from tinyvl.rotary import VisionRotary

VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "out_hidden_size": 64,
    "depth": 2,
    "num_heads": 2,
    "patch_size": 14,
    "window_size": 56,
    "fullatt_block_indexes": [1],
}
TEXT = {
    "vocab_size": 100,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
}
TOKENS = {"image_token_id": 90, "video_token_id": 91, "vision_start_token_id": 92, "vision_end_token_id": 93}
PATCHES, PATCH_VALUES, PICTURE_TOKENS = 16, 3 * 2 * 14 * 14, 4


def build(dtype=torch.bfloat16):
    """Return (model, inputs) for `model(**inputs)`."""
    torch.manual_seed(0)
    config = Qwen2_5_VLConfig(text_config=TEXT, vision_config=VISION, **TOKENS)
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.model.visual.rotary_pos_emb = VisionRotary(config.vision_config)
    tokens = [
        1,
        TOKENS["vision_start_token_id"],
        *[TOKENS["image_token_id"]] * PICTURE_TOKENS,
        TOKENS["vision_end_token_id"],
        5,
        6,
    ]
    ids = torch.tensor([tokens])
    inputs = {
        "input_ids": ids,
        "mm_token_type_ids": (ids == TOKENS["image_token_id"]).int(),
        "pixel_values": torch.randn(PATCHES, PATCH_VALUES).to(dtype),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
    }
    return model.to(dtype).eval(), inputs
