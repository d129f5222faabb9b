"""Calls of the operators of an imported profile, written as text."""

from npusim.call import Call
from npusim.frontends.numpy.spelling import parse_operand
from npusim.operators import bind
from npusim.profiles import Profile, find_operator


def call_of(profile: Profile, name: str, **named: object) -> Call:
    """Return a call; a port has an operand as text, or a list of them, an attribute its value."""
    operator = find_operator(profile, name)
    ports = {port.name for port in operator.ports}
    return bind(operator, (), {key: _operands(value) if key in ports else value for key, value in named.items()})


def _operands(value: object) -> object:
    return [parse_operand(item) for item in value] if isinstance(value, list) else parse_operand(str(value))
