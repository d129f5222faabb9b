"""The process that runs kernels which may crash or hang; supervisor.py starts it as a module."""

import math
import os
import signal
import sys
from typing import BinaryIO

from npusim.errors import ExecutionError
from npusim.executor.buffers import Out
from npusim.executor.launch import in_process
from npusim.executor.wire import frame, read_frame, unpack

_GRACE_S = 5
"""How much longer than its parent a worker waits before it ends itself, should the parent be gone."""


def main() -> None:
    """Serve launches from standard input until it ends; replies go to what standard output was at the start."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a kernel prints must not enter the replies
    _write(replies, frame({"ready": True}))
    while True:
        try:
            header, blobs = read_frame(lambda size: _exactly(requests, size))
        except EOFError:
            return
        signal.alarm(math.ceil(header["timeout_s"]) + _GRACE_S)
        runtime, work = unpack(header, blobs)
        try:
            in_process(runtime).launch(work)
        except ExecutionError as error:
            reply = frame({"error": type(error).__name__, "message": str(error)})
        else:
            reply = frame({}, [one.array for one in work.arguments if isinstance(one, Out)])
        signal.alarm(0)
        _write(replies, reply)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _write(stream: BinaryIO, pieces: list[memoryview]) -> None:
    for piece in pieces:
        stream.write(piece)
    stream.flush()


if __name__ == "__main__":
    main()
