"""What a rule looks at: the types on the ports of one bound call, inputs and inferred outputs alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npusim.call import Call, TensorType
from npusim.dtypes import DType
from npusim.operators import Operator


@dataclass(frozen=True, slots=True)
class Subject:
    """One call as rules see it: a port name leads to its types, an empty tuple for an absent port."""

    types: Mapping[str, tuple[TensorType, ...]]
    attributes: Mapping[str, Any]
    constants: frozenset[str]

    def dtype(self, port: str) -> DType | None:
        """The dtype on a port, the first one's of a variadic port; None if the port is absent."""
        types = self.types.get(port)
        return types[0].dtype if types else None


def subject(operator: Operator, call: Call, outputs: tuple[TensorType, ...]) -> Subject:
    """Return the subject of a bound call and the output types inferred for it."""
    types = {name: tuple(operand.type for operand in operands) for name, operands in call.operands.items()}
    if operator.outputs[-1].variadic:
        types[operator.outputs[-1].name] = outputs
    else:
        types |= {port.name: (found,) for port, found in zip(operator.outputs, outputs, strict=True)}
    constants = frozenset(name for name, operands in call.operands.items() if all(o.constant for o in operands))
    return Subject(types, call.attributes, constants)
