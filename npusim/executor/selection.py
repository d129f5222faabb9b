"""Choose the OpenCL runtime that kernels run on, and say why."""

import os
from dataclasses import dataclass

from npusim.errors import NoRuntimeError
from npusim.executor.runtime import REPAIR, VARIABLE, Runtime, runtimes
from npusim.executor.selftest import is_exact_runtime

_POCL = "portable computing language"


@dataclass(frozen=True, slots=True)
class Choice:
    """A runtime and the reason for it, in words."""

    runtime: Runtime
    why: str


def select(name: str | None = None) -> Runtime:
    """Return the runtime to use; see `choose`."""
    return choose(name).runtime


def choose(name: str | None = None) -> Choice:
    """Return the runtime to use and why.

    `name`, or else the environment variable NPUSIM_OPENCL, picks the first platform that has it in its name, vendor,
    version or device, without regard to case. Otherwise PoCL comes first, then any other CPU runtime that passes the
    exactness self-test. Raises NoRuntimeError, naming what was found and the repair, if that leaves none.
    """
    found = runtimes()
    wanted, said_by = (name, "the caller") if name else (os.environ.get(VARIABLE, ""), VARIABLE)
    listing = "; ".join(map(str, found)) or "none"
    if wanted:
        for one in found:
            if wanted.lower() in one.identity.lower():
                return Choice(one, f"{said_by} names {wanted!r}")
        raise NoRuntimeError(
            f"no OpenCL runtime matches {wanted!r}, which {said_by} names (found: {listing}); {REPAIR}"
        )
    on_cpu = [one for one in found if one.is_cpu]
    for one in on_cpu:
        if one.platform.lower() == _POCL:
            return Choice(one, "PoCL is what npusim is developed on")
    for one in on_cpu:
        if is_exact_runtime(one):
            return Choice(one, "the first CPU runtime that passes the exactness self-test")
    raise NoRuntimeError(f"no OpenCL runtime runs exactly on this CPU (found: {listing}); {REPAIR}")
