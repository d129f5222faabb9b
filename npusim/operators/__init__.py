"""The operator vocabulary: device-independent operations with named ports and attributes."""

from npusim.operators.binding import bind, infer
from npusim.operators.model import REQUIRED, Attribute, Operator, Port
from npusim.operators.vocabulary import ALIASES, OPERATORS

__all__ = ["ALIASES", "OPERATORS", "REQUIRED", "Attribute", "Operator", "Port", "bind", "infer"]
