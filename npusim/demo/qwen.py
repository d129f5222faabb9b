"""Qwen2.5-VL of transformers, small with weights and in full size: what the user of the PyTorch chapter checks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForImageTextToText, Qwen2_5_VLConfig

GRID = (8, 46)
"""Patches of 14 x 14 pixels in a picture; 46 across, as in the picture of the first chapter."""
FULL_GRID = (34, 46)
MERGED = 4
PATCH_VALUES = 3 * 2 * 14 * 14
TOKENS: dict[str, Any] = {
    "image_token_id": 90,
    "video_token_id": 91,
    "vision_start_token_id": 92,
    "vision_end_token_id": 93,
}

SMALL_VISION: dict[str, Any] = {
    "hidden_size": 160,  # two heads of 80, the head size of the released models
    "num_heads": 2,
    "depth": 2,
    "fullatt_block_indexes": [0, 1],
    "intermediate_size": 96,
    "out_hidden_size": 64,
    "initializer_range": 0.15,  # attention that depends on where a patch is, as that of a trained model does
}
SMALL_TEXT: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
}
VISION_72B: dict[str, Any] = {
    "depth": 32,
    "hidden_size": 1280,
    "num_heads": 16,
    "intermediate_size": 3456,
    "out_hidden_size": 8192,
}
TEXT_72B: dict[str, Any] = {
    "vocab_size": 152064,
    "hidden_size": 8192,
    "intermediate_size": 29568,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
}

_AUTO: Any = AutoModelForImageTextToText  # untyped in transformers

Built = tuple[nn.Module, Mapping[str, Any]]


def build() -> Built:
    """Return a small model in bfloat16 with random weights, and a picture with some words."""
    return _built(SMALL_TEXT, SMALL_VISION, GRID)


def build_72b() -> Built:
    """Return the model of 72 billion parameters, 147 GB in bfloat16: for `npusim.torch.fake`."""
    return _built(TEXT_72B, VISION_72B, FULL_GRID)


def _built(text: dict[str, Any], vision: dict[str, Any], grid: tuple[int, int]) -> Built:
    torch.manual_seed(0)
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, **TOKENS)
    model = _AUTO.from_config(config, dtype=torch.bfloat16).eval()
    patches = grid[0] * grid[1]
    ids = torch.tensor([[92, *[90] * (patches // MERGED), 93, 5, 6]])
    inputs = {
        "input_ids": ids,
        "mm_token_type_ids": (ids == TOKENS["image_token_id"]).int(),
        "pixel_values": torch.randn(patches, PATCH_VALUES, dtype=torch.bfloat16),
        "image_grid_thw": torch.tensor([[1, *grid]]),
    }
    return model, inputs
