"""What scripts with a hard-coded npu may rely on; run in a process of its own, for torch never forgets a device."""

import copy
import importlib
import io
import json
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from npusim.errors import MissingExtraError, UsageError
from npusim.frontends.torch import private_device


class Recorded(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def on_npu(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, device="npu")


def the_device_has_a_name_and_methods() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    for moved in (tensor.to("npu"), tensor.npu(), tensor.to(torch.device("npu:0")), torch.empty(2, 3, device="npu")):
        assert moved.is_npu
        assert moved.device == torch.device("npu", 0)
        assert type(moved) is torch.Tensor
    assert not tensor.is_npu
    assert torch.equal(tensor.npu().cpu(), tensor)
    module = nn.Linear(3, 2).npu()
    assert module.weight.is_npu
    assert isinstance(module.weight, nn.Parameter)


def factories_make_tensors_on_it() -> None:
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    assert torch.equal(torch.randn(4, device="npu").cpu(), expected)
    assert torch.zeros(2, device="npu").tolist() == [0, 0]
    assert torch.full((2,), 7, device="npu").tolist() == [7, 7]
    assert torch.arange(3, device="npu").tolist() == [0, 1, 2]
    with torch.device("npu"):
        assert torch.ones(2).is_npu
        assert torch.tensor([1]).is_npu
        assert nn.Linear(2, 2).bias.is_npu
    generators = torch.Generator(device="npu").manual_seed(5), torch.Generator().manual_seed(5)
    assert isinstance(torch.default_generator, torch.Generator)
    first, second = (torch.rand(3, generator=generator, device="npu") for generator in generators)
    assert first.tolist() == second.tolist()


def every_dtype_keeps_its_bits() -> None:
    bits = torch.arange(256, dtype=torch.uint8)
    for dtype in (torch.float8_e4m3fn, torch.float8_e8m0fnu, torch.bfloat16, torch.float16, torch.int16, torch.float64):
        there = bits.view(dtype).npu()
        assert there.dtype == dtype
        assert torch.equal(there.cpu().view(torch.uint8), bits)
    flags = torch.tensor([True, False])
    assert torch.equal(flags.npu().cpu(), flags)
    numbers = torch.tensor([1 + 2j, 3 - 1j])
    assert torch.equal(numbers.npu().conj().cpu(), numbers.conj())
    assert torch.equal((numbers.npu().conj() * 2).imag.cpu(), numbers.conj().imag * 2)
    assert torch.equal(numbers.npu().conj().imag.cpu(), numbers.conj().imag)  # lazily negated
    special = torch.tensor([float("nan"), -0.0, float("-inf")])
    assert torch.equal((special.npu() + 0).cpu().view(torch.int32), (special + 0).view(torch.int32))


def values_come_back_to_python() -> None:
    tensor = on_npu([1.5, 2.5])
    assert tensor.sum().item() == 4
    assert tensor.tolist() == [1.5, 2.5]
    assert ["a", "b", "c"][torch.tensor(1, device="npu")] == "b"
    assert bool(tensor[0] < tensor[1])
    assert repr(tensor) == "tensor([1.5000, 2.5000], device='npu:0')"
    with pytest.raises(TypeError, match="can't convert npu:0 device type tensor to numpy"):
        tensor.numpy()
    assert tensor.cpu().numpy().tolist() == [1.5, 2.5]


def views_share_memory() -> None:
    tensor = torch.zeros(2, 3, device="npu")
    tensor.view(6)[4] = 5
    tensor.t()[0].add_(1)
    tensor.unfold(1, 2, 1)[0, 1, 1] = 9
    assert tensor.tolist() == [[1, 0, 9], [1, 5, 0]]
    kept = tensor[1:].reshape(-1)[1:2]
    assert kept.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
    del tensor
    assert kept.tolist() == [5]
    assert torch.view_as_complex(on_npu([3.0, 4.0])).abs().item() == 5


def results_go_where_the_caller_wants() -> None:
    a = on_npu([1.0, 2.0])
    empty = torch.empty(0, device="npu")
    assert torch.add(a, a, out=empty) is empty
    assert empty.tolist() == [2, 4]
    matrix = torch.zeros(2, 2, device="npu")
    torch.mul(a, a, out=matrix[1])
    assert matrix.tolist() == [[0, 0], [1, 4]]
    values, places = torch.empty(0, device="npu"), torch.empty(0, dtype=torch.int64, device="npu")
    torch.sort(a, descending=True, out=(values, places))
    assert (values.tolist(), places.tolist()) == ([2, 1], [1, 0])
    assert a[1:].resize_(1).tolist() == [2]
    assert a[1:].resize_(3)[:1].tolist() == [2]
    assert a.copy_(torch.tensor([3, 4])) is a
    assert torch._foreach_add([a], 1)[0].tolist() == [4, 5]


def indices_may_be_on_either_side() -> None:
    tensor = on_npu([1.0, 2.0, 3.0])
    for place in (torch.tensor([2, 0]), torch.tensor([2, 0], device="npu")):
        assert tensor[place].tolist() == [3, 1]
    tensor[torch.tensor([0])] = on_npu([8.0])
    tensor[tensor < 3] = -1
    assert tensor.tolist() == [8, -1, 3]
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3)[torch.tensor([0], device="npu")]


