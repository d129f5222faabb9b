"""A vision attention block as a serving framework runs it: the user's code of the demonstration.

The sizes and the rotary table are those of Qwen2.5-VL's vision tower (transformers, models/qwen2_5_vl); the bug and its
two repairs those of InternLM/lmdeploy #3237 and #3247.
"""

from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HIDDEN, HEADS, HEAD_SIZE = 1280, 16, 80
GRID = (34, 46)
MERGE = 2
THETA = 10_000.0
EPSILON = 1e-6


class Repair(Enum):
    """Where the float32 rotary table meets the model's dtype."""

    NONE = "none"
    EARLY = "cast the angles to the model's dtype, then take cos and sin"
    LATE = "take cos and sin in float32, then cast them to the model's dtype"


class Weights(NamedTuple):
    """One block's parameters, in the model's dtype."""

    norm: Any
    qkv: Any
    qkv_bias: Any
    projection: Any


def angles() -> NDArray[np.float32]:
    """Return the rotary angle of every patch and channel pair, [patches, head size / 2], as the model computes it."""
    frequencies = 1.0 / THETA ** (np.arange(0, HEAD_SIZE // 2, 2, dtype=np.float32) / (HEAD_SIZE // 2))
    rows, columns = np.meshgrid(*map(np.arange, GRID), indexing="ij")
    positions = np.stack([_merged(rows), _merged(columns)], axis=-1).astype(np.float32)
    return (positions[..., None] * frequencies.astype(np.float32)).reshape(len(positions), -1)


def _merged(index: NDArray[Any]) -> NDArray[Any]:
    """Order patches so that those which are merged later (2 x 2) stand together."""
    height, width = index.shape
    return index.reshape(height // MERGE, MERGE, width // MERGE, MERGE).transpose(0, 2, 1, 3).reshape(-1)


def rotary_table(xp: Any, table: Any, dtype: Any, repair: Repair) -> tuple[Any, Any]:
    """Return cos and sin, [patches, 1, head size]."""
    table = xp.concat([table, table], axis=-1)[:, None, :]
    if repair is Repair.EARLY:
        table = table.astype(dtype)
    cos, sin = xp.cos(table), xp.sin(table)
    if repair is Repair.LATE:
        cos, sin = cos.astype(dtype), sin.astype(dtype)
    return cos, sin


def rotate(xp: Any, x: Any, cos: Any, sin: Any) -> Any:
    """Rotate the two halves of every head by the angle of the patch."""
    half = xp.concat([-x[..., HEAD_SIZE // 2 :], x[..., : HEAD_SIZE // 2]], axis=-1)
    return x * cos + half * sin


def attention(xp: Any, q: Any, k: Any, v: Any) -> Any:
    """Attend from every patch to every patch, [patches, heads, head size] each."""
    q, k, v = (xp.permute_dims(x, (1, 0, 2)) for x in (q, k, v))
    weights = xp.softmax((q @ k.mT) * HEAD_SIZE**-0.5, axis=-1)
    return xp.permute_dims(weights @ v, (1, 0, 2))


def block(xp: Any, hidden: Any, weights: Weights, cos: Any, sin: Any) -> Any:
    """Run the attention half of a vision block; the projection is row-parallel, its ranks summed by the operator."""
    normed = xp.rms_norm(hidden, weights.norm, normalized_shape=(HIDDEN,), eps=EPSILON)
    mixed = xp.linear(normed, weights.qkv, weights.qkv_bias)
    q, k, v = (xp.reshape(x, (-1, HEADS, HEAD_SIZE)) for x in xp.split(mixed, HIDDEN, dim=-1))
    q, k = rotate(xp, q, cos, sin), rotate(xp, k, cos, sin)
    heads = xp.reshape(attention(xp, q, k, v), (-1, HIDDEN))
    return xp.matmul_all_reduce(heads, weights.projection)
