"""A call as the command that judges it: what a person can paste into a shell."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from npusim.call import Call
from npusim.frontends.numpy.spelling import spell_operand
from npusim.operators import Operator


def judge_command(profile: str, operator: Operator, call: Call, stack: str | None = None) -> str:
    """Return the `npusim judge` command for a call on a profile, given by its id or its path, and a stack's version."""
    words = ["npusim", "judge", profile, call.operator, *_operands(call), *_attributes(operator, call.attributes)]
    return shlex.join(words if stack is None else [*words, "--stack", stack])


def _operands(call: Call) -> Iterator[str]:
    for port, operands in {**call.operands, **call.outputs}.items():
        yield from (f"{port}={spell_operand(operand)}" for operand in operands)


def _attributes(operator: Operator, given: Mapping[str, Any]) -> Iterator[str]:
    for attribute in operator.attributes:
        value = given.get(attribute.name, attribute.default)
        if value != attribute.default:
            yield f"{attribute.name}={_spelled(value)}"


def _spelled(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) + "," * (len(value) == 1)
    return str(value)
