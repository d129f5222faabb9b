"""Does the block run on the chips that we ship on, and how far is it from exact arithmetic?"""

import ml_dtypes
import numpy as np
import pytest
from attention import attention, project

import npusim

HEADS, LENGTH, SIZE = 2, 16, 8


def inputs(npu, dtype, table_dtype):
    random = np.random.default_rng(0)
    q, k, v = random.standard_normal((3, HEADS, LENGTH, SIZE), np.float32).astype(dtype)
    angles = np.outer(np.arange(LENGTH), 10000.0 ** (-np.arange(SIZE // 2) / SIZE * 2))
    angles = np.concatenate([angles, angles], axis=-1)
    return tuple(map(npu.xp.asarray, (q, k, v, np.cos(angles).astype(table_dtype), np.sin(angles).astype(table_dtype))))


@pytest.mark.npu("ascend910b", "ascend310p")
def test_float16_runs_on_both(npu):
    operands = inputs(npu, np.float16, np.float16)
    out = attention(*operands).numpy().astype(np.float64)
    exact = attention_in_float64(*(o.numpy().astype(np.float64) for o in operands))
    assert out.shape == (HEADS, LENGTH, SIZE)
    np.testing.assert_allclose(out, exact, atol=0.02)


def attention_in_float64(q, k, v, cos, sin):
    def rotate(x):
        return x * cos + np.concatenate([-x[..., SIZE // 2 :], x[..., : SIZE // 2]], axis=-1) * sin

    scores = rotate(q) @ rotate(k).swapaxes(-1, -2) / np.sqrt(SIZE)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


@pytest.mark.npu("ascend910b")
class TestProjection:
    """The output projection takes 16-bit floats only: https://github.com/InternLM/lmdeploy/issues/3237."""

    @pytest.fixture
    def weight(self, npu):
        return npu.xp.asarray(np.ones((SIZE, 4), ml_dtypes.bfloat16))

    def test_a_float32_rotary_table_kills_it(self, npu, weight):
        x = attention(*inputs(npu, ml_dtypes.bfloat16, np.float32))
        assert x.dtype.name == "float32"
        with pytest.raises(npusim.DtypeNotSupportedError, match="x1 not implemented for DT_FLOAT"):
            project(npu, x, weight)

    def test_a_bfloat16_rotary_table_repairs_it(self, npu, weight):
        x = attention(*inputs(npu, ml_dtypes.bfloat16, ml_dtypes.bfloat16))
        assert project(npu, x, weight).dtype.name == "bfloat16"


def test_no_surprise_on_the_default_profiles(npu):
    """Without a marker: runs on every profile of `npu_profiles` in pytest.ini."""
    assert npu.judge("rms_norm", "float16[4,64]", "float16[64]", normalized_shape=64)
