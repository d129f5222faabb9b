"""`npu.xp`: the standard's names, the operators' own, and errors that name the nearest."""

from typing import Any

import array_api_strict as strict
import ml_dtypes
import numpy as np
import pytest

import npusim
from npusim.dtypes import DTYPES
from npusim.frontends.numpy.array import Array
from npusim.operators import ALIASES, COMPUTED, OPERATORS

DATA = np.array([[1.0, 0.5, 3.0], [0.25, 4.0, 2.0]], np.float32)
OTHER = np.array([[2.0, 0.5, 1.0], [4.0, 0.25, 2.0]], np.float32)

# Function of the standard -> its operands, and its keyword arguments.
STANDARD: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    **dict.fromkeys(("abs", "exp", "log", "sqrt", "sin", "cos", "tanh", "negative", "reciprocal"), ((DATA,), {})),
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "maximum", "minimum", "pow"), ((DATA, OTHER), {})),
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), ((DATA, OTHER), {})),
    "where": ((DATA > 1, DATA, OTHER), {}),
    "sum": ((DATA,), {"axis": 0, "keepdims": True}),
    "mean": ((DATA,), {"axis": (0, 1)}),
    "max": ((DATA,), {"axis": -1}),
    "matmul": ((DATA, OTHER.T), {}),
    "matrix_transpose": ((DATA,), {}),
    "concat": (([DATA, OTHER],), {"axis": 1}),
    "reshape": ((DATA, (3, -1)), {}),
    "permute_dims": ((DATA, (1, 0)), {}),
    "take_along_axis": ((DATA, np.array([[0, 1, 0]])), {"axis": 0}),
    "asarray": ((DATA,), {}),
}


@pytest.mark.parametrize("name", [name for name in STANDARD if name != "reciprocal" or hasattr(strict, name)])
def test_a_function_of_the_standard_is_the_standards(npu: npusim.Device, name: str):
    operands, named = STANDARD[name]

    def of(xp: Any, value: Any) -> Any:
        if isinstance(value, list):
            return [of(xp, item) for item in value]
        return xp.asarray(value) if isinstance(value, np.ndarray) else value

    expected = np.asarray(getattr(strict, name)(*(of(strict, o) for o in operands), **named))
    found = getattr(npu.xp, name)(*(of(npu.xp, o) for o in operands), **named)
    assert isinstance(found, Array)
    assert found.dtype.name == str(expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", sorted({*COMPUTED, *(alias for alias, name in ALIASES.items() if name in COMPUTED)}))
def test_every_operator_and_alias_is_a_function_that_shows_its_signature(npu: npusim.Device, name: str):
    function = getattr(npu.xp, name)
    row = OPERATORS[ALIASES.get(name, "amax" if name == "max" else name)]
    assert function.__name__ == row.name
    assert row.signature in function.__doc__


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_is_a_name(npu: npusim.Device, name: str):
    assert getattr(npu.xp, name) is DTYPES[name]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda xp, x: xp.sum(x, axis=0), lambda xp, x: xp.sum(x, dim=0)),
        (lambda xp, x: xp.sum(x, (0,), True), lambda xp, x: xp.sum(x, axis=0, keepdims=True)),
        (lambda xp, x: xp.softmax(x, axis=0), lambda xp, x: xp.softmax(x, 0)),
        (lambda xp, x: xp.concat([x, x], axis=1), lambda xp, x: xp.cat([x, x], 1)),
        (lambda xp, x: xp.reshape(x, (6,)), lambda xp, x: xp.reshape(x, shape=[6])),
        (lambda xp, x: xp.permute_dims(x, axes=(1, 0)), lambda xp, x: xp.permute(x, (1, 0))),
        (lambda xp, x: xp.gelu(x, "tanh"), lambda xp, x: xp.gelu(x, approximate="tanh")),
        (lambda xp, x: xp.add(x, x, 2), lambda xp, x: xp.add(x, other=x, alpha=2)),
        (lambda xp, x: xp.linear(x, x, x[0, :2]), lambda xp, x: xp.linear(x, weight=x, bias=x[0, :2])),
        (lambda xp, x: xp.rms_norm(x, None, (3,)), lambda xp, x: xp.rms_norm(x, normalized_shape=3)),
    ],
)
def test_attributes_go_by_position_or_any_of_their_names(npu: npusim.Device, first: Any, second: Any):
    x = npu.xp.asarray(DATA)
    np.testing.assert_array_equal(first(npu.xp, x).numpy(), second(npu.xp, x).numpy())


