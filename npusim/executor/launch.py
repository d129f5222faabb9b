"""Say what is to be launched as plain data, and launch it in this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Protocol

from npusim.errors import ExecutionError
from npusim.executor.buffers import Argument, argument
from npusim.executor.program import Programs, Source, library
from npusim.executor.runtime import Runtime, session


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """One launch of one kernel."""

    source: Source
    kernel: str
    arguments: tuple[Argument, ...]
    global_size: tuple[int, ...]
    local_size: tuple[int, ...] | None = None


class Engine(Protocol):
    """What executes launches; returns when the outputs are written."""

    def launch(self, work: Launch) -> None:
        """Run it to its end. Raises KernelBuildError or another ExecutionError."""


def kernel_launch(
    file: str,
    kernel: str,
    arguments: tuple[Argument, ...],
    global_size: tuple[int, ...],
    local_size: tuple[int, ...] | None = None,
    *,
    defines: Mapping[str, object] | None = None,
) -> Launch:
    """Return the launch of a kernel from a file in kernels/, built with -DNAME=VALUE for every one of `defines`."""
    chosen = tuple((name, str(value)) for name, value in sorted((defines or {}).items()))
    return Launch(library(file, chosen), kernel, arguments, global_size, local_size)


@dataclass(frozen=True, slots=True)
class InProcess:
    """The engine that launches in this process; only for kernels that are trusted not to crash or hang."""

    runtime: Runtime
    programs: Programs = field(compare=False)
    _one_at_a_time: Lock = field(default_factory=Lock, compare=False, repr=False)

    def launch(self, work: Launch) -> None:
        """Run it to its end. Arrays are not copied if they are C-contiguous and aligned to their element."""
        with self._one_at_a_time:  # a kernel object holds its arguments, and the runtime uses every core anyway
            self._launch(work)

    def _launch(self, work: Launch) -> None:
        live = session(self.runtime)
        program = self.programs.get(work.source)
        kernel = program.kernel(work.kernel)
        held = [argument(live, one) for one in work.arguments]
        try:
            kernel(live.queue, work.global_size, work.local_size, *(one.value for one in held))
            for one in held:
                one.finish(live)
            live.queue.finish()
        except live.cl.Error as error:
            raise ExecutionError(f"the kernel {work.kernel!r} could not be launched: {error}") from error
        finally:
            for one in held:
                one.release()
        program.keep()


@cache
def in_process(runtime: Runtime) -> InProcess:
    """Return the one in-process engine on `runtime`."""
    return InProcess(runtime, Programs(session(runtime)))
