"""Real models of transformers, so small that they are built and run in a moment.

Each function returns (model, inputs) with seeded random weights, in evaluation mode, for `model(**inputs)`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from torch import nn

Built = tuple[nn.Module, Mapping[str, Any]]

_DECODER: Mapping[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_ENCODER: Mapping[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_PICTURE: Mapping[str, Any] = {"image_size": 16, "patch_size": 8}


def llama(dtype: torch.dtype = torch.bfloat16) -> Built:
    """A decoder with grouped heads, RMSNorm and rotary positions."""
    config = transformers.LlamaConfig(**_DECODER)
    return _model(transformers.LlamaForCausalLM, config, dtype), _text()


def qwen3_moe(dtype: torch.dtype = torch.bfloat16) -> Built:
    """A decoder whose tokens choose two of four experts."""
    config = transformers.Qwen3MoeConfig(
        **_DECODER, head_dim=16, moe_intermediate_size=32, num_experts=4, num_experts_per_tok=2
    )
    return _model(transformers.Qwen3MoeForCausalLM, config, dtype), _text()


def qwen2_vl(dtype: torch.dtype = torch.bfloat16) -> Built:
    """A decoder that reads one picture of 4 x 4 patches, merged two by two."""
    vision = {"embed_dim": 32, "hidden_size": 64, "depth": 2, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14}
    config = transformers.Qwen2VLConfig(text_config=_multimodal(), vision_config=vision, **_TOKENS)
    return _model(transformers.Qwen2VLForConditionalGeneration, config, dtype), _picture_and_text(dtype)


def qwen2_5_vl(dtype: torch.dtype = torch.bfloat16) -> Built:
    """As `qwen2_vl`, with windowed attention in its first vision block."""
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "out_hidden_size": 64,
        "depth": 2,
        "num_heads": 2,
        "patch_size": 14,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    config = transformers.Qwen2_5_VLConfig(text_config=_multimodal(), vision_config=vision, **_TOKENS)
    return _model(transformers.Qwen2_5_VLForConditionalGeneration, config, dtype), _picture_and_text(dtype)


def bert(dtype: torch.dtype = torch.bfloat16) -> Built:
    """An encoder of text with LayerNorm, gelu and a padded batch."""
    config = transformers.BertConfig(**_ENCODER, vocab_size=100, max_position_embeddings=32)
    padding = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    return _model(transformers.BertForMaskedLM, config, dtype), {**_text(2), "attention_mask": padding}


def vit(dtype: torch.dtype = torch.bfloat16) -> Built:
    """An encoder of pictures with a classifier."""
    config = transformers.ViTConfig(**_ENCODER, **_PICTURE, num_labels=3)
    return _model(transformers.ViTForImageClassification, config, dtype), {"pixel_values": _pixels(dtype)}


def clip(dtype: torch.dtype = torch.bfloat16) -> Built:
    """Two encoders, of a picture and of text, that meet in a cosine."""
    text = {
        **_ENCODER,
        "vocab_size": 100,
        "max_position_embeddings": 32,
        "eos_token_id": 2,
        "bos_token_id": 1,
        "pad_token_id": 0,
    }
    config = transformers.CLIPConfig(text_config=text, vision_config={**_ENCODER, **_PICTURE}, projection_dim=16)
    return _model(transformers.CLIPModel, config, dtype), {**_text(), "pixel_values": _pixels(dtype)}


def whisper(dtype: torch.dtype = torch.bfloat16) -> Built:
    """An encoder of sound and a decoder of text with cross attention."""
    config = transformers.WhisperConfig(
        vocab_size=100,
        num_mel_bins=8,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_source_positions=16,
        max_target_positions=16,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    sound = torch.randn(1, 8, 32, generator=_seed()).to(dtype)
    model = _model(transformers.WhisperForConditionalGeneration, config, dtype)
    return model, {"input_features": sound, "decoder_input_ids": _text()["input_ids"]}


def resnet(dtype: torch.dtype = torch.bfloat16) -> Built:
    """A convolutional network with batch norms and residual connections."""
    config = transformers.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[2, 1], layer_type="basic")
    return _model(transformers.ResNetForImageClassification, config, dtype), {"pixel_values": _pixels(dtype, 32)}


def mobilenet(dtype: torch.dtype = torch.bfloat16) -> Built:
    """A convolutional network with depthwise convolutions and clipped activations."""
    config = transformers.MobileNetV2Config(image_size=32, depth_multiplier=0.25)
    return _model(transformers.MobileNetV2ForImageClassification, config, dtype), {"pixel_values": _pixels(dtype, 32)}


MODELS: Mapping[str, Callable[..., Built]] = {
    build.__name__: build
    for build in (llama, qwen3_moe, qwen2_vl, qwen2_5_vl, bert, vit, clip, whisper, resnet, mobilenet)
}
"""Every model by its name."""

_START, _IMAGE, _END, _VIDEO = 90, 91, 92, 93
_TOKENS: Mapping[str, int] = {
    "image_token_id": _IMAGE,
    "video_token_id": _VIDEO,
    "vision_start_token_id": _START,
    "vision_end_token_id": _END,
}


def _multimodal() -> dict[str, Any]:
    rotary = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    return {**_DECODER, "rope_parameters": rotary}


def _picture_and_text(dtype: torch.dtype) -> Mapping[str, Any]:
    tokens = torch.tensor([[5, _START, *[_IMAGE] * 4, _END, 7, 8]])
    return {
        "input_ids": tokens,
        "attention_mask": torch.ones_like(tokens),
        "mm_token_type_ids": (tokens == _IMAGE).int(),
        "pixel_values": torch.randn(16, 3 * 2 * 14 * 14, generator=_seed()).to(dtype),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
    }


def _model(kind: Callable[..., nn.Module], config: transformers.PreTrainedConfig, dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(0)
    return kind(config).to(dtype).eval()


def _text(batch: int = 1) -> Mapping[str, Any]:
    return {"input_ids": torch.randint(3, 90, (batch, 6), generator=_seed())}


def _pixels(dtype: torch.dtype, size: int = 16) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=_seed()).to(dtype)


def _seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)
