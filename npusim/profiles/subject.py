"""What a rule looks at: the types on the ports of one bound call, inputs and inferred outputs alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npusim.call import Call, Operand, TensorType
from npusim.dtypes import DType, Kind
from npusim.operators import Operator


@dataclass(frozen=True, slots=True)
class Subject:
    """One call as rules see it: a port name leads to its types, and to its operands where a caller gave them.

    An absent port, and an output of which nothing is known, leads to an empty tuple.
    """

    types: Mapping[str, tuple[TensorType, ...]]
    attributes: Mapping[str, Any]
    constants: frozenset[str]
    operands: Mapping[str, tuple[Operand, ...]]

    def dtype(self, port: str) -> DType | None:
        """The dtype on a port, the first one's of a variadic port; None if the port is absent."""
        types = self.types.get(port)
        return types[0].dtype if types else None

    def operand(self, port: str) -> Operand:
        """What is on a port, the first of a variadic one's; an inferred output is a plain operand."""
        found = self.operands.get(port)
        return found[0] if found else Operand(self.types[port][0])

    def type(self, port: str) -> TensorType | None:
        """The type on a port, the first one of a variadic port; None if the port is absent."""
        types = self.types.get(port)
        return types[0] if types else None


def subject(operator: Operator, call: Call, outputs: tuple[TensorType, ...]) -> Subject:
    """Return the subject of a bound call and the output types inferred for it, over which given ones win."""
    operands = {**call.operands, **call.outputs}
    types = {} if _is_open(call, outputs) else _inferred(operator, outputs)
    types |= dict.fromkeys((port.name for port in operator.outputs if port.name not in types), ())
    types |= {name: tuple(operand.type for operand in given) for name, given in operands.items()}
    constants = frozenset(name for name, given in call.operands.items() if all(o.constant for o in given))
    return Subject(types, call.attributes, constants, operands)


def _is_open(call: Call, outputs: tuple[TensorType, ...]) -> bool:
    """Whether what comes out is not for inference to say: of quantised integers, and floats that none of them is.

    A chip that computes a sigmoid of int8 gives int8, scaled as the program says, where mathematics gives a float.
    """
    given = [operand for found in call.operands.values() for operand in found]
    if any(operand.quant is not None for operand in given):
        return True
    is_integral = not any(o.type.dtype.kind in {Kind.FLOAT, Kind.COMPLEX} for o in given)
    return is_integral and bool(given) and any(found.dtype.is_floating for found in outputs)


def _inferred(operator: Operator, outputs: tuple[TensorType, ...]) -> dict[str, tuple[TensorType, ...]]:
    if operator.outputs[-1].variadic or not outputs:
        return dict.fromkeys((port.name for port in operator.outputs), outputs)
    return {port.name: (found,) for port, found in zip(operator.outputs, outputs, strict=True)}