def other_devices_do_not_mix_in() -> None:
    there, here = torch.ones(2, 2, device="npu"), torch.ones(2, 2)
    for call in (
        lambda: there + here,
        lambda: here @ there,
        lambda: torch.cat([there, here]),
        lambda: nn.Linear(2, 2)(there),
        lambda: there.add_(here),
        lambda: torch.where(there > 0, there, here),
    ):
        with pytest.raises(RuntimeError, match="found at least two devices, npu:0 and cpu!"):
            call()
    assert (there * torch.tensor(2.0)).sum().item() == 8
    with pytest.raises(RuntimeError, match="invalid device ordinal 3"):
        torch.zeros(2, device="npu:3")


def modules_train_as_on_the_cpu() -> None:
    torch.manual_seed(0)
    here = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.Flatten(), nn.LayerNorm(144), nn.Linear(144, 5)
    )
    there = copy.deepcopy(here).to("npu")
    batch, labels = torch.randn(2, 3, 8, 8), torch.tensor([1, 4])
    for model, device in ((here, "cpu"), (there, "npu")):
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            functional.cross_entropy(model(batch.to(device)), labels.to(device)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    for (name, expected), got in zip(here.state_dict().items(), there.state_dict().values(), strict=True):
        assert got.is_npu, name
        assert torch.equal(got.cpu(), expected), name


def a_scaled_loss_trains() -> None:
    model, scaler = nn.Linear(4, 1).npu(), torch.amp.GradScaler("npu", init_scale=8.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    before = model.weight.detach().clone()
    with torch.npu.amp.autocast(dtype=torch.float16):
        loss = torch.utils.checkpoint.checkpoint(model, torch.ones(2, 4, device="npu"), use_reentrant=False).sum()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 8
    assert torch.equal(model.weight, before - 1)


def an_in_place_write_spoils_the_graph() -> None:
    x = torch.ones(2, device="npu", requires_grad=True)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def attention_takes_the_kernel_of_the_cpu() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 4, 6, 8, requires_grad=True) for _ in range(3))
    there = [leaf.detach().npu().requires_grad_() for leaf in (q, k, v)]
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    for options in ({}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": mask}, {"attn_mask": mask.float()}):
        moved = {name: value.npu() if isinstance(value, torch.Tensor) else value for name, value in options.items()}
        expected = functional.scaled_dot_product_attention(q, k, v, **options)
        got = functional.scaled_dot_product_attention(*there, **moved)
        assert torch.equal(got.cpu(), expected), options
        grads = torch.autograd.grad(expected.sum(), (q, k, v)), torch.autograd.grad(got.sum(), there)
        assert all(torch.equal(a, b.cpu()) for a, b in zip(*grads, strict=True)), options


def recurrent_layers_run() -> None:
    torch.manual_seed(0)
    steps = torch.randn(3, 2, 4)
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        here = kind(4, 5, 2, bidirectional=True)
        there = copy.deepcopy(here).npu()
        expected, got = here(steps)[0], there(steps.npu())[0]
        torch.testing.assert_close(got.cpu(), expected)
        expected.square().sum().backward()
        got.square().sum().backward()
        torch.testing.assert_close(there.weight_hh_l0.grad.cpu(), here.weight_hh_l0.grad)


def copies_and_files_keep_the_device() -> None:
    model = nn.Linear(2, 2).npu()
    twin = copy.deepcopy(model)
    assert twin.weight.is_npu
    assert twin.weight.untyped_storage().data_ptr() != model.weight.untyped_storage().data_ptr()
    assert torch.equal(twin.weight, model.weight)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    for place, expected in ((None, "npu"), ("npu", "npu"), ("cpu", "cpu")):
        file.seek(0)
        state = torch.load(file, map_location=place)
        assert state["weight"].device.type == expected
        assert torch.equal(state["weight"].cpu(), model.weight.cpu())
    file = io.BytesIO()
    torch.save(torch.ones(2), file)
    file.seek(0)
    assert torch.load(file, map_location="npu:0").is_npu
    model.load_state_dict(state)
    assert model.weight.is_npu


def pinned_memory_is_remembered() -> None:
    batch = torch.ones(4, 2).pin_memory()
    assert batch.is_pinned()
    assert not torch.ones(2).is_pinned()
    assert batch.to("npu", non_blocking=True).sum().item() == 8
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 2)), 2, pin_memory=True)
    assert all(part.is_pinned() for (part,) in loader)


