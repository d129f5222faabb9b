"""A model without memory is called like any other, and comes to the same operators, dtypes and shapes."""

import copy
import inspect
from collections import UserDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_leaves

import npusim
from npusim.errors import UsageError
from npusim.frontends.torch.fake import assumptions, fake, is_fake
from tests.frontends.torch import models

CONTEXTS: tuple[Callable[[], AbstractContextManager[Any]], ...] = (torch.inference_mode, torch.no_grad, nullcontext)
KINDS = (
    models.llama,
    models.qwen3_moe,
    models.qwen2_vl,
    models.qwen2_5_vl,
    models.bert,
    models.vit,
    models.clip,
    models.whisper,
    models.resnet,
    models.mobilenet,
)


def form(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.dtype, tuple(tensor.shape), tensor.stride()


def forms(tree: Any) -> list[tuple[Any, ...]]:
    flat = tree_leaves(dict(tree) if isinstance(tree, Mapping) else tree)
    return [form(leaf) for leaf in flat if isinstance(leaf, torch.Tensor)]


class Seen(TorchDispatchMode):
    """Writes down each operator with the dtypes and shapes of its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = (leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, torch.Tensor))
        self.calls.append((str(func), tuple((one.dtype, tuple(one.shape)) for one in tensors)))
        return func(*args, **(kwargs or {}))


def operators(model: nn.Module, inputs: Mapping[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    with torch.inference_mode(), Seen() as seen:
        model(**inputs)
    return seen.calls


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.__name__)
@pytest.mark.parametrize("build", KINDS, ids=lambda build: build.__name__)
def test_what_comes_out_has_the_dtypes_shapes_and_strides_of_a_real_run(build: Any, context: Any) -> None:
    real, real_inputs = build()
    model, inputs = fake(build)
    with context():
        assert forms(model(**inputs)) == forms(real(**real_inputs))


@pytest.mark.parametrize("build", [kind for kind in KINDS if kind is not models.qwen3_moe], ids=lambda b: b.__name__)
def test_a_watcher_sees_the_operators_of_a_real_run(build: Any) -> None:
    assert operators(*fake(build)) == operators(*build())


def test_with_experts_a_watcher_sees_the_operators_of_a_real_run_but_for_who_is_routed_where() -> None:
    """The tokens of an expert are as many as the balance says, and every expert runs."""
    found, real = operators(*fake(models.qwen3_moe)), operators(*models.qwen3_moe())
    assert {name for name, _ in found} == {name for name, _ in real}


def test_floats_have_no_memory_and_integers_are_real() -> None:
    model, inputs = fake(models.qwen2_5_vl)
    assert all(is_fake(tensor) for tensor in model.state_dict().values())
    assert is_fake(inputs["pixel_values"])
    assert inputs["image_grid_thw"].tolist() == models.qwen2_5_vl()[1]["image_grid_thw"].tolist()
    assert {name: form(tensor) for name, tensor in model.state_dict().items()} == {
        name: form(tensor) for name, tensor in models.qwen2_5_vl()[0].state_dict().items()
    }


def test_any_mapping_of_inputs_becomes_a_dict_without_floats() -> None:
    _, inputs = fake(lambda: (nn.Linear(1, 1), UserDict(x=torch.ones(2), pair=(torch.ones(3), [torch.arange(2)]))))
    assert type(inputs) is dict
    assert is_fake(inputs["x"])
    assert is_fake(inputs["pair"][0])
    assert inputs["pair"][1][0].tolist() == [0, 1]


def test_a_model_made_on_the_meta_device_is_on_the_cpu_and_runs() -> None:
    def build() -> tuple[nn.Module, Any]:
        with torch.device("meta"):
            return nn.Linear(300, 300), torch.ones(2, 300, device="cpu")

    model, x = fake(build)
    assert is_fake(model.weight)
    assert form(model(x)) == form(torch.ones(2, 300))
    assert model(x).device == model.weight.device == torch.device("cpu")


def test_a_parameter_stays_a_parameter_and_shared_weights_stay_shared() -> None:
    def build() -> tuple[nn.Module, Any]:
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(300, 300))
        model[1].weight = model[0].weight
        model[2].weight.requires_grad_(False)
        return model, ()

    model, _ = fake(build)
    assert isinstance(model, nn.Sequential)
    assert all(isinstance(parameter, nn.Parameter) for parameter in model.parameters())
    assert model[1].weight is model[0].weight
    assert [parameter.requires_grad for parameter in model.parameters()] == [True, True, True, False, True]


@pytest.mark.parametrize(
    ("spell", "dtype"),
    [
        (lambda: nn.Linear(300, 300).half(), torch.float16),
        (lambda: nn.Linear(300, 300).to(torch.bfloat16), torch.bfloat16),
        (lambda: nn.Linear(300, 300, dtype=torch.float64), torch.float64),
        (lambda: nn.Linear(300, 300), torch.float32),
    ],
)
def test_the_dtype_is_the_one_that_build_chose(spell: Callable[[], nn.Linear], dtype: torch.dtype) -> None:
    model, x = fake(lambda: (spell(), torch.ones(2, 300, dtype=dtype)))
    assert model.weight.dtype == model.bias.dtype == model(x).dtype == dtype


def test_the_default_dtype_within_build_counts_and_ends_with_it() -> None:
    def build() -> tuple[nn.Module, Any]:
        torch.set_default_dtype(torch.bfloat16)
        try:
            return nn.Linear(300, 300), torch.ones(2, 300)
        finally:
            torch.set_default_dtype(torch.float32)

    model, x = fake(build)
    assert model(x).dtype == torch.bfloat16


def test_a_dtype_may_change_later() -> None:
    model, inputs = fake(models.llama)
    assert model.to(torch.float16)(**inputs).logits.dtype == torch.float16


def test_a_copy_is_a_model_of_its_own() -> None:
    model, inputs = fake(models.llama)
    other = copy.deepcopy(model).to(torch.float16)
    assert other(**inputs).logits.dtype == torch.float16
    assert model(**inputs).logits.dtype == torch.bfloat16


@pytest.mark.parametrize(
    "initialise",
    [
        lambda w: nn.init.trunc_normal_(w, std=0.02),
        lambda w: nn.init.trunc_normal_(w, mean=5, std=0.02),
        nn.init.orthogonal_,
        nn.init.kaiming_uniform_,
        nn.init.dirac_,
    ],
)
@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
def test_every_initialisation_runs(initialise: Callable[[torch.Tensor], torch.Tensor]) -> None:
    def build() -> tuple[nn.Module, Any]:
        model = nn.Conv1d(300, 300, 3)
        initialise(model.weight)
        return model, torch.ones(300, 3)

    model, x = fake(build)
    assert form(model.weight) == form(nn.Conv1d(300, 300, 3).weight)
    assert model(x).shape == (300, 1)


def test_forward_keeps_its_signature() -> None:
    model, _ = fake(models.llama)
    assert inspect.signature(model.forward) == inspect.signature(models.llama()[0].forward)


def test_autocast_casts_as_it_does_for_real() -> None:
    model, x = fake(lambda: (nn.Linear(300, 300), torch.ones(2, 300)))
    with torch.autocast("cpu", torch.bfloat16):
        assert model(x).dtype == torch.bfloat16


def test_1_and_1_0_promote_differently() -> None:
    class Scales(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            positive = x > 0
            return positive * True, positive * 1, positive * 1.0

    model, x = fake(lambda: (Scales(), torch.ones(2)))
    assert [one.dtype for one in model(x)] == [torch.bool, torch.int64, torch.float32]


def test_a_large_float_that_forward_makes_has_no_memory_and_a_small_one_is_real() -> None:
    class Makes(nn.Module):
        def forward(self) -> tuple[torch.Tensor, ...]:
            large = torch.zeros(1_000_000, 1_000_000, dtype=torch.bfloat16)
            large[:2] = 1
            return large, torch.linspace(0, 1, 3), torch.arange(3)

    large, small, ids = fake(lambda: (Makes(), ()))[0]()
    assert is_fake(large)
    assert form(large) == (torch.bfloat16, (1_000_000, 1_000_000), (1_000_000, 1))
    assert small.tolist() == [0, 0.5, 1]
    assert ids.tolist() == [0, 1, 2]


def test_what_real_tensors_spread_to_is_real_unless_it_is_huge() -> None:
    class Masks(nn.Module):
        def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
            few = ids[:3]
            return ids[:, None] >= ids, few[:, None] >= few, ids[ids > 19_998]

    huge, small, last = fake(lambda: (Masks(), torch.arange(20_000)))[0](torch.arange(20_000))
    assert form(huge) == (torch.bool, (20_000, 20_000), (20_000, 1))
    assert is_fake(huge)
    assert small.tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert last.tolist() == [19_999]


def test_the_stack_of_dispatch_modes_is_as_before_even_after_an_error() -> None:
    class Fails(nn.Module):
        def forward(self) -> None:
            assert len(_get_current_dispatch_mode_stack()) == 2
            raise KeyboardInterrupt

    model, _ = fake(lambda: (Fails(), ()))
    with Seen() as outer:
        with pytest.raises(KeyboardInterrupt):
            model()
        assert _get_current_dispatch_mode_stack() == [outer]


def test_backward_and_an_optimiser_run_without_memory() -> None:
    model, inputs = fake(models.llama)
    model.train()
    before = form(model.lm_head.weight)
    model(**inputs, labels=inputs["input_ids"]).loss.backward()
    torch.optim.AdamW(model.parameters()).step()
    assert is_fake(model.lm_head.weight.grad)
    assert form(model.lm_head.weight.grad) == form(model.lm_head.weight) == before


@pytest.mark.parametrize("make", [lambda x: x.unsqueeze_(0), lambda x: x.t_(), lambda x: x.squeeze_(0)])
def test_an_operator_that_changes_a_shape_in_place_changes_it(make: Any) -> None:
    class Changes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            same = x.clone()
            assert make(same) is same
            return same

    real = torch.ones(1, 3)
    model, x = fake(lambda: (Changes(), torch.ones(1, 3)))
    assert form(model(x)) == form(make(real))


def test_a_mask_of_real_values_selects_as_many() -> None:
    class Selects(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor, repeats: torch.Tensor) -> tuple[torch.Tensor, ...]:
            x = x.clone()
            x[mask] = x[mask] * 2
            chunks = x.tensor_split(repeats[:1])
            return x[mask], x[mask, 0], x.masked_select(mask[:, None]), x.repeat_interleave(repeats, dim=0), *chunks

    def build() -> tuple[nn.Module, Any]:
        return Selects(), (torch.ones(3, 4), torch.tensor([True, False, True]), torch.tensor([2, 0, 5]))

    (real, real_inputs), (model, inputs) = build(), fake(build)
    assert forms(model(*inputs)) == forms(real(*real_inputs))


def test_zeros_like_of_integers_is_real() -> None:
    class Counts(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return torch.zeros_like(x, dtype=torch.bool), x.new_full((2,), 7, dtype=torch.int64), torch.zeros_like(x)

    model, x = fake(lambda: (Counts(), torch.ones(3)))
    none, sevens, zeros = model(x)
    assert none.tolist() == [False] * 3
    assert sevens.tolist() == [7, 7]
    assert is_fake(zeros)


def test_a_real_float_that_a_fake_is_written_into_is_nan() -> None:
    class Writes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            small = torch.zeros(3)
            small[:1] = x
            return small

    model, x = fake(lambda: (Writes(), torch.ones(1)))
    assert model(x).isnan().tolist() == [True, False, False]


def test_experts_are_routed_evenly_and_the_model_says_so() -> None:
    model, inputs = fake(models.qwen3_moe)
    with assumptions() as made, torch.inference_mode():
        model(**inputs)
    [note] = model.npusim_notes
    assert note == "routing of 6 tokens balanced over 4 experts, 2 each (topk in Qwen3MoeTopKRouter)"
    assert made == {note: model.config.num_hidden_layers}


@pytest.mark.parametrize("lay_out", [lambda x: x, lambda x: x.transpose(1, 2).contiguous().transpose(1, 2)])
@pytest.mark.parametrize("value_size", [16, 8])
def test_attention_is_laid_out_as_for_real(lay_out: Any, value_size: int) -> None:
    class Attends(nn.Module):
        def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(lay_out(q), k, v)

    def build() -> tuple[nn.Module, Any]:
        return Attends(), (torch.ones(2, 3, 5, 16), torch.ones(2, 3, 7, 16), torch.ones(2, 3, 7, value_size))

    (real, real_inputs), (model, inputs) = build(), fake(build)
    with torch.inference_mode():
        assert forms(model(*inputs)) == forms(real(*real_inputs))


@pytest.mark.parametrize("implementation", ["eager", "grouped_mm", "batched_mm"])
def test_each_implementation_of_experts_runs(implementation: str) -> None:
    model, inputs = fake(models.qwen3_moe)
    model.set_experts_implementation(implementation)
    with torch.inference_mode():
        assert model(**inputs).logits.shape == (1, 6, 100)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_grouped_product_takes_every_float(dtype: torch.dtype) -> None:
    class Multiplies(nn.Module):
        def forward(self, x: torch.Tensor, w: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
            return torch._grouped_mm(x, w, offs=ends)

    def build() -> tuple[nn.Module, Any]:
        x, w = torch.ones(8, 16, dtype=dtype), torch.ones(2, 16, 32, dtype=dtype)
        return Multiplies(), (x, w, torch.tensor([3, 8], dtype=torch.int32))

    (real, real_inputs), (model, inputs) = build(), fake(build)
    with torch.inference_mode():
        assert forms(model(*inputs)) == forms(real(*real_inputs))


@pytest.mark.parametrize("build", [models.llama, models.qwen2_5_vl, models.vit], ids=lambda build: build.__name__)
@pytest.mark.parametrize("training", [False, True])
def test_a_chip_judges_it_as_it_judges_a_real_run(build: Any, training: bool) -> None:
    found = []
    for model, inputs in (fake(build), build()):
        with npusim.device("ascend910b").torch(mode="report", training=training) as run:
            model(**inputs)
        found.append((run.counts, run.violations, [(one.operator, one.calls) for one in run.unknown]))
    assert found[0] == found[1]
    assert found[0][0].judged > 0


@pytest.mark.parametrize(("rows", "size", "k"), [(6, 4, 2), (8, 128, 8), (1, 4, 3), (5, 3, 3)])
def test_balanced_choices_are_distinct_in_a_row_and_differ_by_one_at_most(rows: int, size: int, k: int) -> None:
    class Routes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.topk(k).indices

    model, x = fake(lambda: (Routes(), torch.ones(rows, size)))
    chosen = model(x)
    assert all(len(set(row)) == k for row in chosen.tolist())
    counts = chosen.flatten().bincount(minlength=size)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(
    "options",
    [
        {"do_sample": False},
        {"do_sample": True, "top_k": 5, "top_p": 0.9},
        {"do_sample": False, "cache_implementation": "static"},
    ],
    ids=str,
)
def test_generate_goes_on_with_the_index_that_was_given(options: Mapping[str, Any]) -> None:
    model, inputs = fake(models.llama, values={"index": 7})
    assert model.generate(**inputs, max_new_tokens=3, **options)[0, -3:].tolist() == [7, 7, 7]
    assert "argmax gives index 7" in model.npusim_notes or "multinomial gives index 7" in model.npusim_notes


def test_generate_runs_a_vision_model() -> None:
    model, inputs = fake(models.qwen2_5_vl, values={"index": 7})
    found = model.generate(**inputs, max_new_tokens=2, do_sample=False)
    assert found[0, -2:].tolist() == [7, 7]
    assert found[:, :-2].equal(inputs["input_ids"])


@pytest.mark.parametrize("built", [None, (1, 2), (nn.Linear(1, 1),)])
def test_what_is_no_model_with_inputs_is_refused(built: Any) -> None:
    with pytest.raises(UsageError, match=r"build\(\) must return \(model, inputs\)"):
        fake(lambda: built)


def test_what_build_raises_comes_out_unchanged() -> None:
    with pytest.raises(ZeroDivisionError):
        fake(lambda: 1 / 0)
    assert _get_current_dispatch_mode_stack() == []


def test_an_operator_of_unknown_shapes_is_named() -> None:
    @torch.library.custom_op("npusim_test::opaque", mutates_args=())
    def opaque(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    class Opaque(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return opaque(x)

    model, x = fake(lambda: (Opaque(), torch.ones(2)))
    with pytest.raises(UsageError, match=r"register_fake\('npusim_test::opaque'\)"):
        model(x)
    opaque.register_fake(torch.empty_like)
    assert form(model(x)) == form(torch.ones(2))
