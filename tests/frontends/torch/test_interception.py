"""What a run does to the program around it: it keeps no tensor alive, and threads, nesting and torch.compile work."""

import threading
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional

import npusim
from npusim.errors import UsageError
from npusim.frontends.torch import vendor_ops

BF16 = torch.bfloat16


@pytest.fixture
def chip():
    return npusim.device("ascend910b")


@pytest.fixture
def x():
    return torch.randn(4, 8, dtype=BF16)


@pytest.fixture
def weight():
    return torch.randn(8, 8, dtype=BF16)


def refused(wide):
    vendor_ops.register()
    return torch.ops.npu.npu_mm_all_reduce_base(wide, torch.ones(8, 8, dtype=BF16), "group")


CALLS = {
    "accepted": lambda one: one + 1,
    "of a list": lambda one: torch.cat([one, one]),
    "computed in one dtype": lambda one: one @ torch.ones(8, 8),
    "a view": lambda one: one.view(8, 4),
    "refused": lambda one: refused(one.float()),
    "unknown": lambda one: torch.linalg.matrix_exp(one[:, :4].float()),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("options", [{}, {"origins": False}, {"training": True}], ids=str)
def test_a_run_keeps_no_tensor_alive(chip, x, call, options):
    with chip.torch("report", **options) as run:
        one = x * 2
        result = call(one)
        alive = weakref.ref(one), weakref.ref(result)
        del one, result
        assert [each() for each in alive] == [None, None]
    assert run.counts.calls > 1


def test_numbers_that_compare_equal_are_not_taken_for_each_other(chip):
    x = torch.ones(4, dtype=torch.int32)
    with chip.torch() as run:
        results = [x + 1, x + 1.0, x + True, x.repeat(1), x.repeat((1, 1)), x.repeat((1,))]
    assert [one.dtype for one in results[:3]] == [torch.int32, torch.float32, torch.int32]
    assert [plan.calls for plan in run._mode.plans.values()] == [1, 1, 1, 2, 1]


def test_a_call_is_told_from_another_by_everything_it_is_given(chip, x):
    with chip.torch() as run:
        calls = [
            lambda: x.sum(0),
            lambda: x.sum((0,)),
            lambda: x.sum(0, True),
            lambda: x.sum(0, dtype=torch.float32),
            lambda: x.float().sum(0),
            lambda: x[:2].sum(0),
            lambda: nn.Parameter(x, requires_grad=False).sum(0),
        ]
        for call in (*calls, *calls):
            call()
    sums = [plan.calls for plan in run._mode.plans.values() if plan.operator == "sum"]
    assert sum(sums) == 2 * len(calls)
    assert len(sums) >= len(calls) - 1, "torch itself makes [0] of 0 and of (0,)"


def test_every_thread_has_a_run_of_its_own(x, weight):
    chips = [npusim.device(name) for name in ("ascend910b", "ascend310p")]
    narrow, narrow_weight = x.half(), weight.half()
    runs: list[list] = [[], []]
    start = threading.Barrier(len(chips))

    def work(chip, found):
        start.wait()
        for _ in range(10):
            with chip.torch() as run:
                for _ in range(20):
                    functional.linear(narrow, narrow_weight) * 2
            found.append(run)

    threads = [threading.Thread(target=work, args=given) for given in zip(chips, runs, strict=True)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for chip, found in zip(chips, runs, strict=True):
        assert [run.profile.id for run in found] == [chip.profile.id] * 10
        assert {(run.counts.calls, run.counts.accepted) for run in found} == {(40, 40)}


def test_a_thread_without_a_run_is_not_judged(chip, x):
    with chip.torch() as run:
        other = threading.Thread(target=lambda: x * 2)
        other.start()
        other.join()
    assert run.counts.calls == 0


def test_two_chips_judge_the_same_calls(x, weight):
    first, second = npusim.device("ascend310p"), npusim.device("ascend910b")
    with first.torch("report") as outer, second.torch("report") as inner:
        functional.linear(x, weight).softmax(-1)
    assert [str(plan.func) for plan in outer._mode.plans.values()] == ["aten.linear.default", "aten.softmax.int"]
    assert inner.counts.accepted == outer.counts.rejected == 2, "only the second has bfloat16"


def test_a_run_may_be_opened_again_once_it_is_closed(chip, x):
    run = chip.torch()
    for _ in range(2):
        with run:
            x * 2
    assert run.counts.calls == 2


def test_a_run_is_not_opened_within_itself(chip, x):
    with chip.torch() as run:
        with pytest.raises(UsageError, match="open already"), run:
            pass
        x * 2
    x * 2
    assert run.counts.calls == 1
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("warm", [False, True])
def test_a_compiled_model_is_judged_operator_by_operator(chip, x, warm):
    model = nn.Sequential(nn.Linear(8, 8, dtype=BF16), nn.SiLU()).eval()
    graphs = []
    compiled = torch.compile(model, backend=lambda graph, _: graphs.append(graph) or graph.forward)
    if warm:
        with torch.inference_mode():
            compiled(x)
    compiled_before = len(graphs)
    with chip.torch() as run, chip.torch() as inner:
        result = compiled(x)
    assert torch.equal(result, model(x))
    assert {str(plan.func) for plan in run._mode.plans.values()} == {"aten.linear.default", "aten.silu.default"}
    assert (run.counts.calls, inner.counts.calls) == (2, 2)
    assert len(graphs) == compiled_before == warm
    compiled(x[:2])
    assert len(graphs) > compiled_before, "outside of a run, torch.compile compiles"
