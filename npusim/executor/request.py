"""What an operator's implementation is given, and what it must say of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npusim.call import TensorType
from npusim.executor.launch import Engine
from npusim.numerics.model import Numerics, Overflow, Subnormals

FLUSH, SATURATE = 1, 2
"""NPU_FLUSH and NPU_SATURATE of kernels/soft_float.h."""


def policy(numerics: Numerics) -> int:
    """Return the `policy` argument of the prelude's encode functions; unknown means kept and IEEE."""
    flush = FLUSH if numerics.subnormals is Subnormals.FLUSH else 0
    return flush | (SATURATE if numerics.overflow is Overflow.SATURATE else 0)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One operator to execute: its arrays (None on an absent port), complete attributes and promised outputs."""

    engine: Engine
    numerics: Numerics
    operator: str
    inputs: tuple[np.ndarray[Any, Any] | None, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[TensorType, ...]


@dataclass(frozen=True, slots=True)
class Implementation:
    """How one operator is executed: `run` gives fresh C-contiguous arrays, `supports` says for which input dtypes."""

    run: Callable[[Request], tuple[np.ndarray[Any, Any], ...]]
    supports: Callable[[Sequence[str]], bool]
