"""Prove, once for each runtime version, that a runtime computes as exactly as the kernels rely on."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np

from npusim.cache import cache_folder, read_sealed, write_sealed
from npusim.errors import ExecutionError
from npusim.executor.buffers import Out
from npusim.executor.launch import Launch
from npusim.executor.program import library
from npusim.executor.runtime import Runtime
from npusim.executor.supervisor import InWorker

_LIMIT_S = 60.0
_SAMPLES = 1 << 14


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that must hold, whether it does, and what was seen if it does not."""

    name: str
    holds: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Check:
    says: str
    expected: Callable[[Any, Any], Any]
    result: type = np.float32


_CHECKS: Mapping[str, _Check] = MappingProxyType(
    {
        "sums": _Check("float32 + rounds to nearest even", lambda x, y: x + y),
        "products": _Check("float32 * rounds to nearest even", lambda x, y: x * y),
        "quotients": _Check("float32 / rounds to nearest even", lambda x, y: x / y),
        "roots": _Check("float32 sqrt rounds to nearest even", lambda x, _: np.sqrt(x)),
        "multiply_add": _Check("a * b + c is not contracted to fma", lambda x, y: x * y + x),
        "halves": _Check("float32 subnormals are kept", lambda x, y: x * np.float32(2.0**-100) * y),
        "to_float16": _Check("float32 -> float16 as numpy", lambda x, _: x.astype(np.float16), np.float16),
        "to_bfloat16": _Check(
            "float32 -> bfloat16 as ml_dtypes", lambda x, _: x.astype(ml_dtypes.bfloat16), ml_dtypes.bfloat16
        ),
        "exponentials": _Check(
            "exp in float64, rounded to float32", lambda x, _: np.exp(x.astype(np.float64)).astype(np.float32)
        ),
    }
)


@cache
def exactness(runtime: Runtime) -> tuple[Property, ...]:
    """Return what holds on a runtime; measured in the worker, and kept beside the compiled programs."""
    kept = cache_folder("programs") / f"selftest-{_key(runtime)}.json"
    return _restored(kept) or _measured(runtime, kept)


def is_exact_runtime(runtime: Runtime) -> bool:
    """Whether everything holds."""
    return all(one.holds for one in exactness(runtime))


def _key(runtime: Runtime) -> str:
    return hashlib.sha256(library("selftest.cl").key(runtime.identity).encode()).hexdigest()


def _restored(path: Path) -> tuple[Property, ...]:
    content = read_sealed(path)
    if content is None:
        return ()
    return tuple(Property(**row) for row in json.loads(content))


def _measured(runtime: Runtime, kept: Path) -> tuple[Property, ...]:
    random = np.random.default_rng(20)
    x, y = random.integers(0, 2**32, (2, _SAMPLES), dtype=np.uint32).view(np.float32)
    found = tuple(_measure(runtime, name, check, x, y) for name, check in _CHECKS.items())
    if not any("could not run" in one.detail for one in found):
        write_sealed(kept, json.dumps([asdict(one) for one in found]).encode())
    return found


def _measure(runtime: Runtime, name: str, check: _Check, x: Any, y: Any) -> Property:
    found = np.empty(x.shape, check.result)
    try:
        work = Launch(library("selftest.cl"), name, (x, y, Out(found)), x.shape, (64,))
        InWorker(runtime, _LIMIT_S).launch(work)
    except ExecutionError as error:
        return Property(check.says, False, f"could not run: {error}")
    with np.errstate(all="ignore"):
        expected = check.expected(x, y)
    unsigned = f"u{found.itemsize}"
    nan = np.isnan(expected.astype(np.float64)) & np.isnan(found.astype(np.float64))
    wrong = int(np.count_nonzero((found.view(unsigned) != expected.view(unsigned)) & ~nan))
    return Property(check.says, wrong == 0, f"{wrong} of {x.size} results differ" if wrong else "")
