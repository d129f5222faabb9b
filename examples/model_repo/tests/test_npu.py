"""Does the model run on the chips that we ship on? Rejections that we know of are in npu-baseline.json."""

import pytest
import torch
from tinyvl import build

DTYPES = {"ascend910b": torch.bfloat16, "ascend310p": torch.float16}


@pytest.fixture
def dtype(npu):
    return DTYPES[npu.profile.id]


def test_a_picture_and_text(npusim_torch, dtype):
    model, inputs = build(dtype)
    with npusim_torch() as run:
        output = model(**inputs)
    assert output.logits.dtype is dtype
    assert run.counts.judged > 100


def test_text_alone(npusim_torch, dtype):
    model, inputs = build(dtype)
    with npusim_torch():
        model(input_ids=inputs["input_ids"][:, -2:])


@pytest.mark.npu("ascend910b", lowering="eager")
def test_without_tensor_parallelism(npusim_torch, dtype):
    """A float32 table is promoted and nothing refuses it: only the deployment above finds the bug."""
    model, inputs = build(dtype)
    with npusim_torch():
        model(**inputs)
