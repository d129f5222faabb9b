"""The float64 truth of the demonstration: the same code on numpy arrays, with the operators' references."""

from types import SimpleNamespace

import numpy as np

from npusim.operators import reference

XP = SimpleNamespace(
    concat=np.concatenate,
    cos=np.cos,
    sin=np.sin,
    reshape=np.reshape,
    permute_dims=np.transpose,
    softmax=lambda x, axis: reference.softmax(x, dim=axis),
    rms_norm=reference.rms_norm,
    linear=reference.linear,
    split=lambda x, size, dim: reference.split(x, split_size=size, dim=dim),
    matmul_all_reduce=lambda x1, x2: reference.matmul_all_reduce(x1, x2, None, None),
)
"""What `npusim.demo.vision` needs of an array namespace, in exact arithmetic (to float64)."""
