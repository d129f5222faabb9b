"""Models of full size, with 72 billion parameters and more, are built and run in seconds and in hardly any memory."""

import resource
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from npusim.frontends.torch.fake import fake, is_fake
from tests.frontends.torch.models import transformers

Built = tuple[nn.Module, Mapping[str, Any]]
IMAGE, START, END, TEXT = 151655, 151652, 151653, 200
MAX_GROWTH_MIB = 150
"""The weights would take 140,000."""


def of(kind: Any, config: Any) -> nn.Module:
    return kind._from_config(config, dtype=torch.bfloat16).eval()


def picture_and_text() -> Mapping[str, Any]:
    """A picture of 34 x 46 patches, merged two by two, and some words."""
    ids = torch.cat(
        [torch.tensor([START]), torch.full((34 * 46 // 4,), IMAGE), torch.tensor([END]), torch.arange(TEXT)]
    )
    return {
        "input_ids": ids[None],
        "attention_mask": torch.ones(1, len(ids), dtype=torch.int64),
        "pixel_values": torch.randn(34 * 46, 3 * 2 * 14 * 14, dtype=torch.bfloat16),
        "image_grid_thw": torch.tensor([[1, 34, 46]]),
        "mm_token_type_ids": (ids[None] == IMAGE).int(),
    }


def rope() -> Mapping[str, Any]:
    return {"rope_parameters": {"mrope_section": [16, 24, 24], "rope_type": "default", "rope_theta": 1e6}}


def qwen2_5_vl(hidden: int, layers: int, heads: int, kv_heads: int, intermediate: int) -> Built:
    text = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": intermediate,
        "vocab_size": 152064,
        **rope(),
    }
    vision = {"depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "out_hidden_size": hidden}
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, image_token_id=IMAGE)
    return of(transformers.Qwen2_5_VLForConditionalGeneration, config), picture_and_text()


def qwen2_5_vl_7b() -> Built:
    return qwen2_5_vl(3584, 28, 28, 4, 18944)


def qwen2_5_vl_72b() -> Built:
    return qwen2_5_vl(8192, 80, 64, 8, 29568)


def qwen2_vl_7b() -> Built:
    text = {
        "hidden_size": 3584,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "intermediate_size": 18944,
        "vocab_size": 152064,
        **rope(),
    }
    vision = {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "num_heads": 16, "mlp_ratio": 4, "patch_size": 14}
    config = transformers.Qwen2VLConfig(text_config=text, vision_config=vision, image_token_id=IMAGE)
    return of(transformers.Qwen2VLForConditionalGeneration, config), picture_and_text()


def llama_70b() -> Built:
    config = transformers.LlamaConfig(
        hidden_size=8192,
        intermediate_size=28672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
        vocab_size=128256,
    )
    return of(transformers.LlamaForCausalLM, config), {"input_ids": torch.arange(4096)[None]}


def qwen3_moe_30b() -> Built:
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
    return of(transformers.Qwen3MoeForCausalLM, config), {"input_ids": torch.arange(64)[None]}


def bert_large() -> Built:
    config = transformers.BertConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    )
    return of(transformers.BertModel, config), {"input_ids": torch.arange(512)[None]}


def vit_huge() -> Built:
    config = transformers.ViTConfig(
        hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, intermediate_size=5120, patch_size=14
    )
    return of(transformers.ViTModel, config), {"pixel_values": torch.randn(64, 3, 224, 224, dtype=torch.bfloat16)}


def clip_large() -> Built:
    text = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
    vision = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    config = transformers.CLIPConfig(text_config=text, vision_config={**vision, "patch_size": 14}, projection_dim=768)
    pixels = torch.randn(8, 3, 224, 224, dtype=torch.bfloat16)
    return of(transformers.CLIPModel, config), {"input_ids": torch.arange(77)[None], "pixel_values": pixels}


def whisper_large() -> Built:
    config = transformers.WhisperConfig(
        d_model=1280,
        encoder_layers=32,
        decoder_layers=32,
        encoder_attention_heads=20,
        decoder_attention_heads=20,
        encoder_ffn_dim=5120,
        decoder_ffn_dim=5120,
        num_mel_bins=128,
    )
    features = torch.randn(1, 128, 3000, dtype=torch.bfloat16)
    ids = torch.arange(20)[None]
    return of(transformers.WhisperModel, config), {"input_features": features, "decoder_input_ids": ids}


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


BILLIONS: Mapping[Callable[[], Built], float] = {
    qwen2_5_vl_7b: 8.29,
    qwen2_5_vl_72b: 73.41,
    qwen2_vl_7b: 8.29,
    llama_70b: 70.55,
    qwen3_moe_30b: 30.53,
    bert_large: 0.335,
    vit_huge: 0.63,
    clip_large: 0.43,
    whisper_large: 1.54,
}
"""The parameters as their publishers count them."""


@pytest.mark.parametrize("build", BILLIONS, ids=lambda build: build.__name__)
def test_a_model_of_full_size_runs(build: Callable[[], Built]) -> None:
    model, inputs = fake(build)
    assert sum(one.numel() for one in model.parameters()) / 1e9 == pytest.approx(BILLIONS[build], rel=0.01)
    with torch.inference_mode():
        [first, *_] = model(**inputs).values()
    assert is_fake(first)
    assert first.dtype == torch.bfloat16


def test_generate_goes_on_at_full_size() -> None:
    model, inputs = fake(qwen2_5_vl_7b)
    length = inputs["input_ids"].shape[1]
    assert model.generate(**inputs, max_new_tokens=2, do_sample=False).shape == (1, length + 2)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_mask_of_a_long_padded_context_takes_no_memory(attention: str) -> None:
    length = 65_536

    def build() -> Built:
        config = transformers.LlamaConfig(num_hidden_layers=2, attn_implementation=attention)
        ids = torch.ones(2, length, dtype=torch.int64)
        padded = ids.clone()
        padded[0, :100] = 0
        return of(transformers.LlamaForCausalLM, config), {"input_ids": ids, "attention_mask": padded}

    model, inputs = fake(build)
    before = peak_mib()
    with torch.inference_mode():
        assert model(**inputs).logits.shape == (2, length, 32000)
    assert peak_mib() - before < MAX_GROWTH_MIB
    assert any(f"[1, 1, {length}, {length}] is large" in note for note in model.npusim_notes)


def test_72_billion_parameters_take_hardly_any_memory() -> None:
    before = peak_mib()
    model, inputs = fake(qwen2_5_vl_72b)
    with torch.inference_mode():
        model(**inputs)
    assert peak_mib() - before < MAX_GROWTH_MIB
