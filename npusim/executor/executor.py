"""Run operators and users' kernels on an OpenCL runtime, under the arithmetic of one device."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np

from npusim.call import TensorType
from npusim.dtypes import dtype
from npusim.errors import ExecutionError, UsageError
from npusim.executor.buffers import Argument, Local, Out
from npusim.executor.launch import Engine, Launch, in_process
from npusim.executor.program import Source
from npusim.executor.request import Implementation, Request
from npusim.executor.runtime import Runtime
from npusim.executor.selection import select
from npusim.executor.supervisor import InWorker
from npusim.numerics.model import Numerics


class Isolation(Enum):
    """Where npusim's own kernels run. A user's own kernel always runs in the worker."""

    IN_PROCESS = "in_process"
    WORKER = "worker"


_FAMILIES = ("elementwise", "movement", "reduce", "rows", "matmul", "attention", "rope")


@cache
def implementations() -> Mapping[str, Implementation]:
    """Return every operator that the executor can run, by name."""
    modules = (import_module(f"npusim.executor.{family}") for family in _FAMILIES)
    return MappingProxyType({name: one for module in modules for name, one in module.OPERATORS.items()})


class Executor:
    """Executes operators with the arithmetic of `numerics`.

    The runtime is chosen, and pyopencl imported, at the first call that needs it (NoRuntimeError if there is none).
    With Isolation.WORKER every kernel runs in a process of its own, which a crash (KernelCrashed) or the time limit
    (KernelTimeout) ends without harm to the caller.
    """

    def __init__(
        self,
        numerics: Numerics,
        *,
        isolation: Isolation = Isolation.IN_PROCESS,
        timeout_s: float = 120.0,
        runtime: Runtime | None = None,
    ) -> None:
        self.numerics, self.isolation, self.timeout_s = numerics, isolation, timeout_s
        self._runtime = runtime
        self._engine: Engine | None = None

    @property
    def runtime(self) -> Runtime:
        """The runtime that kernels run on."""
        if self._runtime is None:
            self._runtime = select()
        return self._runtime

    def run(
        self,
        operator: str,
        inputs: Sequence[np.ndarray[Any, Any] | None],
        attributes: Mapping[str, Any],
        outputs: Sequence[TensorType],
    ) -> tuple[np.ndarray[Any, Any], ...]:
        """Execute one operator and return its outputs, of the dtypes and shapes asked for, fresh and C-contiguous.

        `inputs` follow the operator's ports, None where an optional one is absent; any strides, empty and 0-d arrays
        are taken. `attributes` are complete. Raises ExecutionError if there is no kernel for these dtypes.
        """
        implementation = implementations().get(operator)
        dtypes = [dtype(array.dtype).name for array in inputs if array is not None]
        if implementation is None or not implementation.supports(dtypes):
            raise ExecutionError(f"there is no kernel for {operator}({', '.join(dtypes)})")
        return implementation.run(
            Request(self._launcher(), self.numerics, operator, tuple(inputs), attributes, tuple(outputs))
        )

    def supports(self, operator: str, dtypes: Sequence[str]) -> bool:
        """Whether there is a kernel for the operator with present inputs of these canonical dtypes, in port order."""
        implementation = implementations().get(operator)
        return implementation is not None and implementation.supports(dtypes)

    def run_kernel(
        self,
        source: str,
        name: str,
        arguments: Sequence[Argument],
        global_size: Sequence[int],
        local_size: Sequence[int] | None = None,
        *,
        options: Sequence[str] = (),
        timeout_s: float | None = None,
    ) -> tuple[np.ndarray[Any, Any], ...]:
        """Build OpenCL C that is not npusim's own, run one kernel of it in the worker, and return the filled outputs.

        Arrays are read, an Out is written (and also read, if it says so), a Local is __local memory, numpy scalars are
        passed by value. The limit covers building, too. Raises KernelBuildError with the compiler's log, KernelTimeout,
        KernelCrashed, another ExecutionError if it cannot be launched, or UsageError for an argument of no known width.
        """
        checked = tuple(_checked(index, one) for index, one in enumerate(arguments))
        sizes = tuple(global_size), None if local_size is None else tuple(local_size)
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        InWorker(self.runtime, limit_s).launch(Launch(Source(source, tuple(options)), name, checked, *sizes))
        return tuple(one.array for one in checked if isinstance(one, Out))

    def _launcher(self) -> Engine:
        if self._engine is None:
            worker = self.isolation is Isolation.WORKER
            self._engine = InWorker(self.runtime, self.timeout_s) if worker else in_process(self.runtime)
        return self._engine


def _checked(index: int, argument: object) -> Argument:
    match argument:
        case np.ndarray() | np.generic() | Out() | Local():
            return argument
        case _:
            raise UsageError(
                f"kernel argument {index} is a {type(argument).__name__}; it must be a numpy array (read), "
                f"an Out (written), a Local, or a numpy scalar of the width the kernel expects, "
                f"such as numpy.int32({argument!r})"
            )
