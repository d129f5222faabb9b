"""Devices, data and a short way to run one operator, for the tests of the kernels beyond elementwise."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from npusim.call import TensorType
from npusim.dtypes import DTYPES
from npusim.executor import Executor
from npusim.numerics.model import IEEE, Numerics, Overflow, Subnormals

FLOATS = ("float16", "bfloat16", "float32", "float64")
CLAMPING = replace(IEEE, overflow=Overflow.SATURATE, subnormals=Subnormals.FLUSH)
NARROW = Numerics()
"""Computes and accumulates in the operands' own dtype."""
HALF_MATMUL = replace(IEEE, matmul=MappingProxyType({"float32": "float16"}))
DEVICES = {"ieee": IEEE, "clamping": CLAMPING, "narrow": NARROW}


def storage(name):
    return DTYPES[name].storage


def run(numerics, operator, inputs, outputs, **attributes):
    """Execute one operator; `outputs` are (dtype, shape), one of them for a single output."""
    wanted = [outputs] if isinstance(outputs[0], str) else outputs
    types = [TensorType(DTYPES[name], tuple(shape)) for name, shape in wanted]
    results = Executor(numerics).run(operator, inputs, attributes, types)
    for result, kind in zip(results, types, strict=True):
        assert result.dtype == kind.dtype.storage
        assert result.shape == kind.shape
        assert result.flags.c_contiguous
    return results[0] if isinstance(outputs[0], str) else results


def normal(shape, name, seed=0):
    """Normally distributed values."""
    return np.random.default_rng(seed).standard_normal(shape).astype(storage(name))


def awkward(shape, name, seed=0):
    """Values with zeros of both signs and subnormals among them, and a few infinities and NaNs."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(shape)
    tiny = 2.0 ** {"float16": -20, "bfloat16": -128, "float32": -140, "float64": -1060}[name]
    specials = np.array([0.0, -0.0, tiny, -tiny, np.inf, -np.inf, np.nan])
    chosen = generator.choice(len(specials), shape, p=[0.3, 0.3, 0.16, 0.15, 0.03, 0.03, 0.03])
    return np.where(generator.random(shape) < 0.2, specials[chosen], values).astype(storage(name))


def raw(array):
    """Return the array's bits."""
    return np.ascontiguousarray(array).view(np.uint8)
