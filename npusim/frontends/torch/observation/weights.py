"""Keep the wide copies of a model's parameters, which each of its calls needs again."""

from collections.abc import MutableMapping

import torch
from torch.utils.weak import WeakIdKeyDictionary


class WideWeights:
    """Converts tensors, and keeps what became of parameters for as long as they live.

    most_bytes  what may be kept; what does not fit is converted each time

    A parameter that was written to since is converted again. Writes through `parameter.data` are not seen: torch does
    not count them.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: MutableMapping[torch.Tensor, tuple[int, torch.Tensor]] = WeakIdKeyDictionary()

    def __call__(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return a tensor in a dtype: not to be written to."""
        if not isinstance(tensor, torch.nn.Parameter) or tensor.is_inference():  # whose writes torch does not count
            return tensor.to(dtype)
        version, kept = self._kept.get(tensor, (None, None))
        if kept is not None and version == tensor._version and kept.dtype is dtype:
            return kept
        wide = tensor.to(dtype)
        self._kept.pop(tensor, None)
        if sum(one.nbytes for _, one in self._kept.values()) + wide.nbytes <= self._most_bytes:
            self._kept[tensor] = tensor._version, wide
        return wide
