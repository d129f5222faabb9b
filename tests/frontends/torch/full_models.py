"""Models at the sizes at which they are published, to be built without memory.

Each function returns (model, inputs) for `npusim.torch.fake`, in evaluation mode, for `model(**inputs)`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from tests.frontends.torch.diffusion import unet_sd15
from tests.frontends.torch.models import Built, transformers

IMAGE, START, END, TEXT = 151655, 151652, 151653, 200
_ROPE: Mapping[str, Any] = {
    "rope_parameters": {"mrope_section": [16, 24, 24], "rope_type": "default", "rope_theta": 1e6}
}


def qwen2_5_vl_7b(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Qwen2.5-VL-7B with a picture."""
    return _qwen2_5_vl(dtype, 3584, 28, 28, 4, 18944)


def qwen2_5_vl_72b(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Qwen2.5-VL-72B with a picture."""
    return _qwen2_5_vl(dtype, 8192, 80, 64, 8, 29568)


def qwen2_vl_7b(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Qwen2-VL-7B with a picture."""
    vision = {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "num_heads": 16, "mlp_ratio": 4, "patch_size": 14}
    config = transformers.Qwen2VLConfig(
        text_config=_decoder(3584, 28, 28, 4, 18944), vision_config=vision, image_token_id=IMAGE
    )
    return _of(transformers.Qwen2VLForConditionalGeneration, config, dtype), picture_and_text(dtype)


def llama_8b(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Llama 3.1 8B on 4096 tokens."""
    config = transformers.LlamaConfig(
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=131072,
    )
    return _of(transformers.LlamaForCausalLM, config, dtype), {"input_ids": torch.arange(4096)[None]}


def qwen3_moe_30b(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Qwen3-30B-A3B, whose tokens choose 8 of 128 experts."""
    config = transformers.Qwen3MoeConfig(
        hidden_size=2048,
        num_hidden_layers=48,
        num_attention_heads=32,
        num_key_value_heads=4,
        head_dim=128,
        num_experts=128,
        num_experts_per_tok=8,
        moe_intermediate_size=768,
        vocab_size=151936,
    )
    return _of(transformers.Qwen3MoeForCausalLM, config, dtype), {"input_ids": torch.arange(64)[None]}


def bert_base(dtype: torch.dtype = torch.bfloat16) -> Built:
    """BERT base on 512 tokens, padded."""
    padding = torch.ones(1, 512, dtype=torch.int64)
    padding[0, 400:] = 0
    inputs = {"input_ids": torch.arange(512)[None], "attention_mask": padding}
    return _of(transformers.BertForMaskedLM, transformers.BertConfig(), dtype), inputs


def vit_base(dtype: torch.dtype = torch.bfloat16) -> Built:
    """ViT-B/16 on a batch of 8."""
    return _of(transformers.ViTForImageClassification, transformers.ViTConfig(), dtype), {
        "pixel_values": _pixels(8, dtype)
    }


def clip_large(dtype: torch.dtype = torch.bfloat16) -> Built:
    """CLIP ViT-L/14."""
    text = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
    vision = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    config = transformers.CLIPConfig(text_config=text, vision_config={**vision, "patch_size": 14}, projection_dim=768)
    inputs = {"input_ids": torch.arange(77)[None], "pixel_values": _pixels(8, dtype)}
    return _of(transformers.CLIPModel, config, dtype), inputs


def whisper_large_v3(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Whisper large-v3 on 30 s of sound."""
    config = transformers.WhisperConfig(
        vocab_size=51866,
        d_model=1280,
        encoder_layers=32,
        decoder_layers=32,
        encoder_attention_heads=20,
        decoder_attention_heads=20,
        encoder_ffn_dim=5120,
        decoder_ffn_dim=5120,
        num_mel_bins=128,
    )
    sound = torch.randn(1, 128, 3000, dtype=dtype)
    model = _of(transformers.WhisperForConditionalGeneration, config, dtype)
    return model, {"input_features": sound, "decoder_input_ids": torch.arange(20)[None]}


def resnet50(dtype: torch.dtype = torch.bfloat16) -> Built:
    """ResNet-50 on a batch of 8."""
    config = transformers.ResNetConfig(num_labels=1000)
    return _of(transformers.ResNetForImageClassification, config, dtype), {"pixel_values": _pixels(8, dtype)}


FULL: Mapping[str, Callable[..., Built]] = {
    build.__name__: build
    for build in (
        qwen2_5_vl_7b,
        qwen2_5_vl_72b,
        qwen2_vl_7b,
        llama_8b,
        qwen3_moe_30b,
        bert_base,
        vit_base,
        clip_large,
        whisper_large_v3,
        unet_sd15,
        resnet50,
    )
}
"""Every model by its name."""


def picture_and_text(dtype: torch.dtype = torch.bfloat16) -> Mapping[str, Any]:
    """A picture of 34 x 46 patches, merged two by two, and some words."""
    ids = torch.cat(
        [torch.tensor([START]), torch.full((34 * 46 // 4,), IMAGE), torch.tensor([END]), torch.arange(TEXT)]
    )
    return {
        "input_ids": ids[None],
        "attention_mask": torch.ones(1, len(ids), dtype=torch.int64),
        "pixel_values": torch.randn(34 * 46, 3 * 2 * 14 * 14, dtype=dtype),
        "image_grid_thw": torch.tensor([[1, 34, 46]]),
        "mm_token_type_ids": (ids[None] == IMAGE).int(),
    }


def _qwen2_5_vl(dtype: torch.dtype, hidden: int, layers: int, heads: int, kv_heads: int, intermediate: int) -> Built:
    vision = {"depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "out_hidden_size": hidden}
    text = _decoder(hidden, layers, heads, kv_heads, intermediate)
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, image_token_id=IMAGE)
    return _of(transformers.Qwen2_5_VLForConditionalGeneration, config, dtype), picture_and_text(dtype)


def _decoder(hidden: int, layers: int, heads: int, kv_heads: int, intermediate: int) -> Mapping[str, Any]:
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": intermediate,
        "vocab_size": 152064,
        **_ROPE,
    }


def _of(kind: Any, config: Any, dtype: torch.dtype) -> nn.Module:
    model: nn.Module = kind._from_config(config, dtype=dtype).eval()
    return model


def _pixels(batch: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(batch, 3, 224, 224, dtype=dtype)
