"""Tensor types as people type them: float32[16,1280]."""

import re

from npusim.call import TensorType
from npusim.dtypes import dtype
from npusim.errors import CallError

_TYPE = re.compile(r"(?P<dtype>\w+)(\[(?P<shape> *(\d{1,18} *(, *\d{1,18} *)*,? *)?)\])?", re.ASCII)


def parse_tensor_type(text: str) -> TensorType:
    """Return the type of `dtype[size,size,...]`; no brackets, or empty ones, mean a 0-d tensor.

    Raises CallError for other text and UnknownDtypeError, with the nearest names, for a dtype nobody has.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise CallError(f"expected a dtype and a shape such as float32[16,1280], found {text!r}")
    return TensorType(dtype(match["dtype"]), tuple(map(int, re.findall(r"\d+", match["shape"] or ""))))
