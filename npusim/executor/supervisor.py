"""Start the worker process, give it launches with a time limit, and say what happened when it dies."""

import atexit
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from npusim import errors
from npusim.errors import ExecutionError, KernelCrashed, KernelTimeout
from npusim.executor.buffers import Out, bits
from npusim.executor.launch import Launch
from npusim.executor.runtime import Runtime
from npusim.executor.wire import pack, read_frame

_START_LIMIT_S = 120.0
_LEAVE_LIMIT_S = 2.0
_LAST_WORDS_BYTES = 2000
_MOST_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class InWorker:
    """The engine that launches in the worker process: a crash or a hang ends the worker and not the caller."""

    runtime: Runtime
    timeout_s: float

    def launch(self, work: Launch) -> None:
        """Run it to its end; outputs are written only if it succeeds.

        Raises KernelTimeout or KernelCrashed (the next launch gets a fresh worker), KernelBuildError with the
        compiler's log, or another ExecutionError.
        """
        supervisor(os.getpid()).launch(work, self.runtime, self.timeout_s)


@cache
def supervisor(owner: int) -> "Supervisor":
    """Return the supervisor of the process with this id, which ends its worker when the interpreter exits."""
    one = Supervisor(owner)
    atexit.register(one.close)
    return one


class Supervisor:
    """Owns at most one worker process, which is started when needed and used for every launch until it dies."""

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def launch(self, work: Launch, runtime: Runtime, timeout_s: float) -> None:
        """Run one launch; see InWorker.launch."""
        with self._lock:
            worker = self._worker or _Worker()
            self._worker = worker
            try:
                header, blobs = worker.ask(pack(work, runtime, timeout_s), timeout_s)
            except TimeoutError as error:
                worker.process.kill()
                self._end()
                raise KernelTimeout(f"the kernel {work.kernel!r} did not end within {timeout_s:g} s") from error
            except (EOFError, BrokenPipeError) as error:
                how, said = worker.obituary()
                self._end()
                raise KernelCrashed(f"the kernel {work.kernel!r} ended its process: {how}{said}") from error
            except BaseException:  # an interrupted conversation cannot be taken up again
                self._end()
                raise
        if "error" in header:
            raise _error(header)
        outputs = (one.array for one in work.arguments if isinstance(one, Out))
        for array, content in zip(outputs, blobs, strict=True):
            bits(array.reshape(-1)).data.cast("B")[:] = content

    def close(self) -> None:
        """End the worker, if there is one and it is this process's own."""
        if os.getpid() == self._owner:
            with self._lock:
                self._end()

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


@dataclass(slots=True)
class _Worker:
    """A running worker process with its pipes, its error output and its scratch folder."""

    process: subprocess.Popen[bytes] = field(init=False)
    scratch: str = field(init=False)
    complaints: Any = field(init=False)

    def __post_init__(self) -> None:
        self.scratch = tempfile.mkdtemp(prefix="npusim-worker-")
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "npusim.executor.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            bufsize=0,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "POCL_CACHE_DIR": self.scratch,
            },
            start_new_session=True,
        )
        try:
            self.ask([], _START_LIMIT_S)
        except (EOFError, OSError) as error:
            how, said = self.obituary()
            self.end()
            raise ExecutionError(f"the worker process did not start: {how}{said}") from error

    def ask(self, message: list[memoryview], limit_s: float) -> tuple[dict[str, Any], list[bytes]]:
        """Write a message and return the reply. Raises TimeoutError, or EOFError or BrokenPipeError if it has died."""
        deadline = time.monotonic() + limit_s
        self.complaints.seek(0)  # the worker shares this position
        self.complaints.truncate()
        for piece in message:
            self._write(piece, deadline)
        return read_frame(lambda size: self._read(size, deadline))

    def obituary(self) -> tuple[str, str]:
        """Return how the process ended and, on further lines, the last that it wrote to its error output."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_LEAVE_LIMIT_S)
        code = self.process.returncode
        how = "it stopped answering" if code is None else f"exit code {code}"
        if code is not None and code < 0:
            how = signal.Signals(-code).name
        size = self.complaints.seek(0, os.SEEK_END)
        self.complaints.seek(max(0, size - _LAST_WORDS_BYTES))
        said = self.complaints.read().decode(errors="replace").strip()
        return how, f"\n{said}" if said else ""

    def end(self) -> None:
        """End the process, by closing its input if it is idle and by force if that is not enough, and tidy up."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self.process.wait(_LEAVE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.complaints.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _write(self, piece: memoryview, deadline: float) -> None:
        assert self.process.stdin is not None
        descriptor = self.process.stdin.fileno()
        while piece:
            _wait([], [descriptor], deadline)
            piece = piece[os.write(descriptor, piece[: select.PIPE_BUF]) :]

    def _read(self, size: int, deadline: float) -> bytes:
        assert self.process.stdout is not None
        descriptor, content = self.process.stdout.fileno(), bytearray()
        while len(content) < size:
            _wait([descriptor], [], deadline)
            part = os.read(descriptor, min(size - len(content), _MOST_AT_ONCE))
            if not part:
                raise EOFError
            content += part
        return bytes(content)


def _wait(readable: list[int], writable: list[int], deadline: float) -> None:
    ready = select.select(readable, writable, [], max(0.0, deadline - time.monotonic()))
    if not any(ready):
        raise TimeoutError


def _error(header: dict[str, Any]) -> ExecutionError:
    kind = getattr(errors, header["error"], ExecutionError)
    if not issubclass(kind, ExecutionError):
        kind = ExecutionError
    return kind(header["message"])
