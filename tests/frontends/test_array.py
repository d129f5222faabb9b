"""The array: numpy data on a device, with Python's operators, views and conversions."""

import operator
from collections.abc import Callable
from typing import Any

import array_api_strict as strict
import ml_dtypes
import numpy as np
import pytest

import npusim
from npusim.frontends.numpy.array import Array

DATA = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], np.float32)
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("python", [*BINARY, *COMPARISONS])
@pytest.mark.parametrize(
    "other", [DATA.T.reshape(2, 3), DATA[0], 2.0, 3, np.float32(0.5)], ids=["2d", "1d", "float", "int", "np"]
)
def test_an_operator_of_python_is_that_of_the_standard(npu: npusim.Device, python: Any, other: Any):
    positive = np.abs(DATA)
    standard = strict.asarray(positive)
    theirs = strict.asarray(other) if isinstance(other, np.ndarray) else float(other)
    if python in {operator.eq, operator.ne, operator.pow} and not isinstance(other, np.ndarray):
        theirs = strict.asarray(np.float32(other))
    expected = np.asarray(python(standard, theirs))
    found = python(npu.xp.asarray(positive), npu.xp.asarray(other) if isinstance(other, np.ndarray) else other)
    assert isinstance(found, Array)
    assert found.dtype.name == str(expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("python", BINARY)
@pytest.mark.parametrize("other", [2.0, 3, DATA[0], np.float64(2)], ids=["float", "int", "numpy", "np"])
def test_an_operator_works_with_the_array_on_the_right(npu: npusim.Device, python: Any, other: Any):
    positive = np.abs(DATA)
    found = python(abs(other), npu.xp.asarray(positive))
    assert isinstance(found, Array)
    np.testing.assert_allclose(found.numpy(), python(abs(other), positive), rtol=1e-6)


def test_matmul_and_unary_operators(npu: npusim.Device):
    x = npu.xp.asarray(DATA)
    np.testing.assert_allclose((x @ x.T).numpy(), DATA @ DATA.T)
    np.testing.assert_allclose((DATA.T @ x).numpy(), DATA.T @ DATA)
    np.testing.assert_array_equal((-x).numpy(), -DATA)
    np.testing.assert_array_equal(abs(x).numpy(), abs(DATA))


@pytest.mark.parametrize("python", [*BINARY, operator.lt, operator.matmul])
@pytest.mark.parametrize("other", ["x", None, 1j, [1.0], object()])
def test_what_is_no_number_is_left_to_python(npu: npusim.Device, python: Any, other: Any):
    with pytest.raises(TypeError, match=r"unsupported operand|not supported between|non-int of type"):
        python(npu.xp.asarray(DATA), other)


VIEWS = [
    np.s_[0], np.s_[-1], np.s_[1, 2], np.s_[:, 1], np.s_[..., 0], np.s_[::-1], np.s_[:, ::2], np.s_[None], np.s_[0:0],
    np.s_[..., None, 1:], np.int64(1), np.s_[5:],
]  # fmt: skip


@pytest.mark.parametrize("key", VIEWS, ids=repr)
def test_indexing_makes_a_view_and_runs_nothing(npu: npusim.Device, key: Any):
    x = npu.xp.asarray(DATA)
    found = x[key]
    np.testing.assert_array_equal(found.numpy(), DATA[key])
    assert found.shape == np.shape(DATA[key])
    assert found.birth is x.birth
    assert np.shares_memory(found.numpy(), DATA) or found.ndim == 0 or found.size == 0
    assert npu.executor.ran == []


@pytest.mark.parametrize("key", [True, [0, 1], np.array([0]), "a", 1.0, (0, [1]), slice(None, None, 0)], ids=repr)
def test_indexing_by_anything_else_is_refused(npu: npusim.Device, key: Any):
    with pytest.raises(
        ValueError, match=r"indexing takes integers, slices, \.\.\. and None, not|slice step cannot be zero"
    ):
        npu.xp.asarray(DATA)[key]


def test_indexing_out_of_range_is_an_index_error(npu: npusim.Device):
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        npu.xp.asarray(DATA)[5]


def test_views_are_computed_with_right(npu: npusim.Device):
    x = npu.xp.asarray(DATA)
    np.testing.assert_array_equal((x[:, ::-2] + x.T[::2].T).numpy(), DATA[:, ::-2] + DATA.T[::2].T)


def test_the_properties_are_numpys(npu: npusim.Device):
    x = npu.xp.asarray(DATA)
    assert (x.shape, x.ndim, x.size, len(x), x.dtype.name) == ((2, 3), 2, 6, 2, "float32")
    assert (x.T.shape, x.mT.shape) == ((3, 2), (3, 2))
    assert x.device is npu
    assert x.__array_namespace__() is npu.xp
    assert repr(x).endswith("dtype=float32, device=ascend910b)")
    assert [row.numpy().tolist() for row in x] == DATA.tolist()


def test_an_array_of_one_is_a_number_and_others_are_not(npu: npusim.Device):
    x = npu.xp.asarray(np.float32(2.5))
    assert (float(x), int(x), bool(x)) == (2.5, 2, True)
    with pytest.raises(ValueError, match="truth value"):
        bool(npu.xp.asarray(DATA))
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)


