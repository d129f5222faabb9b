"""Lowerings: what a deployment runs in place of what a model says, while a run is active and not a moment longer."""

import threading

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import npusim
from npusim.errors import DtypeNotSupportedError
from npusim.frontends.torch import lowerings, places, vendor_ops
from tests.frontends.torch import models

ALL_REDUCE = "npu.npu_mm_all_reduce_base.default"
FUSION = "npu.npu_fusion_attention.default"
BF16, F32 = torch.bfloat16, torch.float32


@pytest.fixture(autouse=True)
def stand_ins():
    vendor_ops.register()


class Calls(TorchDispatchMode):
    """Remembers every operator with the dtypes of its tensors and its module, and casts as a recording run does."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        dtypes = tuple(one.dtype for one in args if isinstance(one, torch.Tensor))
        self.seen.append((str(func), dtypes, places.site().module))
        if str(func) == ALL_REDUCE:
            args = (args[0].to(args[1].dtype), *args[1:])
        return func(*args, **(kwargs or {}))

    def of(self, operator):
        return [(dtypes, module) for name, dtypes, module in self.seen if name == operator]

    def names(self):
        return {name for name, _, _ in self.seen}


def recorded(lowering, call):
    loaded = lowering if isinstance(lowering, lowerings.Lowering) else lowerings.load(lowering)
    with torch.inference_mode(), loaded.applied(), Calls() as calls:
        calls.output = call()
    return calls


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.o_proj = nn.Linear(8, 8)
        self.other = nn.Linear(8, 8)

    def forward(self, x):
        return self.o_proj(self.other(x))


# The founding story


def test_lmdeploy_leads_float32_into_the_row_parallel_projection_of_the_vision_tower():
    model, inputs = models.qwen2_5_vl()
    calls = recorded("lmdeploy-tp", lambda: model(**inputs))
    assert calls.of(FUSION)[0] == ((F32, F32, BF16), "model.visual.blocks.0.attn")
    assert calls.of(ALL_REDUCE)[0] == ((F32, BF16), "model.visual.blocks.0.attn.proj")


def test_lmdeploy_keeps_the_language_model_in_its_dtype():
    model, inputs = models.qwen2_5_vl()
    calls = recorded("lmdeploy-tp", lambda: model(**inputs))
    language = [(dtypes, module) for dtypes, module in calls.of(ALL_REDUCE) if "language_model" in module]
    assert [module.rpartition(".")[2] for _, module in language] == ["o_proj", "down_proj"] * 2
    assert {dtypes for dtypes, _ in language} == {(BF16, BF16)}


def test_eager_never_takes_float32_beyond_the_rotation():
    model, inputs = models.qwen2_5_vl()
    calls = recorded("eager", lambda: model(**inputs))
    assert ALL_REDUCE not in calls.names()
    products = calls.of("aten.linear.default") + calls.of("aten.scaled_dot_product_attention.default")
    assert products
    assert {dtype for dtypes, _ in products for dtype in dtypes} == {BF16}


def test_a_run_of_lmdeploy_refuses_x1_and_names_the_rotation():
    model, inputs = models.qwen2_5_vl()
    chip = npusim.device("ascend910b")
    with (
        pytest.raises(DtypeNotSupportedError, match="x1 not implemented for DT_FLOAT") as raised,
        chip.torch(lowering="lmdeploy-tp"),
    ):
        model(**inputs)
    violation = raised.value.violation
    assert (violation.operator, violation.site.module) == ("matmul_all_reduce", "model.visual.blocks.0.attn.proj")
    assert violation.site.file.endswith("modeling_qwen2_5_vl.py")
    assert (violation.origin.module, violation.origin.operator) == (
        "model.visual.blocks.0.attn",
        "mul(bfloat16, float32)",
    )


def test_a_run_of_lmdeploy_reports_attention_of_mixed_dtypes_as_unknown():
    model, inputs = models.qwen2_5_vl()
    with npusim.device("ascend910b").torch(mode="report", lowering="lmdeploy-tp") as run:
        model(**inputs)
    assert FUSION in {one.operator for one in run.unknown}
    assert {one.operator for one in run.violations} == {"matmul_all_reduce"}


def test_a_run_of_eager_refuses_nothing_and_says_why():
    model, inputs = models.qwen2_5_vl()
    with npusim.device("ascend910b").torch(mode="report", lowering="eager") as run:
        model(**inputs)
    assert run.violations == ()
    assert any("aclnnMatmulAllReduce" in note and "bytes" in note for note in run.notes)


@pytest.fixture(scope="module")
def published():
    """A small Qwen2.5-VL with the published head sizes: 80 in the vision tower, 128 in the language model."""
    config = models.qwen2_5_vl()[0].config
    vision = {**config.vision_config.to_dict(), "hidden_size": 160, "out_hidden_size": 256}
    rotary = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 10000.0}
    text = {
        **config.text_config.to_dict(),
        "hidden_size": 256,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rope_parameters": rotary,
    }
    torch.manual_seed(0)
    model = type(models.qwen2_5_vl()[0])(
        type(config)(**{**config.to_dict(), "vision_config": vision, "text_config": text})
    )
    return model.to(BF16).eval(), models.qwen2_5_vl()[1]


def test_with_the_published_head_sizes_only_the_language_model_is_rotated_by_one_operator(published):
    model, inputs = published
    calls = recorded("lmdeploy-tp", lambda: model(**inputs))
    rotated = calls.of("npu.npu_apply_rotary_pos_emb.default")
    assert [(dtypes, module) for dtypes, module in rotated] == [
        ((BF16,) * 4, f"model.language_model.layers.{layer}.self_attn") for layer in range(2)
    ]
    assert ((BF16, F32), "model.visual.blocks.0.attn") in calls.of("aten.mul.Tensor")
    assert calls.of(ALL_REDUCE)[0] == ((F32, BF16), "model.visual.blocks.0.attn.proj")


def test_a_run_of_vllm_ascend_refuses_nothing_of_the_published_head_sizes(published):
    model, inputs = published
    with npusim.device("ascend910b").torch(mode="report", lowering="vllm-ascend") as run:
        model(**inputs)
    assert run.violations == ()
    assert {
        "npu.npu_rms_norm.default",
        "npu.npu_rotary_mul.default",
        "npu.npu_fused_infer_attention_score.default",
        "npu.npu_swiglu.default",
    } <= recorded("vllm-ascend", lambda: model(**inputs)).names()


@pytest.mark.parametrize(("size", "operator"), [(128, "npu.npu_apply_rotary_pos_emb.default"), (80, "aten.mul.Tensor")])
def test_lmdeploy_rotates_by_one_operator_only_for_heads_of_128(size, operator):
    from transformers.models.llama import modeling_llama

    q, k, table = torch.randn(1, 4, 6, size), torch.randn(1, 2, 6, size), torch.randn(1, 6, size)
    plain = modeling_llama.apply_rotary_pos_emb(q, k, table.cos(), table.sin())

    class Rotation(nn.Module):
        def forward(self):
            return modeling_llama.apply_rotary_pos_emb(q, k, table.cos(), table.sin())

    Rotation.__module__ = modeling_llama.__name__
    calls = recorded("lmdeploy-tp", Rotation())
    assert operator in calls.names()
    assert ("aten.mul.Tensor" in calls.names()) == (size == 80)
    for found, expected in zip(calls.output, plain, strict=True):
        torch.testing.assert_close(found, expected)


# Replacements compute what they replace


@pytest.mark.parametrize("lowering", lowerings.names())
@pytest.mark.parametrize("name", ["llama", "qwen3_moe", "qwen2_vl", "qwen2_5_vl", "bert", "clip", "whisper"])
def test_a_lowered_model_gives_the_models_result(lowering, name):
    model, inputs = models.MODELS[name](F32)
    with torch.inference_mode():
        expected = model(**inputs)[0]
        with lowerings.load(lowering).applied():
            found = model(**inputs)[0]
    # vllm-ascend's quick gelu is the same function; clip's logits are scaled by about 14
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lowering", ["lmdeploy-tp", "vllm-ascend"])
def test_a_lowered_model_generates_what_the_model_does(lowering):
    model, inputs = models.llama(F32)
    expected = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    calls = recorded(lowering, lambda: model.generate(**inputs, max_new_tokens=3, do_sample=False))
    assert torch.equal(calls.output, expected)
    assert ("npu.npu_incre_flash_attention.default" in calls.names()) == (lowering == "lmdeploy-tp")


def test_every_lowering_works_without_data():
    for name in lowerings.names():
        with FakeTensorMode(), torch.inference_mode(), lowerings.load(name).applied():
            q = torch.empty(1, 4, 6, 80, dtype=BF16)
            assert functional.scaled_dot_product_attention(q, q, q, is_causal=True).shape == q.shape
            assert functional.scaled_dot_product_attention(q, q, q).shape == q.shape
            assert functional.scaled_dot_product_attention(q[:, :, -1:], q, q).shape == (1, 4, 1, 80)


MASKS = {
    "none": {},
    "causal": {"is_causal": True},
    "one for all": {"attn_mask": torch.ones(6, 6, dtype=torch.bool).tril()},
    "one a sequence": {"attn_mask": torch.arange(6) < torch.tensor([4, 6])[:, None, None, None]},
}


@pytest.mark.parametrize("lowering", ["lmdeploy-tp", "vllm-ascend"])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("size", [64, 80])
def test_attention_is_that_of_torch(lowering, mask, size):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 4, 6, size) for _ in range(3))
    expected = functional.scaled_dot_product_attention(q, k, v, **mask)
    found = recorded(lowering, lambda: functional.scaled_dot_product_attention(q, k, v, **mask))
    assert not {name for name in found.names() if name.startswith("aten.scaled_dot")}
    torch.testing.assert_close(found.output, expected)


def test_vision_heads_of_80_are_padded_by_vllm_ascend_and_cut_again():
    q = torch.randn(1, 4, 6, 80)
    found = recorded("vllm-ascend", lambda: functional.scaled_dot_product_attention(q, q, q))
    assert len([name for name, _, _ in found.seen if name == "aten.pad.default"]) == 3
    assert found.output.shape[-1] == 80


# Applied and undone


def originals():
    return nn.Module.__call__, nn.Linear.forward, functional.scaled_dot_product_attention


def test_everything_is_undone_after_an_exception():
    before, model = originals(), Attention()
    model.other.register_forward_hook(lambda *_: 1 / 0)
    lowering = lowerings.load("lmdeploy-tp")
    with lowering.applied():
        with pytest.raises(ZeroDivisionError):
            model(torch.ones(1, 8))
        assert all(now is not then for now, then in zip(originals(), before, strict=True))
    assert originals() == before
    with pytest.raises(ZeroDivisionError), lowering.applied():
        model(torch.ones(1, 8))
    assert originals() == before
    assert set(vars(model)) == set(vars(Attention()))


def test_the_innermost_lowering_holds():
    model = Attention()
    with lowerings.load("lmdeploy-tp").applied():
        with lowerings.load("eager").applied(), Calls() as inner:
            model(torch.ones(1, 8))
        with Calls() as outer:
            model(torch.ones(1, 8))
    assert ALL_REDUCE not in inner.names()
    assert [module for _, module in outer.of(ALL_REDUCE)] == ["o_proj"]


def test_another_thread_runs_as_the_model_says():
    model, names = Attention(), []

    def elsewhere():
        with Calls() as calls:
            model(torch.ones(1, 8))
        names.append(calls.names())

    with lowerings.load("lmdeploy-tp").applied():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert names
    assert ALL_REDUCE not in names[0]


def test_what_one_thread_ends_goes_on_in_another():
    model, before = Attention(), originals()
    entered, leave = threading.Event(), threading.Event()

    def elsewhere():
        with lowerings.load("lmdeploy-tp").applied():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=elsewhere)
    with lowerings.load("lmdeploy-tp").applied():
        thread.start()
        assert entered.wait(10)
    assert ALL_REDUCE not in (calls := recorded("eager", lambda: model(torch.ones(1, 8)))).names(), calls
    leave.set()
    thread.join()
    assert originals() == before


def test_hooks_of_a_replaced_module_run():
    model, seen = Attention(), []
    model.o_proj.register_forward_hook(lambda *given: seen.append(given[-1].shape))
    recorded("lmdeploy-tp", lambda: model(torch.ones(1, 8)))
    assert seen == [(1, 8)]


def test_a_linear_is_row_parallel_by_the_name_under_which_its_owner_holds_it():
    calls = recorded("lmdeploy-tp", lambda: Attention()(torch.ones(1, 8)))
    assert len(calls.of(ALL_REDUCE)) == len(calls.of("aten.linear.default")) == 1
    alone = Attention().o_proj
    assert ALL_REDUCE not in recorded("lmdeploy-tp", lambda: alone(torch.ones(1, 8))).names()


@pytest.mark.parametrize(
    ("lowering", "operators"),
    [
        ("lmdeploy-tp", {"npu.npu_moe_init_routing.default", "npu.npu_moe_finalize_routing.default"}),
        ("vllm-ascend", {"npu.npu_moe_init_routing_v2.default", "npu.npu_moe_token_unpermute.default"}),
    ],
)
def test_experts_run_in_one_grouped_product(lowering, operators):
    model, inputs = models.qwen3_moe()
    names = recorded(lowering, lambda: model(**inputs)).names()
    assert {*operators, "npu.npu_grouped_matmul.default"} <= names


def test_a_module_that_is_called_otherwise_is_left_as_it_is():
    class OwnExperts(nn.Module):
        def __init__(self):
            super().__init__()
            self.act_fn = nn.SiLU()
            self.gate_up_proj, self.down_proj = torch.randn(2, 8, 4), torch.randn(2, 4, 4)

        def forward(self, hidden_states):
            return self.act_fn(hidden_states)

    assert "aten.silu.default" in recorded("lmdeploy-tp", lambda: OwnExperts()(torch.ones(2, 4))).names()


def test_a_norm_whose_weight_is_an_offset_is_left_as_it_is():
    class GemmaRMSNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.eps = nn.Parameter(torch.zeros(8)), 1e-6

        def forward(self, x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * (1 + self.weight)

    assert "npu.npu_rms_norm.default" not in recorded("lmdeploy-tp", lambda: GemmaRMSNorm()(torch.ones(1, 8))).names()
