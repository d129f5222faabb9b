"""The operator vocabulary: device-independent operations with named ports and attributes."""

from npusim.operators.binding import bind, infer, known_outputs
from npusim.operators.model import REQUIRED, Attribute, Operator, Port
from npusim.operators.vocabulary import ALIASES, COMPUTED, OPERATORS

__all__ = [
    "ALIASES",
    "COMPUTED",
    "OPERATORS",
    "REQUIRED",
    "Attribute",
    "Operator",
    "Port",
    "bind",
    "infer",
    "known_outputs",
]
