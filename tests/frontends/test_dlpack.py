"""DLPack: what numpy can take it takes without a copy, what it cannot is right to the byte, and nothing leaks."""

import ctypes
import gc
import weakref
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import npusim
from npusim.dtypes import DTYPES
from npusim.frontends.numpy import dlpack
from npusim.frontends.numpy.dlpack import type_code


class DLTensor(ctypes.Structure):
    """dlpack.h, version 1.0, written from the header."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )  # fmt: skip


class DLManagedTensor(ctypes.Structure):
    _fields_ = (("tensor", DLTensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


def opened(capsule: Any) -> DLManagedTensor:
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    return DLManagedTensor.from_address(get(capsule, b"dltensor"))


@pytest.fixture(autouse=True, scope="module")
def nothing_leaks():
    """Whatever the tests of this module do, at its end nothing is held any more; once, as a collection is slow."""
    gc.collect()
    before = set(dlpack._alive)
    yield
    gc.collect()
    assert set(dlpack._alive) == before


@pytest.mark.parametrize("storage", ["bool", "int8", "uint16", "int64", "float16", "float32", "float64", "complex64"])
def test_numpy_takes_what_it_knows_without_a_copy(npu: npusim.Device, storage: str):
    data = np.ones((2, 3), storage)
    taken = np.from_dlpack(npu.xp.asarray(data))
    assert np.shares_memory(taken, data)
    np.testing.assert_array_equal(taken, data)
    assert taken.dtype == data.dtype


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[:, 1], np.s_[::2, 1:], np.s_[..., None], np.s_[0, 0], np.s_[0:0]])
def test_views_keep_their_strides(npu: npusim.Device, view: Any):
    data = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    taken = np.from_dlpack(npu.xp.asarray(data[view]))
    np.testing.assert_array_equal(taken, data[view])


def test_bfloat16_is_right_to_the_byte(npu: npusim.Device):
    data = np.arange(12).astype(ml_dtypes.bfloat16).reshape(3, 4)[:, ::2]
    capsule = npu.xp.asarray(data).__dlpack__()
    managed = opened(capsule)
    tensor = managed.tensor
    assert (tensor.code, tensor.bits, tensor.lanes) == (4, 16, 1)  # kDLBfloat
    assert (tensor.device_type, tensor.device_id, tensor.byte_offset) == (1, 0, 0)
    assert tensor.shape[: tensor.ndim] == [3, 2]
    assert tensor.strides[: tensor.ndim] == [4, 2]
    assert tensor.data == data.ctypes.data
    raw = (ctypes.c_uint16 * 12).from_address(tensor.data)
    assert raw[0] == 0
    assert raw[2] == 0x4000  # 2.0
    del capsule, raw


def test_a_consumer_calls_the_deleter_and_then_nothing_is_held(npu: npusim.Device):
    data = np.ones(3, np.float32)
    taken = np.from_dlpack(npu.xp.asarray(data))
    assert len(dlpack._alive) >= 1
    alive = weakref.ref(data)
    del data
    gc.collect()
    assert alive() is not None
    assert taken.tolist() == [1, 1, 1]
    del taken
    gc.collect()
    assert alive() is None


def test_a_capsule_that_nobody_takes_is_freed(npu: npusim.Device):
    x = npu.xp.asarray(np.ones(3, ml_dtypes.bfloat16))
    capsules = [x.__dlpack__() for _ in range(10)]
    assert len({ctypes.addressof(opened(capsule)) for capsule in capsules}) == 10
    del capsules


def test_the_device_is_the_hosts_memory(npu: npusim.Device):
    assert npu.xp.asarray(1.0).__dlpack_device__() == (1, 0)


def test_a_copy_is_made_if_asked_for(npu: npusim.Device):
    data = np.ones(3, np.float32)
    copied = np.from_dlpack(npu.xp.asarray(data), copy=True)
    assert not np.shares_memory(copied, data)
    assert np.shares_memory(np.from_dlpack(npu.xp.asarray(data), copy=False), data)


@pytest.mark.parametrize("options", [{"dl_device": (2, 0)}, {"stream": 1}])
def test_another_device_is_refused(npu: npusim.Device, options: dict[str, Any]):
    with pytest.raises(BufferError, match="the data is in the host's memory"):
        npu.xp.asarray(1.0).__dlpack__(**options)
    assert npu.xp.asarray(1.0).__dlpack__(max_version=(1, 1), dl_device=(1, 0), copy=None) is not None


# DLDataTypeCode of dlpack.h, version 1.1
CODES = {
    **dict.fromkeys(("int1", "int2", "int4", "int8", "int16", "int32", "int64"), 0),
    **dict.fromkeys(("uint1", "uint2", "uint4", "uint8", "uint16", "uint32", "uint64"), 1),
    **dict.fromkeys(("float16", "float32", "float64"), 2), "bfloat16": 4,
    **dict.fromkeys(("complex32", "complex64", "complex128"), 5), "bool": 6,
    "float8_e3m4": 7, "float8_e4m3": 8, "float8_e4m3b11fnuz": 9, "float8_e4m3fn": 10, "float8_e4m3fnuz": 11,
    "float8_e5m2": 12, "float8_e5m2fnuz": 13, "float8_e8m0fnu": 14, "float6_e2m3fn": 15, "float6_e3m2fn": 16,
    "float4_e2m1fn": 17,
}  # fmt: skip


@pytest.mark.parametrize("name", DTYPES)
def test_the_type_code_is_the_headers(name: str):
    if name in CODES:
        assert type_code(DTYPES[name]) == CODES[name]
    else:
        with pytest.raises(BufferError, match=f"DLPack has no code for {name}"):
            type_code(DTYPES[name])
