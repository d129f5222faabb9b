"""The form in which launches and results cross to the worker process: a JSON header and raw bytes, nothing else."""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from npusim.executor.buffers import Argument, Local, Out, bits, contiguous, empty
from npusim.executor.launch import Launch
from npusim.executor.program import Source
from npusim.executor.runtime import Runtime

Read = Callable[[int], bytes]
"""Gives exactly so many bytes, or raises EOFError."""

_LENGTH = struct.Struct("<Q")


def frame(header: dict[str, Any], blobs: Sequence[np.ndarray[Any, Any]] = ()) -> list[memoryview]:
    """Return the pieces of one message, to be written in order; arrays are not copied."""
    encoded = json.dumps({**header, "blobs": [blob.nbytes for blob in blobs]}).encode()
    return [
        memoryview(_LENGTH.pack(len(encoded)) + encoded),
        *(blob.data.cast("B") for blob in blobs if blob.size),
    ]


def read_frame(read: Read) -> tuple[dict[str, Any], list[bytes]]:
    """Return the header and the raw bytes of the next message; raises EOFError where the stream ends."""
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    header = json.loads(read(length))
    return header, [read(size) for size in header["blobs"]]


def pack(work: Launch, runtime: Runtime, timeout_s: float) -> list[memoryview]:
    """Return the message that asks for a launch."""
    blobs: list[np.ndarray[Any, Any]] = []
    header = {
        "runtime": {**asdict(runtime), "extensions": list(runtime.extensions)},
        "source": asdict(work.source),
        "kernel": work.kernel,
        "arguments": [_packed(one, blobs) for one in work.arguments],
        "global_size": list(map(int, work.global_size)),
        "local_size": None if work.local_size is None else list(map(int, work.local_size)),
        "timeout_s": timeout_s,
    }
    return frame(header, blobs)


def unpack(header: dict[str, Any], blobs: Sequence[bytes]) -> tuple[Runtime, Launch]:
    """Return what `pack` was given, with arrays of its own to work on."""
    remaining = iter(blobs)
    source, local = header["source"], header["local_size"]
    runtime = {**header["runtime"], "extensions": tuple(header["runtime"]["extensions"])}
    work = Launch(
        source=Source(source["text"], tuple(source["options"]), source["trusted"]),
        kernel=header["kernel"],
        arguments=tuple(_unpacked(one, remaining) for one in header["arguments"]),
        global_size=tuple(header["global_size"]),
        local_size=None if local is None else tuple(local),
    )
    return Runtime(**runtime), work


def _packed(given: Argument, blobs: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
    match given:
        case Local(size_bytes):
            return {"kind": "local", "size_bytes": size_bytes}
        case Out(array, reads):
            if reads:
                blobs.append(_raw(array))
            return {"kind": "out", "width": _width(array), "count": _raw(array).size, "reads": reads}
        case np.ndarray():
            blobs.append(_raw(given))
            return {"kind": "array", "width": _width(given)}
        case _:
            return {"kind": "scalar", "dtype": given.dtype.str, "bytes": given.tobytes().hex()}


def _unpacked(given: dict[str, Any], blobs: Any) -> Argument:
    match given["kind"]:
        case "local":
            return Local(given["size_bytes"])
        case "scalar":
            scalar: np.generic = np.frombuffer(bytes.fromhex(given["bytes"]), np.dtype(given["dtype"]))[0]
            return scalar
        case "array":
            return _aligned(next(blobs), given["width"])
        case _:
            content = next(blobs) if given["reads"] else bytes(given["count"] * given["width"])
            return Out(_aligned(content, given["width"]), given["reads"])


def _aligned(content: bytes, width: int) -> np.ndarray[Any, Any]:
    given = np.frombuffer(content, f"u{width}")
    array = empty(given.shape, given.dtype)
    array[:] = given
    return array


def _raw(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return bits(contiguous(array).reshape(-1))


def _width(array: np.ndarray[Any, Any]) -> int:
    return int(bits(array.reshape(-1)[:0]).dtype.itemsize)
