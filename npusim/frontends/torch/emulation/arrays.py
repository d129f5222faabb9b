"""Show the memory of CPU tensors as numpy arrays and back, in the dtypes that torch's own conversion refuses too."""

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from npusim.dtypes import DType, dtype

_BITS = {1: torch.uint8, 2: torch.int16}
_NUMPY_BITS = {1: np.uint8, 2: np.int16}


@cache
def row_of(found: torch.dtype) -> DType:
    """Return npusim's dtype of a torch dtype. Raises UnknownDtypeError for one that has none, such as quint8."""
    return dtype(str(found).removeprefix("torch."))


def to_array(tensor: Tensor) -> NDArray[Any]:
    """Return a CPU tensor's memory as an array of the same dtype and strides; nothing is copied."""
    plain = tensor.detach().resolve_conj().resolve_neg()
    row = row_of(plain.dtype)
    if row.storage is None or row.storage.isbuiltin == 1:
        return np.asarray(plain.numpy())
    return np.asarray(plain.view(_BITS[plain.element_size()]).numpy()).view(row.storage)


def to_tensor(array: NDArray[Any]) -> Tensor:
    """Return an array's memory as a CPU tensor of the same dtype; nothing is copied."""
    row = dtype(array.dtype)
    if row.storage is not None and row.storage.isbuiltin == 1:
        return torch.from_numpy(array)
    bits = torch.from_numpy(array.view(_NUMPY_BITS[array.dtype.itemsize]))
    return bits.view(getattr(torch, row.name))
