"""Unary operators beside numpy and ml_dtypes themselves, on every 16-bit value: nothing of ours in the oracle."""

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from npusim.call import TensorType
from npusim.dtypes import dtype
from npusim.executor import Executor
from npusim.numerics.model import IEEE

ONE = np.float32(1)


def in_double(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: function(x.astype(np.float64)).astype(np.float32)


exp = in_double(np.exp)
FORMULAS = {
    "neg": np.negative,
    "abs": np.abs,
    "relu": lambda x: np.where(x > 0, x, np.where(np.isnan(x), x, np.float32(0))),
    "sqrt": np.sqrt,
    "rsqrt": lambda x: ONE / np.sqrt(x),
    "reciprocal": lambda x: ONE / x,
    "exp": exp,
    "log": in_double(np.log),
    "sin": in_double(np.sin),
    "cos": in_double(np.cos),
    "tanh": in_double(np.tanh),
    "sigmoid": lambda x: ONE / (ONE + exp(-x)),
    "silu": lambda x: x / (ONE + exp(-x)),
}


@pytest.mark.parametrize("storage", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("operator", FORMULAS)
def test_all_65536_inputs(operator: str, storage: type) -> None:
    x = np.arange(2**16, dtype=np.uint16).view(storage)
    with np.errstate(all="ignore"):
        want = FORMULAS[operator](x.astype(np.float32)).astype(storage)
    (got,) = Executor(IEEE).run(operator, [x], {}, [TensorType(dtype(storage), x.shape)])
    nan = np.isnan(want.astype(np.float32))
    np.testing.assert_array_equal(np.isnan(got.astype(np.float32)), nan)
    np.testing.assert_array_equal(got.view(np.uint16)[~nan], want.view(np.uint16)[~nan])