def a_mode_sees_each_operator_once_and_whole() -> None:
    x = torch.randn(1, 2, 4, 8, device="npu")
    linear, norm = nn.Linear(8, 8).npu(), nn.LayerNorm(8).npu()
    picture, conv = torch.randn(1, 2, 4, 4, device="npu"), nn.Conv2d(2, 3, 2).npu()
    with torch.inference_mode(), Recorded() as seen:
        functional.scaled_dot_product_attention(norm(linear(x)), x, x)
        functional.rms_norm(x, (8,)).softmax(-1) @ x.mT
        conv(picture)
        x[..., 0].add_(1).cpu()
    assert seen.names == [
        "aten.linear.default",
        "aten.layer_norm.default",
        "aten.scaled_dot_product_attention.default",
        "aten.rms_norm.default",
        "aten.softmax.int",
        "aten.mT.default",
        "aten.matmul.default",
        "aten.conv2d.default",
        "aten.select.int",
        "aten.add_.Tensor",
        "aten.to.dtype_layout",
    ]


def a_mode_sees_in_training_what_it_sees_on_the_cpu() -> None:
    def listed(device: str) -> list[str]:
        x, model = torch.ones(2, 8, 8, 4, device=device), nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)).to(device)
        with Recorded() as seen:
            functional.scaled_dot_product_attention(model(x), x, x, is_causal=True).sum().backward()
        return seen.names

    assert listed("npu") == listed("cpu")


