"""Operands as people type them: float32[16,1280], const:int8[3,3]."""

import re

from npusim.call import Operand, TensorType
from npusim.dtypes import dtype
from npusim.errors import CallError

_TYPE = re.compile(r"(?P<dtype>\w+)(\[(?P<shape> *(\d{1,18} *(, *\d{1,18} *)*,? *)?)\])?", re.ASCII)


CONSTANT = "const:"
"""What stands before an operand whose value is fixed when the program is built."""


def parse_operand(text: str) -> Operand:
    """Return the operand of `dtype[size,...]`, a constant one of `const:dtype[size,...]`.

    Raises what parse_tensor_type raises.
    """
    bare = text.strip().removeprefix(CONSTANT)
    return Operand(parse_tensor_type(bare), constant=bare != text.strip())


def parse_tensor_type(text: str) -> TensorType:
    """Return the type of `dtype[size,size,...]`; no brackets, or empty ones, mean a 0-d tensor.

    Raises CallError for other text and UnknownDtypeError, with the nearest names, for a dtype nobody has.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise CallError(f"expected a dtype and a shape such as float32[16,1280], found {text!r}")
    return TensorType(dtype(match["dtype"]), tuple(map(int, re.findall(r"\d+", match["shape"] or ""))))
