"""Whole models on the chip: the fast way and the kernels agree as far as rounding lets them, and both are faithful."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import npusim
from npusim.frontends.torch.emulation import Emulator
from npusim.numerics.measures import sqnr_db
from tests.frontends.torch import models

DTYPES = {"bfloat16": (torch.bfloat16, 34, 38), "float16": (torch.float16, 52, 42)}
"""A dtype, the least SQNR between the two ways, and the least SQNR of each to float32, both in dB."""


class Emulated(TorchDispatchMode):
    def __init__(self, machine):
        super().__init__()
        self.machine = machine

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.machine.compute(func, args, kwargs)


def outputs(build, dtype):
    """Return the first output of a model in float32, emulated by floats, and emulated by kernels, as float32 arrays."""
    model, inputs = build(torch.float32)
    found = []
    with torch.inference_mode():
        found.append(model(**inputs)[0].numpy())
        narrow = {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items()}
        for kernels in (None, True):
            machine = Emulator(npusim.profiles.load("ascend910b"), kernels=kernels)
            with Emulated(machine):
                found.append(model.to(dtype)(**narrow)[0].float().numpy())
            assert not any(path == "approximate" for _, path in machine.paths)
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("build", [models.bert, models.vit, models.llama], ids=lambda build: build.__name__)
def test_a_model_computed_by_floats_is_the_model_computed_by_kernels(build, dtype):
    kind, apart, faithful = DTYPES[dtype]
    truth, by_floats, by_kernels = outputs(build, kind)
    assert sqnr_db(by_floats, by_kernels) > apart
    assert sqnr_db(by_floats, truth) > faithful
    assert sqnr_db(by_kernels, truth) > faithful
