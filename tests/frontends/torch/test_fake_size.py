"""Models of full size, with 72 billion parameters and more, are built and run in seconds and in hardly any memory."""

import resource
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from npusim.frontends.torch.fake import fake, is_fake
from tests.frontends.torch import full_models
from tests.frontends.torch.models import Built, transformers

MAX_GROWTH_MIB = 150
"""The weights would take 140,000."""


def of(kind: Any, config: Any) -> nn.Module:
    return kind._from_config(config, dtype=torch.bfloat16).eval()


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


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


BILLIONS: Mapping[Callable[[], Built], float] = {
    full_models.qwen2_5_vl_7b: 8.29,
    full_models.qwen2_5_vl_72b: 73.41,
    full_models.qwen2_vl_7b: 8.29,
    full_models.llama_8b: 8.03,
    llama_70b: 70.55,
    full_models.qwen3_moe_30b: 30.53,
    full_models.bert_base: 0.11,
    bert_large: 0.335,
    full_models.vit_base: 0.0866,
    vit_huge: 0.63,
    full_models.clip_large: 0.43,
    full_models.whisper_large_v3: 1.54,
    full_models.resnet50: 0.0256,
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
    model, inputs = fake(full_models.qwen2_5_vl_7b)
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
    model, inputs = fake(full_models.qwen2_5_vl_72b)
    with torch.inference_mode():
        model(**inputs)
    assert peak_mib() - before < MAX_GROWTH_MIB
