"""The U-Net of diffusers, which denoises a picture by a text: so small that it runs in a moment, and of full size."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from tests.frontends.torch.models import Built

_SMALL: Mapping[str, Any] = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 32,
    "attention_head_dim": 8,
}
_STABLE_DIFFUSION: Mapping[str, Any] = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
"""What differs from diffusers' defaults in unet/config.json of Stable Diffusion 1.5."""


def unet(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Two levels, with attention to the text at the lower one."""
    return _unet(_SMALL, dtype)


def unet_sd15(dtype: torch.dtype = torch.bfloat16) -> Built:
    """The size of Stable Diffusion 1.5."""
    return _unet(_STABLE_DIFFUSION, dtype)


def _unet(sizes: Mapping[str, Any], dtype: torch.dtype) -> Built:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    model: nn.Module = nn.Module.to(UNet2DConditionModel(**sizes), dtype).eval()  # its own warns of what is not there
    picture = torch.randn(1, 4, sizes["sample_size"], sizes["sample_size"]).to(dtype)
    text = torch.randn(1, 77, sizes["cross_attention_dim"]).to(dtype)
    return model, {"sample": picture, "timestep": torch.tensor(10), "encoder_hidden_states": text}
