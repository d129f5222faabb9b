"""Show a torch operator's arguments as the operands of a call: dtype, shape, and where the dtype was born."""

from functools import cache
from typing import Any

import torch

from npusim.call import Operand, TensorType
from npusim.dtypes import DTYPES, DType, Kind, dtype
from npusim.frontends.torch.arguments import tensors_in
from npusim.frontends.torch.mapping import Translation
from npusim.frontends.torch.origins import birth_of

_ALONE = {Kind.BOOL: "bool", Kind.INTEGER: "int64", Kind.FLOAT: "float32", Kind.COMPLEX: "complex64"}
"""The dtype of a Python number that meets no tensor."""


@cache
def dtype_of(found: torch.dtype) -> DType:
    """Return npusim's dtype of a torch dtype. Raises UnknownDtypeError for one that has none, such as quint8."""
    return dtype(str(found).removeprefix("torch."))


@cache
def torch_dtype(name: str) -> torch.dtype | None:
    """Return the torch dtype of a canonical name, or None if torch has no such numbers."""
    found = getattr(torch, name, None)
    return found if isinstance(found, torch.dtype) else None


def operands_of(translation: Translation, *, constants: bool, origins: bool) -> dict[str, Any]:
    """Return an Operand, or a tuple of them, for every port of a translated call.

    A Python number is a constant, and takes the dtype of the first tensor if its kind allows. With `constants`,
    parameters are fixed; with `origins`, an operand knows where its dtype was born.
    """
    given = translation.operands
    like = next((dtype_of(tensor.dtype) for tensor in tensors_in(dict(given))), None)

    def operand(value: Any) -> Any:
        match value:
            case torch.Tensor():
                kind = TensorType(dtype_of(value.dtype), tuple(map(int, value.shape)))
                birth = birth_of(value) if origins else None
                fixed = constants and isinstance(value, torch.nn.Parameter)
                return Operand(kind, constant=fixed, origin=None if birth is None else birth.site())
            case list() | tuple():
                return tuple(operand(one) for one in value if one is not None)
            case None:
                return None
            case _:
                return Operand(TensorType(_dtype_of_number(value, like), ()), constant=True)

    return {port: operand(value) for port, value in given.items()}


def _dtype_of_number(value: complex, like: DType | None) -> DType:
    kinds = {bool: Kind.BOOL, int: Kind.INTEGER, float: Kind.FLOAT}
    kind = kinds.get(type(value), Kind.COMPLEX)
    if like is not None and like.kind.value >= kind.value and kind is not Kind.BOOL:
        return like
    return DTYPES[_ALONE[kind]]
