"""Find the OpenCL runtimes of this machine and bring one to life."""

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from npusim.errors import NoRuntimeError

VARIABLE = "NPUSIM_OPENCL"
"""The environment variable that names a platform, by any part of its name, vendor, version or device."""

REPAIR = (
    "install one with `pip install pocl-binary-distribution`, or name one that is there with "
    f"{VARIABLE}=<part of its name>"
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One OpenCL platform with the device of it that would be used; plain data that can cross a process boundary."""

    platform: str
    vendor: str
    version: str
    device: str
    target: str
    driver: str
    is_cpu: bool
    has_fp64: bool
    has_fp16: bool
    divides_exactly: bool
    compute_units: int
    extensions: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Everything that a compiled program depends on; the target names the processor that it was compiled for."""
        return "|".join((self.platform, self.vendor, self.version, self.device, self.target, self.driver))

    def __str__(self) -> str:
        return f"{self.platform} ({self.version.strip()}) on {self.device}"


@dataclass(frozen=True, slots=True)
class Session:
    """A runtime brought to life in this process: its pyopencl module, device, context and queue."""

    cl: ModuleType
    runtime: Runtime
    device: Any
    context: Any
    queue: Any


def runtimes() -> tuple[Runtime, ...]:
    """Return every device of every OpenCL platform, in the order the loader reports them; empty if there is none."""
    return tuple(runtime for runtime, _ in _devices())


@cache
def session(runtime: Runtime) -> Session:
    """Return the one session of this process on `runtime`; raises NoRuntimeError if it is not there any more."""
    for candidate, device in _devices():
        if candidate == runtime:
            cl = _pyopencl()
            context = cl.Context([device])
            return Session(cl, runtime, device, context, cl.CommandQueue(context, device))
    raise NoRuntimeError(f"the OpenCL runtime {runtime} is not on this machine; {REPAIR}")


@cache
def _devices() -> tuple[tuple[Runtime, Any], ...]:
    cl = _pyopencl()
    try:
        platforms = cl.get_platforms()
    except cl.LogicError:  # the loader's way to say that there is no platform
        return ()
    return tuple(
        (_describe(cl, platform, device), device) for platform in platforms for device in _listed(cl, platform)
    )


def _listed(cl: ModuleType, platform: Any) -> list[Any]:
    try:
        return list(platform.get_devices())
    except cl.Error:  # a platform whose hardware is absent
        return []


def _describe(cl: ModuleType, platform: Any, device: Any) -> Runtime:
    extensions = tuple(sorted(device.extensions.split()))
    exact = cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT
    return Runtime(
        platform=platform.name.strip(),
        vendor=platform.vendor.strip(),
        version=platform.version.strip(),
        device=device.name.strip(),
        target=device.version.strip(),
        driver=device.driver_version.strip(),
        is_cpu=bool(device.type & cl.device_type.CPU),
        has_fp64="cl_khr_fp64" in extensions,
        has_fp16="cl_khr_fp16" in extensions,
        divides_exactly=bool(device.single_fp_config & exact),
        compute_units=device.max_compute_units,
        extensions=extensions,
    )


@cache
def _pyopencl() -> ModuleType:
    """Import pyopencl with PoCL set up for it; what the user has set in the environment wins.

    PoCL's own kernel cache finds no kernels in a second process (PoCL 3.0), so programs are kept by program.py instead,
    which needs work-group functions that are not specialised by launch size: those are not in the program's binary.
    """
    os.environ.setdefault("POCL_KERNEL_CACHE", "0")
    os.environ.setdefault("POCL_WORK_GROUP_SPECIALIZATION", "0")
    if "POCL_CACHE_DIR" not in os.environ:
        scratch = tempfile.mkdtemp(prefix="npusim-pocl-")
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        os.environ["POCL_CACHE_DIR"] = scratch
    os.environ.setdefault("PYOPENCL_NO_CACHE", "1")
    try:
        import pyopencl
    except ImportError as error:
        raise NoRuntimeError(f"pyopencl cannot be imported ({error}); {REPAIR}") from error
    return pyopencl
