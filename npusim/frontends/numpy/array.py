"""The array that a user of a device holds: numpy data, the device it belongs to, and where its dtype was born."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npusim.call import Operand, Site, TensorType
from npusim.dtypes import DType, Kind, dtype
from npusim.errors import CallError
from npusim.frontends.numpy.dlpack import CPU, to_dlpack
from npusim.frontends.numpy.spelling import parse_operand
from npusim.sites import caller

if TYPE_CHECKING:
    from npusim.devices import Device


@dataclass(frozen=True, slots=True)
class Birth:
    """Where a dtype was born, and whether it was a promotion that made it rather than its author's wish."""

    origin: Site
    promoted: bool = False


class Array:
    """An immutable tensor on a simulated device.

    Functions of `device.xp` and Python's operators judge and run on the device. A Python scalar takes the dtype of the
    array it meets. Indexing with integers, slices, `...` and None makes a view, as in torch: no operator runs.
    `birth.origin` is the line where the dtype was born.
    """

    __array_ufunc__ = None  # numpy arrays leave mixed operators to this class
    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("_data", "birth", "device", "dtype", "shape")

    def __init__(self, data: NDArray[Any], device: "Device", birth: Birth) -> None:
        self._data = data
        self.device = device
        self.birth = birth
        self.dtype: DType = dtype(data.dtype)
        self.shape = data.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._data.size

    @property
    def T(self) -> "Array":  # noqa: N802 - the standard's name
        """A matrix with its two axes exchanged."""
        return self.mT

    @property
    def mT(self) -> "Array":  # noqa: N802 - the standard's name
        """The last two axes exchanged."""
        result: Array = self.device.run("transpose", self, dim0=-2, dim1=-1)
        return result

    def numpy(self) -> NDArray[Any]:
        """Return the data as a numpy array, bfloat16 and smaller floats as ml_dtypes types; not a copy."""
        return self._data

    def astype(self, target: "DType | str | np.dtype[Any] | type") -> "Array":
        """Return the values converted on the device."""
        result: Array = self.device.run("cast", self, dtype=dtype(target).name)
        return result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False and dtype is not None and np.dtype(dtype) != self._data.dtype:
            raise ValueError(f"an array of {self.dtype} cannot become {dtype} without a copy")
        return np.array(self._data, dtype=dtype, copy=copy)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return self.device.xp

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if stream is not None or dl_device not in {None, (CPU, 0)}:
            raise BufferError(f"the data is in the host's memory; it cannot go to device {dl_device}, stream {stream}")
        return to_dlpack(self._data.copy() if copy else self._data)

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU, 0

    def __getitem__(self, key: Any) -> "Array":
        for part in key if isinstance(key, tuple) else (key,):
            known = part is None or part is Ellipsis or isinstance(part, slice | int | np.integer)
            if not known or isinstance(part, bool):  # numpy would take a bool for a mask
                raise CallError(f"indexing takes integers, slices, ... and None, not {part!r}; use gather or embedding")
        return Array(np.asarray(self._data[key]), self.device, self.birth)

    def __len__(self) -> int:
        return len(self._data)

    def __bool__(self) -> bool:
        return bool(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __float__(self) -> float:
        return float(self._data)

    def __repr__(self) -> str:
        return f"Array({self._data}, dtype={self.dtype}, device={self.device.profile.id})"

    def _binary(self, operator: str, other: Any, reflected: bool) -> Any:
        if not isinstance(other, Array | np.ndarray | int | float | bool | np.generic):
            return NotImplemented
        if not isinstance(other, Array):
            other = value_of(other, self)
        return self.device.run(operator, other, self) if reflected else self.device.run(operator, self, other)

    def __neg__(self) -> Any:
        return self.device.run("neg", self)

    def __abs__(self) -> Any:
        return self.device.run("abs", self)


def _method(operator: str, *, reflected: bool = False) -> Callable[[Array, Any], Any]:
    def method(self: Array, other: Any) -> Any:
        return self._binary(operator, other, reflected)

    return method


_OPERATORS = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "matmul": "matmul",
    "pow": "pow",
}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")

for _python, _name in _OPERATORS.items():
    setattr(Array, f"__{_python}__", _method(_name))
    setattr(Array, f"__r{_python}__", _method(_name, reflected=True))
for _name in _COMPARISONS:
    setattr(Array, f"__{_name}__", _method(_name))


_ARRAYS_ONLY = {Array}


def values_of(given: Sequence[Any], others: Iterable[Any] = ()) -> Sequence[Any]:
    """Return operands with Python scalars made 0-d arrays and numpy arrays in native byte order; others unchanged.

    A scalar takes the dtype of the first tensor among `given` and `others`.
    """
    if set(map(type, given)) <= _ARRAYS_ONLY:
        return given
    like = next((value for value in (*given, *others) if isinstance(value, Array | np.ndarray | TensorType)), None)
    return [
        value_of(value, like) if isinstance(value, bool | int | float | np.generic) else _native(value)
        for value in given
    ]


def _native(value: Any) -> Any:
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        return value.astype(value.dtype.newbyteorder("="))
    return value


def value_of(value: Any, like: Any) -> Any:
    """Return a scalar as a 0-d numpy array of the dtype of `like` where its kind allows, else of the default dtype.

    bool is bool; an int takes any numeric dtype (alone: int64); a float any float dtype (else: float32).
    """
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    kind = Kind.BOOL if isinstance(value, bool) else Kind.INTEGER if isinstance(value, int) else Kind.FLOAT
    row = dtype(like.dtype) if like is not None else None
    if row is not None and row.kind.value >= kind.value and kind is not Kind.BOOL:
        return np.asarray(value).astype(row.storage)
    return np.asarray(value, dtype={Kind.BOOL: bool, Kind.INTEGER: np.int64, Kind.FLOAT: np.float32}[kind])


def operand_of(value: Any) -> Any:
    """Return what a call sees of a value: its type and origin. A list of values becomes a tuple, None stays None.

    Raises CallError for anything that is no tensor.
    """
    match value:
        case Operand() | None:
            return value
        case Array():
            return Operand(TensorType(value.dtype, value.shape), origin=value.birth.origin)
        case np.ndarray() | np.generic():
            return Operand(TensorType(dtype(value.dtype), value.shape))
        case TensorType():
            return Operand(value)
        case str():
            return parse_operand(value)
        case bool() | int() | float():
            return operand_of(value_of(value, None))
        case list() | tuple():
            return tuple(operand_of(item) for item in value)
        case _:
            raise CallError(f"a tensor is a numpy array, an Array or text such as 'float32[2,3]', not {value!r}")


def asarray(data: Any, device: "Device", target: DType | None) -> Array:
    """Return data on a device; numpy data of the wanted dtype is not copied. The dtype is born at the caller's line."""
    storage = None if target is None else target.storage
    if target is not None and storage is None:
        raise CallError(f"{target} can be judged but not computed: no library stores it")
    array = _native(data.numpy() if isinstance(data, Array) else np.asarray(data))
    if target is None and not isinstance(data, np.ndarray | np.generic | Array) and array.dtype == np.float64:
        storage = np.dtype(np.float32)
    return Array(array if storage is None else array.astype(storage, copy=False), device, Birth(caller("asarray")))
