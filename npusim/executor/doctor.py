"""Examine what the executor stands on: runtimes, versions, the program cache, exactness and the worker."""

import os
import stat
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from npusim.cache import cache_folder
from npusim.errors import ExecutionError, NoRuntimeError
from npusim.executor.buffers import Out
from npusim.executor.launch import Launch
from npusim.executor.program import library
from npusim.executor.runtime import Runtime, runtimes
from npusim.executor.selection import choose
from npusim.executor.selftest import Property, exactness
from npusim.executor.supervisor import InWorker

_PACKAGES = ("npusim", "numpy", "ml_dtypes", "pyopencl", "pocl-binary-distribution")
_EXTENSIONS = ("cl_khr_fp64", "cl_khr_fp16", "cl_khr_subgroups", "cl_khr_int64_base_atomics", "cl_khr_il_program")
_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """An installed package; version is None where it is absent."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class RuntimeReport:
    """A runtime that was found, whether it is the one used, and which of the interesting extensions it has."""

    runtime: Runtime
    is_used: bool
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheReport:
    """The folder of compiled programs; `is_private` says that nobody else can read or write it."""

    folder: Path
    exists: bool
    is_writable: bool
    is_private: bool
    programs: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """Whether a kernel ran in the worker, and how long that took: with its start, and once it was there."""

    works: bool
    detail: str
    first_s: float
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything `doctor` found. `why` is the reason for the runtime in use, or what is wrong if there is none."""

    packages: tuple[PackageVersion, ...]
    runtimes: tuple[RuntimeReport, ...]
    used: Runtime | None
    why: str
    cache: CacheReport
    exactness: tuple[Property, ...]
    worker: WorkerReport | None

    @property
    def is_healthy(self) -> bool:
        """Whether kernels can be trusted here: a runtime is used, all of the self-test holds and the worker works."""
        exact = bool(self.exactness) and all(one.holds for one in self.exactness)
        return self.used is not None and exact and self.worker is not None and self.worker.works


def doctor() -> Report:
    """Examine this machine. Never raises for what it finds: what is broken is in the report."""
    try:
        found, choice = runtimes(), choose()
    except NoRuntimeError as error:
        return Report(_packages(), _found(None), None, str(error), _cache(), (), None)
    return Report(
        packages=_packages(),
        runtimes=_reports(found, choice.runtime),
        used=choice.runtime,
        why=choice.why,
        cache=_cache(),
        exactness=exactness(choice.runtime),
        worker=_worker(choice.runtime),
    )


def _found(used: Runtime | None) -> tuple[RuntimeReport, ...]:
    try:
        return _reports(runtimes(), used)
    except NoRuntimeError:  # pyopencl itself is missing
        return ()


def _reports(found: tuple[Runtime, ...], used: Runtime | None) -> tuple[RuntimeReport, ...]:
    return tuple(
        RuntimeReport(one, one == used, tuple(name for name in _EXTENSIONS if name in one.extensions)) for one in found
    )


def _packages() -> tuple[PackageVersion, ...]:
    return tuple(PackageVersion(name, _version(name)) for name in _PACKAGES)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cache() -> CacheReport:
    folder = cache_folder("programs")
    exists = folder.is_dir()
    mode = folder.stat().st_mode if exists else 0
    sizes = [path.stat().st_size for path in folder.glob("*.bin")] if exists else []
    return CacheReport(
        folder=folder,
        exists=exists,
        is_writable=exists and os.access(folder, os.W_OK),
        is_private=exists and not mode & (stat.S_IRWXG | stat.S_IRWXO),
        programs=len(sizes),
        size_bytes=sum(sizes),
    )


def _worker(runtime: Runtime) -> WorkerReport:
    engine, x = InWorker(runtime, _LIMIT_S), np.ones(64, np.float32)
    times = []
    for _ in range(2):
        begin, found = time.perf_counter(), np.empty_like(x)
        try:
            engine.launch(Launch(library("selftest.cl"), "sums", (x, x, Out(found)), x.shape, (64,)))
        except ExecutionError as error:
            return WorkerReport(False, str(error), 0.0, 0.0)
        times.append(time.perf_counter() - begin)
    works = bool(np.all(found == 2))
    return WorkerReport(works, "" if works else "1 + 1 was not 2", *times)