@pytest.mark.parametrize(
    "operands", [(DATA, DATA), (DATA, 2.0), (2.0, DATA), (2.0, 3), (np.float32(1), 2), (True, False)], ids=repr
)
def test_numpy_arrays_and_scalars_give_arrays(npu: npusim.Device, operands: tuple[Any, ...]):
    found = npu.xp.multiply(*operands)
    assert isinstance(found, Array)
    np.testing.assert_allclose(found.numpy(), np.multiply(*operands))


def test_a_scalar_alone_is_float32_or_int64(npu: npusim.Device):
    assert npu.xp.exp(1.0).dtype.name == "float32"
    assert npu.xp.abs(-3).dtype.name == "int64"
    assert npu.xp.multiply(npu.xp.asarray(DATA, dtype="bf16"), 2.0).dtype.name == "bfloat16"


def test_lists_may_mix_numpy_and_arrays(npu: npusim.Device):
    found = npu.xp.concat((DATA, npu.xp.asarray(OTHER)), axis=0)
    np.testing.assert_array_equal(found.numpy(), np.concatenate((DATA, OTHER)))


def test_split_gives_a_tuple_of_arrays(npu: npusim.Device):
    parts = npu.xp.split(npu.xp.asarray(DATA), [1, 2], dim=1)
    assert isinstance(parts, tuple)
    assert [part.shape for part in parts] == [(2, 1), (2, 2)]


@pytest.mark.parametrize(
    ("ask", "kind", "message"),
    [
        (
            lambda xp, x: xp.matmull(x, x),
            AttributeError,
            "ascend910b's array namespace has no 'matmull'; did you mean matmul",
        ),
        (
            lambda xp, _: xp.bfloat61,
            AttributeError,
            "ascend910b's array namespace has no 'bfloat61'; did you mean bfloat16",
        ),
        (lambda xp, _: xp.zzz, AttributeError, "ascend910b's array namespace has no 'zzz'"),
        (
            lambda xp, x: xp.sum(x, axs=0),
            npusim.CallError,
            "sum has no port or attribute 'axs' (it has self, dim, keepdim, dtype)",
        ),
        (
            lambda xp, x: xp.sum(x, keepdimz=True),
            npusim.CallError,
            "sum has no port or attribute 'keepdimz'; did you mean keepdim?",
        ),
        (lambda xp, x: xp.sum(x, axis=0, dim=1), npusim.CallError, "sum got two values for 'dim'"),
        (lambda xp, x: xp.sum(x, 0, dim=1), npusim.CallError, "sum got two values for 'dim'"),
        (lambda xp, x: xp.exp(x, 1), npusim.CallError, "exp takes 0 attributes (), not 1"),
        (lambda xp, _: xp.exp(), npusim.CallError, "exp lacks self; it is exp(self) -> out"),
        (lambda xp, x: xp.add(x), npusim.CallError, "add lacks other"),
        (lambda xp, x: xp.concat(x, x), npusim.CallError, "cat: attribute 'dim' is of type int"),
        (lambda xp, x: xp.add(x, "b c"), npusim.CallError, "expected a dtype and a shape such as"),
        (lambda xp, x: xp.add(x, x[:, :2]), npusim.CallError, "shapes [2,3] and [2,2] cannot be broadcast together"),
    ],
)
def test_a_mistake_is_named(npu: npusim.Device, ask: Any, kind: type[Exception], message: str):
    with pytest.raises(kind) as caught:
        ask(npu.xp, npu.xp.asarray(DATA))
    assert str(caught.value).startswith(message)


def test_the_namespace_is_that_of_its_device(npu: npusim.Device):
    assert npu.xp is npu.xp
    assert "ascend910b" in repr(npu.xp)
    assert npu.xp.asarray(DATA).__array_namespace__(api_version="2024.12") is npu.xp


def test_a_rejection_is_the_vendors(make_device: Any):
    xp = make_device("ascend310p").xp
    with pytest.raises(
        npusim.DtypeNotSupportedError, match=r"^self not implemented for DT_BFLOAT16, should be in dtype"
    ):
        xp.add(np.ones(2, ml_dtypes.bfloat16), 1)


def test_the_founding_story_and_its_repair(npu: npusim.Device):
    xp = npu.xp
    query = xp.asarray(np.ones((4, 8), ml_dtypes.bfloat16))
    weight = xp.asarray(np.ones((8, 8), ml_dtypes.bfloat16))
    cosine = xp.asarray(np.ones((4, 8), np.float32))
    with pytest.raises(npusim.DtypeNotSupportedError) as caught:
        xp.matmul_all_reduce(query * cosine, weight)
    assert caught.value.hint == "cast x1 to bfloat16"
    repaired = xp.matmul_all_reduce(query * cosine.astype("bfloat16"), weight)
    assert repaired.dtype is xp.bfloat16
