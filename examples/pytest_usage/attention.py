"""One attention block as a model repository has it: written for whatever array library its inputs come from."""

import math


def rotate_half(x, xp):
    half = x.shape[-1] // 2
    return xp.concat([-x[..., half:], x[..., :half]], axis=-1)


def rotary(x, cos, sin, xp):
    return x * cos + rotate_half(x, xp) * sin


def attention(q, k, v, cos, sin):
    """Return attention with rotary position embedding; all of shape [heads, length, size]."""
    xp = q.__array_namespace__()
    q, k = rotary(q, cos, sin, xp), rotary(k, cos, sin, xp)
    scores = q @ k.mT * (1 / math.sqrt(q.shape[-1]))
    return xp.softmax(scores) @ v


def project(npu, x, weight):
    """Return the output projection of a tensor-parallel model: the matmul that sums over all ranks."""
    return npu.run("matmul_all_reduce", x, weight)
