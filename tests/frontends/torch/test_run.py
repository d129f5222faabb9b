"""A run: what a model calls is judged whole, refused in the vendor's words, and counted."""

import pickle
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

import npusim
import npusim.torch
from npusim.errors import DtypeNotSupportedError, NPUError, UnknownVerdictError, UsageError
from npusim.frontends.torch import vendor_ops

BF16, F32 = torch.bfloat16, torch.float32


@pytest.fixture
def chip():
    return npusim.device("ascend910b")


def mixed(rows=4):
    """Operands that the row-parallel product on Ascend refuses: fp32 beside bf16."""
    return torch.randn(rows, 8), torch.randn(8, 8, dtype=BF16)


def refused(x, w):
    return torch.ops.npu.npu_mm_all_reduce_base(x, w, "group")


class Projection(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 8, dtype=BF16))

    def forward(self, x):
        return refused(x, self.weight)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = Projection()

    def forward(self, x, table):
        return self.proj(x * table)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])

    def forward(self, x, table):
        for block in self.blocks:
            x = block(x, table)
        return x


@pytest.fixture(autouse=True)
def _vendor_operators():
    vendor_ops.register()


def operators(run):
    return {str(plan.func) for plan in run._mode.plans.values()}


def test_composites_are_seen_whole(chip):
    x, weight = torch.randn(2, 2, 4, 8, dtype=BF16), torch.randn(8, 8, dtype=BF16)
    with chip.torch() as run:
        functional.linear(x, weight)
        torch.matmul(x, x.mT)
        functional.scaled_dot_product_attention(x, x, x)
        functional.rms_norm(x, (8,))
        functional.layer_norm(x, (8,))
        functional.softmax(x, -1)
    assert {
        "aten.linear.default",
        "aten.matmul.default",
        "aten.scaled_dot_product_attention.default",
        "aten.rms_norm.default",
        "aten.layer_norm.default",
        "aten.softmax.int",
    } <= operators(run)
    assert run.counts.rejected == run.counts.unknown == 0
    assert run.counts.judged == 6


def test_raise_stops_at_the_first_rejection_in_the_vendors_words(chip):
    x, w = mixed()
    with pytest.raises(DtypeNotSupportedError) as caught, chip.torch() as run:
        list(map(refused, (x, x), (w, w)))
    assert str(caught.value).splitlines()[0] == caught.value.violation.text
    assert caught.value.site.file == __file__
    assert run.counts.calls == 1


def test_record_goes_on_and_raises_everything_at_the_end(chip):
    x, w = mixed()
    results = []
    with pytest.raises(DtypeNotSupportedError) as caught, chip.torch("record") as run:
        results += map(refused, (x, x + 1), (w, w))
    assert [one.dtype for one in results] == [BF16, BF16], "what is refused is cast to a dtype that the chip takes"
    assert run.counts.rejected == len(run.verdicts) == 2
    assert caught.value.violations == run.violations
    assert pickle.loads(pickle.dumps(caught.value)).violations == run.violations


def test_report_never_raises(chip):
    x, w = mixed()
    with chip.torch("report") as run:
        refused(x, w)
    assert run.counts.rejected == 1
    assert run.verdicts[0].violations[0].text in str(run)