def autocast_follows_the_lists_of_torch_npu() -> None:
    x, weight = torch.randn(4, 4, device="npu"), torch.randn(4, 4, device="npu", requires_grad=True)
    with torch.autocast("npu", dtype=torch.bfloat16):
        assert (x @ weight).dtype == torch.bfloat16
        assert functional.linear(x, weight).dtype == torch.bfloat16
        low = x @ weight
        assert low.softmax(-1).dtype == torch.float32
        assert low.softmax(-1, dtype=torch.bfloat16).dtype == torch.bfloat16
        assert functional.layer_norm(low, (4,)).dtype == torch.float32
        assert low.norm().dtype == torch.float32
        assert low.norm(dim=1).dtype == torch.float32
        assert low.sum().dtype == torch.float32
        assert torch.addcmul(low, low, x).dtype == torch.float32
        assert low.add(low).dtype == torch.bfloat16
        assert (x.double() @ x.double()).dtype == torch.float64
        with pytest.raises(RuntimeError, match="unsafe to autocast"):
            functional.binary_cross_entropy(x.sigmoid(), x.sigmoid())
        (x @ weight).sum().backward()
    assert weight.grad.dtype == torch.float32
    with torch.autocast("npu", dtype=torch.float16), torch.inference_mode(), Recorded() as seen:
        assert functional.linear(x, weight).dtype == torch.float16
    assert seen.names == ["aten.to.dtype", "aten.to.dtype", "aten.linear.default"]
    assert (x @ weight).dtype == torch.float32


def the_device_module_answers() -> None:
    npu = torch.npu
    assert npu.is_available()
    assert (npu.device_count(), npu.current_device()) == (1, 0)
    npu.set_device("npu:0")
    with pytest.raises(RuntimeError, match="invalid device ordinal 1"):
        npu.set_device(1)
    assert npu.get_device_name().startswith("Huawei Ascend 910B")
    assert npu.is_bf16_supported()
    npu.synchronize()
    npu.empty_cache()
    assert npu.memory_allocated() == 0
    npu.manual_seed_all(7)
    first = torch.rand(2, device="npu").tolist()
    npu.manual_seed(7)
    assert torch.rand(2, device="npu").tolist() == first
    state = npu.get_rng_state()
    first = torch.rand(2, device="npu").tolist()
    npu.set_rng_state(state)
    assert torch.rand(2, device="npu").tolist() == first
    start, end = npu.Event(enable_timing=True), npu.Event(enable_timing=True)
    start.record()
    with npu.stream(npu.Stream()), npu.device(0):
        npu.current_stream().wait_stream(npu.default_stream())
    end.record()
    assert end.query()
    assert start.elapsed_time(end) >= 0
    with pytest.raises(RuntimeError, match="recorded"):
        npu.Event().elapsed_time(end)


def torch_npu_imports() -> None:
    import torch_npu
    from torch_npu import npu_rms_norm

    x, weight = torch.randn(2, 8, device="npu"), torch.ones(8, device="npu")
    with torch.inference_mode(), Recorded() as seen:
        y, _ = npu_rms_norm(x, weight, 1e-6)
    assert seen.names == ["npu.npu_rms_norm.default"]
    assert y.is_npu
    torch.testing.assert_close(y.cpu(), functional.rms_norm(x.cpu(), (8,), eps=1e-6))
    assert torch_npu.npu is torch.npu
    assert not hasattr(torch_npu, "npu_no_such_operator")


def cuda_can_be_read_as_npu() -> None:
    """The last one: from here on cuda means npu."""
    import torch_npu.contrib.transfer_to_npu

    assert torch_npu.contrib.transfer_to_npu
    assert torch.ones(2).cuda().is_npu
    assert torch.ones(2).to("cuda:0").is_npu
    assert nn.Linear(2, 2).to(torch.device("cuda")).weight.is_npu
    assert torch.zeros(2, device="cuda").is_npu
    assert torch.cuda.is_available()
    torch.cuda.synchronize()


def installing_again_only_renames_the_chip() -> None:
    private_device.install("ascend310p")
    assert torch.npu.get_device_name().startswith("Huawei Ascend 310P")
    assert not torch.npu.is_bf16_supported()
    private_device.install("ascend910b")


