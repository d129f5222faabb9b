"""Hand numpy arrays to OpenCL without copying them, and give results a good alignment."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from npusim.executor.runtime import Session

ALIGNMENT_BYTES = 128
"""What the widest OpenCL vector needs; arrays that a user's kernel sees begin at a multiple of it."""

_BITS = {1: np.dtype(np.uint8), 2: np.dtype(np.uint16), 4: np.dtype(np.uint32), 8: np.dtype(np.uint64)}


@dataclass(frozen=True, slots=True, eq=False)
class Out:
    """An array that a kernel writes; C-contiguous and writeable. `reads` says that the kernel also reads it."""

    array: np.ndarray[Any, Any]
    reads: bool = False


@dataclass(frozen=True, slots=True)
class Local:
    """A __local argument of this many bytes."""

    size_bytes: int


Argument = np.ndarray[Any, Any] | np.generic | Out | Local
"""An input array (made C-contiguous if it is not), a typed scalar (np.uint64(3)), an output or local memory."""


def bits(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the same memory as unsigned integers of the element's width: ml_dtypes types are no buffers themselves."""
    return array.view(_BITS.get(array.dtype.itemsize, np.dtype(np.uint8)))


def contiguous(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array itself if it is C-contiguous, aligned and in native byte order, else such a copy."""
    native = array.dtype.newbyteorder("=")
    if array.flags.c_contiguous and array.flags.aligned and array.dtype == native:
        return array
    return np.array(array, dtype=native, order="C", copy=True)


def expanded(array: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the array repeated to `shape`, C-contiguous; the array itself where it already is that."""
    if array.shape == shape:
        return contiguous(array)
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    whole = empty(shape, native.dtype)
    np.copyto(bits(whole), np.broadcast_to(_unit_bits(native), shape))
    return whole


def _unit_bits(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array's bits whatever its strides: numpy copies unsigned integers faster than ml_dtypes types."""
    return bits(array if array.flags.c_contiguous else np.ascontiguousarray(array))


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return an uninitialised C-contiguous array that begins at a multiple of ALIGNMENT_BYTES."""
    size_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.empty(size_bytes + ALIGNMENT_BYTES, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT_BYTES
    return raw[start : start + size_bytes].view(dtype).reshape(shape)


@dataclass(slots=True)
class Held:
    """One kernel argument with whatever must stay alive, or be read back, until the kernel has ended."""

    value: Any
    array: np.ndarray[Any, Any] | None = None
    written: bool = False

    def finish(self, live: Session) -> None:
        """Make what the kernel wrote visible to the host: mapping its own memory does, and copies nothing here."""
        if self.array is not None and self.written:
            mapped, _ = live.cl.enqueue_map_buffer(
                live.queue, self.value, live.cl.map_flags.READ, 0, self.array.shape, self.array.dtype
            )
            mapped.base.release()

    def release(self) -> None:
        """Give the buffer back."""
        if self.array is not None:
            self.value.release()


def argument(live: Session, given: Argument) -> Held:
    """Return the pyopencl form of a launch argument; a zero-size array becomes a null pointer."""
    match given:
        case Local(size_bytes):
            return Held(live.cl.LocalMemory(size_bytes))
        case Out(array, reads):
            flags = live.cl.mem_flags.READ_WRITE if reads else live.cl.mem_flags.WRITE_ONLY
            return _buffer(live, array, flags, written=True)
        case np.ndarray():
            return _buffer(live, contiguous(given), live.cl.mem_flags.READ_ONLY, written=False)
        case _:
            return Held(given)


def _buffer(live: Session, array: np.ndarray[Any, Any], access: int, *, written: bool) -> Held:
    if array.size == 0:
        return Held(None)
    raw = bits(array.reshape(-1))
    return Held(live.cl.Buffer(live.context, access | live.cl.mem_flags.USE_HOST_PTR, hostbuf=raw), raw, written)
