"""The device a user holds: how it is made, how it judges and runs, and what it remembers."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npusim
from npusim import devices
from npusim.call import Operand, TensorType
from npusim.dtypes import DTYPES
from npusim.frontends.numpy.array import Array
from npusim.operators import OPERATORS, bind
from npusim.profiles import load
from npusim.simulator import judge

Make = Callable[..., npusim.Device]
ONES = np.ones((2, 2), np.float32)


def test_a_device_is_made_of_an_id_a_path_or_a_profile(write_profile: Callable[..., Path]):
    path = write_profile()
    made = [npusim.device(path), npusim.device(str(path)), npusim.device(load(path))]
    assert {device.profile.id for device in made} == {"chip"}
    assert npusim.device("ascend310p").profile is load("ascend310p")
    assert repr(made[0]) == "<npusim device chip: A chip>"


@pytest.mark.parametrize("of_profile", [False, True])
def test_a_stack_version_chooses_the_words(of_profile: bool):
    profile = load("ascend910b") if of_profile else "ascend910b"
    texts = [
        npusim.device(profile, stack=s).judge("exp", "int8[2]").violations[0].text for s in (None, "8.1.RC1", "8.5")
    ]
    assert texts[0] == texts[1]
    assert texts[2] == f"Tensor {texts[0]}"


@pytest.mark.parametrize("name", ["matmul", "aclnnMatmul", "ACLNNMATMUL"])
def test_an_operator_goes_by_its_name_or_the_vendors(npu: npusim.Device, name: str):
    assert npu.judge(name, ONES, ONES).call.operator == "matmul"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("matmull", "unknown operator 'matmull' for ascend910b; did you mean matmul or"),
        ("aclnnCasts", "unknown operator 'aclnnCasts' for ascend910b; did you mean aclnnCast or"),
        ("", "unknown operator '' for ascend910b"),
    ],
)
def test_an_operator_that_nobody_has_heard_of_is_a_usage_error(npu: npusim.Device, name: str, message: str):
    for ask in (npu.judge, npu.run):
        with pytest.raises(npusim.UnknownOperatorError) as caught:
            ask(name, ONES)
        assert str(caught.value).startswith(message)


X = TensorType(DTYPES["float32"], (2, 2))


@pytest.mark.parametrize(
    "operand",
    [ONES, X, Operand(X), "float32[2,2]", "fp32[2, 2]", "DT_FLOAT[2,2]", ONES.astype(">f4"), ONES.T],
    ids=repr,
)
def test_an_operand_is_what_one_has_at_hand(npu: npusim.Device, operand: Any):
    for verdict in (npu.judge("add", operand, operand), npu.judge("add", operand, other=operand)):
        assert verdict
        assert [o.type for found in verdict.call.operands.values() for o in found] == [X, X]


@pytest.mark.parametrize("wrong", [object(), {}, {1}, b"float32[2]", 1j, [object()]])
def test_what_is_no_tensor_is_named(npu: npusim.Device, wrong: Any):
    for ask in (lambda: npu.judge("exp", wrong), lambda: npu.judge("add", ONES, other=wrong)):
        with pytest.raises(npusim.CallError, match="a tensor is a numpy array, an Array or text such as"):
            ask()


@pytest.mark.parametrize("wrong", ["dim", "alpha", "othr"])
def test_a_wrong_name_is_named_by_judge_and_run(npu: npusim.Device, wrong: str):
    for ask in (npu.judge, npu.run):
        with pytest.raises(npusim.CallError, match=f"exp has no port or attribute '{wrong}'"):
            ask("exp", ONES, **{wrong: 1})


@pytest.mark.parametrize("wrong", [{1}, {"a": 1}, np.zeros(2), object()])
def test_an_attribute_that_cannot_be_is_named(npu: npusim.Device, wrong: Any):
    for ask in (npu.judge, npu.run):
        with pytest.raises(npusim.CallError, match="softmax: attribute 'dim' is of type int"):
            ask("softmax", ONES, dim=wrong)


@pytest.mark.parametrize("operand", [X, Operand(X), "float32[2,2]"], ids=repr)
def test_what_holds_no_data_cannot_be_run(npu: npusim.Device, operand: Any):
    for ask in (lambda: npu.run("add", ONES, operand), lambda: npu.run("add", ONES, other=operand)):
        with pytest.raises(npusim.CallError, match=r"add runs on arrays; .* holds no data and can only be judged"):
            ask()


def test_running_gives_numpy_for_numpy(npu: npusim.Device):
    result = npu.run("add", ONES, ONES)
    assert isinstance(result, np.ndarray)
    assert result.tolist() == [[2, 2], [2, 2]]


def test_running_gives_an_array_if_any_operand_is_one(npu: npusim.Device):
    x = npu.xp.asarray(ONES)
    for result in (npu.run("add", x, ONES), npu.run("add", ONES, x), npu.run("add", ONES, other=x)):
        assert isinstance(result, Array)
        assert result.device is npu


def test_an_operator_with_several_outputs_gives_a_tuple(npu: npusim.Device):
    parts = npu.run("split", ONES, split_size=1)
    assert isinstance(parts, tuple)
    assert [part.shape for part in parts] == [(1, 2), (1, 2)]
    assert npu.run("split", ONES, split_size=2)[0].shape == (2, 2)
    assert all(isinstance(part, Array) for part in npu.run("split", npu.xp.asarray(ONES), split_size=1))


def test_operands_may_be_given_by_name_and_left_out(npu: npusim.Device):
    expected = npu.run("linear", ONES, ONES, ONES[0])
    for result in (
        npu.run("linear", ONES, ONES, bias=ONES[0]),
        npu.run("linear", bias=ONES[0], weight=ONES, input=ONES),
        npu.run("linear", ONES, bias=ONES[0], weight=ONES),
    ):
        np.testing.assert_array_equal(result, expected)
    assert npu.run("linear", ONES, ONES, None).tolist() == npu.run("linear", ONES, ONES).tolist() == [[2, 2], [2, 2]]


def test_attributes_reach_the_operator_unchanged(npu: npusim.Device):
    x = np.arange(4, dtype=np.float32).reshape(2, 2)
    assert npu.run("sum", x, keepdim=True, dim=0).tolist() == [[2, 4]]
    assert npu.run("sum", x, dim=[1]).tolist() == [1, 5]
    assert npu.run("add", x, x, alpha=0.5).tolist() == [[0, 1.5], [3, 4.5]]
    eps = npu.judge("layer_norm", x, normalized_shape=(2,), eps=1e-5).call.attributes["eps"]
    assert eps == 1e-5


@pytest.mark.parametrize(
    ("array", "scalar", "other"),
    [
        ("bfloat16", 2.0, "bfloat16"),
        ("bfloat16", 2, "bfloat16"),
        ("bfloat16", True, "bool"),
        ("int32", 2, "int32"),
        ("int32", 2.5, "float32"),
        ("bool", 2, "int64"),
        ("float16", np.float64(2), "float64"),
        ("float16", np.int8(2), "int8"),
    ],
)
def test_a_scalar_takes_the_dtype_of_the_array_it_meets(
    npu: npusim.Device, zeros: Any, array: str, scalar: Any, other: str
):
    x = zeros(array, 2)
    for verdict in (npu.judge("add", x, scalar), npu.judge("add", x, other=scalar), npu.judge("add", scalar, other=x)):
        types = {o.type.dtype.name for found in verdict.call.operands.values() for o in found if not o.type.shape}
        assert types == {other}
    assert npu.run("add", x, scalar).dtype == npu.run("add", x, other=scalar).dtype


def test_a_variadic_port_takes_tensors_spread_or_together(npu: npusim.Device):
    parts = [ONES, ONES.astype(">f4"), npu.xp.asarray(ONES)]
    results = [npu.run("cat", *parts), npu.run("cat", parts), npu.run("cat", tensors=tuple(parts))]
    assert [np.asarray(result).shape for result in results] == [(6, 2)] * 3
    assert npu.run("cat", [ONES]).shape == npu.run("cat", ONES).shape == (2, 2)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
def test_any_array_comes_through(npu: npusim.Device, shape: tuple[int, ...]):
    x = np.full(shape, -0.0, ml_dtypes.bfloat16)
    assert npu.run("neg", x).shape == shape
    strided = np.zeros((4, *shape, 3), np.float32)[::-2, ..., 1]
    assert npu.run("abs", strided).shape == strided.shape


_NUMBERS = st.sampled_from(
    [0, 0.0, -0.0, 1, 1.0, True, False, -1, 2, float("nan"), float("inf"), np.float32(1), np.int8(1)]
)
_ATTRIBUTES: dict[str, tuple[tuple[Any, ...], st.SearchStrategy[dict[str, Any]]]] = {
    "add": ((X, "float32[2]"), st.fixed_dictionaries({"alpha": _NUMBERS})),
    "mul": ((X,), st.fixed_dictionaries({"other": _NUMBERS})),
    "sum": ((X,), st.fixed_dictionaries({}, optional={
        "dim": _NUMBERS | st.lists(_NUMBERS, max_size=2) | st.tuples(_NUMBERS), "keepdim": _NUMBERS,
        "dtype": st.sampled_from(["int8", "uint16", "float8_e5m2", "q", None]),
    })),
    "softmax": ((X,), st.fixed_dictionaries({"dim": _NUMBERS})),
    "layer_norm": ((X,), st.fixed_dictionaries(
        {"normalized_shape": st.sampled_from([2, 2.0, (2,), [2, 2]]), "eps": _NUMBERS}
    )),
    "cat": (([X, X],), st.fixed_dictionaries({"dim": _NUMBERS})),
}  # fmt: skip
_REMEMBERING = npusim.device("ascend910b")


@given(st.data())
def test_what_is_remembered_is_never_mistaken_for_something_else(data: st.DataObject):
    """1, 1.0 and True are equal in Python and are three calls here."""
    operator = data.draw(st.sampled_from(sorted(_ATTRIBUTES)))
    operands, attributes = _ATTRIBUTES[operator]
    named = data.draw(attributes)

    def outcome(npu: npusim.Device) -> str:
        try:
            verdict = npu.judge(operator, *operands, **named)
        except npusim.UsageError as error:
            return repr(error)
        return (
            f"{verdict.status} {verdict.call.operands} {verdict.call.attributes} {[v.text for v in verdict.violations]}"
        )

    assert outcome(_REMEMBERING) == outcome(npusim.device("ascend910b")) == outcome(_REMEMBERING)


def test_a_constant_operand_is_not_mistaken_for_a_computed_one(write_profile: Callable[..., Path]):
    npu = npusim.device(write_profile("operators:\n  exp: {rules: [constant: self]}\n"))
    verdicts = [
        npu.judge("exp", o).status for o in (Operand(X, constant=True), Operand(X), X, Operand(X, constant=True))
    ]
    assert verdicts == ["accepted", "rejected", "rejected", "accepted"]


def test_a_device_forgets_before_it_grows_without_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "MAX_PLANS", 10)
    npu = npusim.device("ascend910b")
    for size in range(50):
        assert npu.judge("exp", f"float32[{size}]")
    assert len(npu._plans) <= 10


def test_judging_by_a_device_is_judging_by_the_profile():
    operands = [Operand(TensorType(DTYPES["float32"], (16, 8))), Operand(TensorType(DTYPES["bfloat16"], (8, 8)))]
    expected = judge(load("ascend910b"), bind(OPERATORS["matmul_all_reduce"], operands, {}))
    found = npusim.device("ascend910b").judge("aclnnMatmulAllReduce", "float32[16,8]", "bfloat16[8,8]")
    assert [(v.code, v.text) for v in found.violations] == [(v.code, v.text) for v in expected.violations]


def test_several_threads_may_use_one_device(make_device: Make):
    npu = make_device("ascend910b", policy="record")
    barrier, wrong = threading.Barrier(8), []

    def work(number: int) -> None:
        barrier.wait()
        for size in range(1, 40):
            x = np.full(size, number, np.uint16 if size % 2 else np.float32)
            result = npu.run("add", x, x)
            if result.tolist() != [2 * number] * size:
                wrong.append((number, size))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(npu.verdicts) == 8 * 20
    assert all(verdict.status == "rejected" for verdict in npu.verdicts)


@pytest.mark.parametrize("text", ["float32[2,3]", "float32[ 2 , 3 ]", "fp32[2,3,]", " float32[2,3] "])
def test_a_type_is_read_as_people_type_it(npu: npusim.Device, text: str):
    assert npu.judge("exp", text).call.operands["self"][0].type == TensorType(DTYPES["float32"], (2, 3))