def bert_gives_the_numbers_of_the_cpu() -> None:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, vocab_size=99)
    model = BertModel(config).eval()
    tokens = torch.randint(0, 99, (2, 7))
    mask = torch.ones_like(tokens)
    mask[0, 4:] = 0
    with torch.no_grad():
        expected = model(tokens, attention_mask=mask).last_hidden_state
        got = model.to("npu")(tokens.to("npu"), attention_mask=mask.npu()).last_hidden_state
    assert got.is_npu
    assert torch.equal(got.cpu(), expected)


def llama_generates_the_tokens_of_the_cpu() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=99,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16).eval()
    tokens = torch.randint(3, 99, (2, 5))
    settings = {"attention_mask": torch.ones_like(tokens), "max_new_tokens": 4, "do_sample": False}
    expected, logits = model.generate(tokens, **settings), model(tokens).logits
    model.to("npu")
    assert torch.equal(model(tokens.npu()).logits.cpu(), logits)
    got = model.generate(tokens.npu(), **settings | {"attention_mask": torch.ones_like(tokens).npu()})
    assert got.is_npu
    assert torch.equal(got.cpu(), expected)


BEHAVIOURS: tuple[Callable[[], None], ...] = (
    the_device_has_a_name_and_methods,
    factories_make_tensors_on_it,
    every_dtype_keeps_its_bits,
    values_come_back_to_python,
    views_share_memory,
    results_go_where_the_caller_wants,
    indices_may_be_on_either_side,
    other_devices_do_not_mix_in,
    modules_train_as_on_the_cpu,
    a_scaled_loss_trains,
    an_in_place_write_spoils_the_graph,
    attention_takes_the_kernel_of_the_cpu,
    recurrent_layers_run,
    copies_and_files_keep_the_device,
    pinned_memory_is_remembered,
    a_mode_sees_each_operator_once_and_whole,
    a_mode_sees_in_training_what_it_sees_on_the_cpu,
    autocast_follows_the_lists_of_torch_npu,
    the_device_module_answers,
    torch_npu_imports,
    installing_again_only_renames_the_chip,
    bert_gives_the_numbers_of_the_cpu,
    llama_generates_the_tokens_of_the_cpu,
    cuda_can_be_read_as_npu,
)


def failure_of(behaviour: Callable[[], None]) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            behaviour()
    except Exception:
        return traceback.format_exc()
    return ""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=200, cwd=root, check=False
    )


@pytest.fixture(scope="module")
def failures() -> dict[str, str]:
    done = run("-X", "faulthandler", "-m", __name__)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("behaviour", [behaviour.__name__ for behaviour in BEHAVIOURS])
def test_on_npu(failures: dict[str, str], behaviour: str) -> None:
    assert failures[behaviour] == ""


def test_this_process_has_no_such_device() -> None:
    with pytest.raises(RuntimeError, match="device type at start of device string: npu"):
        torch.device("npu")


def test_private_apis_are_all_there() -> None:
    private_device.check_private_apis()


def test_a_private_api_that_is_gone_is_named_with_the_version() -> None:
    with pytest.raises(MissingExtraError) as raised:
        private_device.check_private_apis({"torch._C.never_was": "do this"})
    assert str(raised.value).startswith(
        f"torch {torch.__version__} has no torch._C.never_was, which npusim.torch.install() needs to do this"
    )


def test_the_real_torch_npu_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch_npu.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="torch_npu is installed and brings a real npu device"):
        private_device.install()


def test_the_slot_of_another_backend_is_left_alone() -> None:
    done = run(
        "-c",
        "import torch; torch.utils.rename_privateuse1_backend('other')\n"
        "from npusim.frontends.torch.private_device import install; install()",
    )
    assert "UsageError: torch has room for one private backend, and 'other' has taken it" in done.stderr


if __name__ == "__main__":
    private_device.install("ascend910b")
    importlib.import_module("transformers.models.bert.modeling_bert")  # what warns on import is not what is tested
    importlib.import_module("transformers.models.llama.modeling_llama")
    print(json.dumps({behaviour.__name__: failure_of(behaviour) for behaviour in BEHAVIOURS}))
