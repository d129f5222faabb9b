"""DLPack export, including the dtypes that numpy's own export refuses (bfloat16 and the small floats)."""

import ctypes
from typing import Any

from numpy.typing import NDArray

from npusim.dtypes import DType, Kind, dtype

CPU = 1
"""kDLCPU of dlpack.h."""

# Type codes of DLDataTypeCode in dlpack.h, version 1.1.
_KINDS = {Kind.BOOL: 6, Kind.FLOAT: 2, Kind.COMPLEX: 5}
_CODES = {
    "bfloat16": 4,
    "float8_e3m4": 7,
    "float8_e4m3": 8,
    "float8_e4m3b11fnuz": 9,
    "float8_e4m3fn": 10,
    "float8_e4m3fnuz": 11,
    "float8_e5m2": 12,
    "float8_e5m2fnuz": 13,
    "float8_e8m0fnu": 14,
    "float6_e2m3fn": 15,
    "float6_e3m2fn": 16,
    "float4_e2m1fn": 17,
}


class _Device(ctypes.Structure):
    _fields_ = (("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = (("dl_tensor", _Tensor), ("manager_ctx", ctypes.c_void_p), ("deleter", _Deleter))

_alive: dict[int, tuple[Any, ...]] = {}
"""What a capsule that was handed out still needs, by the address of its DLManagedTensor."""


def _forget(managed: Any) -> None:
    _alive.pop(ctypes.addressof(managed.contents), None)


_release = _Deleter(_forget)


_CapsuleDestructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_python = ctypes.pythonapi
_python.PyCapsule_New.restype = ctypes.py_object
_python.PyCapsule_New.argtypes = (ctypes.c_void_p, ctypes.c_char_p, _CapsuleDestructor)
_python.PyCapsule_IsValid.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
_python.PyCapsule_GetPointer.restype = ctypes.c_void_p
_python.PyCapsule_GetPointer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
_NAME = b"dltensor"


def _drop(capsule: int) -> None:
    """Free a capsule that nobody consumed; a consumer renames it and calls the deleter itself."""
    if _python.PyCapsule_IsValid(capsule, _NAME):
        _alive.pop(_python.PyCapsule_GetPointer(capsule, _NAME), None)


_destroy = _CapsuleDestructor(_drop)


_WITHOUT_CODE = frozenset(
    {"bcomplex32", "float4_e1m2", "hifloat8", "int48", "bfloat2_b", "bfloat4_b", "bfloat8_b", "dlfloat16", "tfloat32"}
    | {"float4_e2m1fn_x4", "float8_e4m3fn_x4", "float8_e5m2_x4"}
)
"""Formats that one vendor has."""


def type_code(row: DType) -> int:
    """Return the DLDataTypeCode of a dtype; raises BufferError where DLPack has none."""
    if row.name in _CODES:
        return _CODES[row.name]
    if row.name in _WITHOUT_CODE or (row.kind not in _KINDS and not row.is_integer):
        raise BufferError(f"DLPack has no code for {row}")
    if row.is_integer:
        return 0 if row.name.startswith("int") else 1
    return _KINDS[row.kind]


def to_dlpack(array: NDArray[Any]) -> Any:
    """Return a DLPack capsule over the array's memory, which stays alive as long as the capsule's consumer wants it.

    Formats narrower than a byte are exported as they are stored, one element a byte (bits=8).
    """
    row = dtype(array.dtype)
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    strides = (ctypes.c_int64 * array.ndim)(*(step // array.itemsize for step in array.strides))
    managed = _Managed()
    managed.dl_tensor = _Tensor(
        array.ctypes.data,
        _Device(CPU, 0),
        array.ndim,
        _DataType(type_code(row), array.itemsize * 8, 1),
        ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64)),
        ctypes.cast(strides, ctypes.POINTER(ctypes.c_int64)),
        0,
    )
    managed.deleter = _release
    address = ctypes.addressof(managed)
    _alive[address] = (managed, array, shape, strides)
    return _python.PyCapsule_New(address, _NAME, _destroy)


__all__ = ["CPU", "to_dlpack", "type_code"]