def test_an_exception_of_the_models_own_is_not_replaced(chip):
    x, w = mixed()
    with pytest.raises(ZeroDivisionError) as caught, chip.torch("record"):
        refused(x, w) / (1 // 0)
    assert "recorded 1 rejected" in caught.value.__notes__[0]


def test_a_violation_names_module_line_and_origin(chip):
    model, table = Model().eval(), torch.randn(4, 8)
    with chip.torch("report") as run:
        model(torch.randn(4, 8, dtype=BF16), table)
    violation = run.violations[0]
    assert (violation.site.module, violation.site.file) == ("blocks.0.proj", __file__)
    assert violation.site.function == "refused"
    assert violation.origin.operator == "mul(bfloat16, float32)"
    assert violation.origin.module == "blocks.0"
    assert violation.origin.file == __file__


def test_training_sees_forward_and_backward(chip):
    model = nn.Sequential(nn.Linear(8, 8, dtype=BF16), nn.SiLU())
    x = torch.randn(4, 8, dtype=BF16)
    with chip.torch(training=True) as run:
        model(x).sum().backward()
    assert {"aten.addmm.default", "aten.mm.default", "aten.silu_backward.default"} <= operators(run)
    assert model[0].weight.grad is not None


def test_backward_in_an_inference_run_says_what_to_do(chip):
    model = nn.Linear(8, 8)
    with pytest.raises(UsageError, match=r"training=True"), chip.torch():
        model(torch.randn(4, 8)).sum().backward()


def test_autocast_is_seen_as_it_happens(chip):
    model, x = nn.Linear(8, 8), torch.randn(4, 8)
    with torch.autocast("cpu", dtype=BF16), chip.torch() as run:
        assert model(x).dtype is BF16
    types = [
        plan.verdict.call.operands["input"][0].type.dtype.name
        for plan in run._mode.plans.values()
        if plan.verdict and plan.verdict.call.operator == "linear"
    ]
    assert types == ["bfloat16"]


def test_a_0d_tensor_promotes_nothing_and_is_not_blamed(chip):
    x, w, scale = torch.randn(4, 8, dtype=BF16), torch.randn(8, 8, dtype=BF16), torch.tensor(2.0)
    with chip.torch() as run:
        y = functional.linear(x * scale, w)
    assert y.dtype is BF16
    assert run.counts.rejected == 0


def test_unknown_operators_are_counted_and_listed_never_accepted(chip):
    x = torch.randn(4, 4)
    with pytest.warns(npusim.UnknownVerdictWarning, match="matrix_exp"), chip.torch() as run:
        list(map(torch.linalg.matrix_exp, (x, x)))
    assert run.counts.accepted == 0
    (unknown,) = [one for one in run.unknown if "matrix_exp" in one.operator]
    assert (unknown.calls, unknown.site.file) == (2, __file__)
    assert unknown.operator in str(run)


def test_unknown_operators_may_be_refused():
    chip = npusim.device("ascend910b", on_unknown="raise")
    x = torch.randn(4, 4)
    with pytest.raises(UnknownVerdictError, match="matrix_exp"), chip.torch():
        torch.linalg.matrix_exp(x)


def test_a_composite_without_a_rule_is_judged_by_its_pieces(tmp_path):
    profile = tmp_path / "tiny.yaml"
    profile.write_text(
        "npusim: 1\nid: tiny\nname: Tiny\nstack: {name: none, version: '1'}\n"
        "numerics: {}\noperators:\n  addmm: {ports: {mat1: float16}, source: datasheet}\n"
    )
    chip = npusim.device(profile)
    with chip.torch("report") as run:
        functional.linear(torch.randn(4, 8), torch.randn(8, 8), torch.randn(8))
    assert [v.operator for v in run.violations] == ["addmm"]


def test_an_accelerators_tensor_is_refused_with_a_repair(chip):
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        x = torch.empty(2, 2, device="cuda")
    with pytest.raises(UsageError, match=r"cuda:0.*\.to\(\"cpu\"\)"), chip.torch():
        x + x


def test_what_the_chip_promotes_is_computed_though_the_host_would_refuse_it(chip):
    x, w = torch.randn(4, 8), torch.randn(8, 8, dtype=BF16)
    with chip.torch() as run:
        product = x @ w
    assert torch.equal(product, x @ w.float())
    assert (run.counts.calls, run.counts.accepted) == (1, 1)


def test_executing_without_data_is_refused(chip):
    model, inputs = npusim.torch.fake(lambda: (nn.Linear(8, 8), (torch.randn(2, 8),)))
    with pytest.raises(UsageError, match="no data"), chip.torch(execute=True):
        model(*inputs)


def test_an_operator_that_only_the_chip_has_is_named(chip):
    with pytest.raises(UsageError, match="npu_mrope"), chip.torch():
        torch.ops.npu.npu_mrope(torch.ones(2))


def test_what_was_assumed_of_a_model_without_memory_is_noted(chip):
    def build():
        return nn.Linear(8, 8), (torch.randn(2, 8),)

    model, inputs = npusim.torch.fake(build)
    with chip.torch() as run:
        model(*inputs).argmax(-1)
    assert any("argmax" in note for note in run.notes)


def test_floats_that_two_rules_refuse_are_cast_to_one_dtype():
    chip = npusim.device("ascend310p")
    x, weight = torch.randn(2, 8, dtype=torch.float16), torch.randn(8, dtype=BF16)
    with chip.torch("report") as run:
        functional.layer_norm(x, (8,), weight)
    assert run.counts.rejected == 1


def test_a_run_that_executes_says_how(chip):
    x = torch.randn(4, 8, dtype=BF16)
    with chip.torch(execute=True) as run:
        (x + x).reshape(2, 16)
    assert "computed 1 float, 1 native" in str(run)


def test_sums_may_be_rounded_after_blocks_of_terms(tmp_path):
    profile = tmp_path / "tiny.yaml"
    profile.write_text(
        "npusim: 1\nid: tiny\nname: Tiny\nstack: {name: none, version: '1'}\n"
        "numerics: {compute: {float16: float32}, accumulate: {float16: float16}}\n"
        "operators:\n  matmul: {ports: {self: float16, mat2: float16}, source: datasheet}\n"
    )
    chip, x = npusim.device(profile), torch.ones(1, 4096, dtype=torch.float16)
    sums = {}
    for block in (1, 64):
        how = npusim.torch.Emulator(chip.profile, kernels=False, accumulate_block=block)
        with chip.torch(execute=how) as run:
            sums[block] = (x @ x.mT).item()
    assert sums == {1: 2048, 64: 4096}, "2048 + 1 is 2048 in float16"
    assert run.emulator is how


def test_the_vendors_package_can_be_imported_until_the_last_run_ends(chip):
    with chip.torch():
        with chip.torch():
            import torch_npu
        assert torch_npu.npu_rms_norm
        assert "torch_npu" in sys.modules
    assert "torch_npu" not in sys.modules


def test_attention_of_several_dtypes_is_torchs_own_error_where_the_chip_has_no_kernel_for_it():
    q, v = torch.randn(1, 2, 4, 16), torch.randn(1, 2, 4, 16, dtype=torch.float16)
    with pytest.raises(RuntimeError, match="to have the same dtype"), npusim.device("ascend310p").torch():
        functional.scaled_dot_product_attention(q, q, v)


def test_modes_are_checked(chip):
    with pytest.raises(UsageError, match="raise, record, report"):
        chip.torch("shout")


def test_a_device_keeps_its_runs(chip):
    with chip.torch() as run:
        torch.ones(2) + 1
    assert chip.runs == [run]
    assert run.seconds > 0


def test_a_run_is_plain_data(chip):
    import json

    x, w = mixed()
    with chip.torch("report") as run:
        refused(x, w)
    data = json.loads(json.dumps(run.to_dict()))
    assert data["counts"]["rejected"] == 1
    assert data["verdicts"][0]["violations"][0]["text"] == run.violations[0].text


def test_exceptions_are_of_the_kind_the_first_rejection_has(chip):
    x, w = mixed()
    with pytest.raises(NPUError) as caught, chip.torch("record"):
        refused(x, w)
    assert type(caught.value) is DtypeNotSupportedError