@pytest.mark.parametrize(
    "storage", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4, np.float16, bool, np.int64]
)
def test_data_goes_in_and_out_without_a_copy(npu: npusim.Device, storage: Any):
    data = np.ones((3, 2), storage)[::2]
    x = npu.xp.asarray(data)
    assert np.shares_memory(x.numpy(), data)
    assert np.shares_memory(np.asarray(x), data)
    assert np.shares_memory(npu.xp.asarray(x).numpy(), data)
    assert x.numpy().dtype == data.dtype


def test_numpy_converts_and_copies_only_if_asked(npu: npusim.Device):
    x = npu.xp.asarray(DATA)
    assert not np.shares_memory(np.array(x), DATA)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.shares_memory(np.array(x, copy=False), DATA)
    with pytest.raises(ValueError, match=r"cannot become <class 'numpy.float64'> without a copy"):
        x.__array__(np.float64, copy=False)


def test_data_of_another_byte_order_is_converted(npu: npusim.Device):
    x = npu.xp.asarray(DATA.astype(">f4"))
    assert x.numpy().dtype.isnative
    np.testing.assert_array_equal((x + DATA.astype(">f4")).numpy(), 2 * DATA)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (1.5, "float32"),
        ([1.5, 2], "float32"),
        (2, "int64"),
        ([True], "bool"),
        (1j, "complex128"),
        (np.float64(1), "float64"),
        (np.zeros(1), "float64"),
        ([], "float32"),
        ([[1], [2]], "int64"),
        (np.int8(1), "int8"),
    ],
)
def test_python_floats_become_float32(npu: npusim.Device, data: Any, name: str):
    assert npu.xp.asarray(data).dtype.name == name


@pytest.mark.parametrize("target", ["bf16", "DT_BFLOAT16", ml_dtypes.bfloat16, np.dtype(ml_dtypes.bfloat16)])
def test_a_dtype_is_given_in_any_spelling(npu: npusim.Device, target: Any):
    assert npu.xp.asarray(DATA, dtype=target).dtype.name == "bfloat16"
    assert npu.xp.asarray(DATA).astype(target).dtype.name == "bfloat16"
    assert npu.xp.astype(npu.xp.asarray(DATA), npu.xp.bfloat16).numpy().dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda npu: npu.xp.asarray(DATA, dtype="hifloat8"), "hifloat8 can be judged but not computed"),
        (lambda npu: npu.xp.asarray(DATA, dtype="flaot32"), "unknown dtype 'flaot32'; did you mean float32"),
        (lambda npu: npu.xp.asarray(["a"]), "unknown dtype '<U1'"),
        (lambda npu: npu.xp.asarray([object()]), "unknown dtype 'object'"),
        (lambda npu: npu.xp.asarray(DATA).astype(None), "unknown dtype 'None'"),
    ],
)
def test_data_that_cannot_be_is_named(npu: npusim.Device, make: Callable[[npusim.Device], Any], message: str):
    with pytest.raises(npusim.UsageError) as caught:
        make(npu)
    assert str(caught.value).startswith(message)


def test_special_values_and_empty_arrays_come_through(npu: npusim.Device):
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-40], np.float32)
    found = (-npu.xp.asarray(special)).numpy()
    np.testing.assert_array_equal(found, -special)
    assert np.signbit(found).tolist() == np.signbit(-special).tolist()
    for shape in ((0,), (2, 0), ()):
        x = npu.xp.asarray(np.ones(shape, np.float32))
        assert (x + x).shape == shape
