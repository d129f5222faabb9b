"""The calls that a probe makes, as plain data: what a profile accepts, what breaks its checks, every dtype."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from math import prod
from types import MappingProxyType
from typing import Any

from npusim.call import Call, Operand
from npusim.dtypes import DTYPES, DType
from npusim.errors import NpusimError
from npusim.frontends.numpy.spelling import parse_operand, spell_operand
from npusim.operators import REQUIRED, Operator, bind, known_outputs
from npusim.profiles import Profile, find_operator
from npusim.profiles.samples import accepted, breaking
from npusim.profiles.samples.draft import USUAL, first_draft

Plain = dict[str, Any]
"""A record as JSON holds it."""
Runs = tuple[tuple[float, int], ...]
"""Numbers in row-major order, each with how often it is repeated."""

SWEPT = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2"),
)
"""The dtypes that are tried on every operator, whatever the profile says of them."""
_MOST_BYTES = 64 * 2**20
_SHAPES = ((2, 2), (2, 2, 2, 2), (2,), (2, 2, 2), ())


@dataclass(frozen=True, slots=True)
class Case:
    """One call of a probe: its id and, where the result is to be read, the numbers on each port; else it is filled."""

    id: str
    call: Call
    numbers: Mapping[str, Runs] = field(default_factory=lambda: MappingProxyType({}))

    def plain(self) -> Plain:
        """Return the case as plain data."""
        found: Plain = {
            "id": self.id,
            "operator": self.call.operator,
            "operands": {port: self._operands(port, given) for port, given in self.call.operands.items() if given},
            "attributes": {name: _listed(value) for name, value in self.call.attributes.items()},
            "keep": bool(self.numbers),
        }
        if self.call.outputs:
            found["outputs"] = {port: list(map(spell_operand, given)) for port, given in self.call.outputs.items()}
        return found

    def _operands(self, port: str, given: tuple[Operand, ...]) -> list[Plain]:
        filler = 0 if USUAL.get(port) == "int64" else 1  # 0 is the index that every tensor has
        numbers = self.numbers.get(port)
        return [
            {"type": spell_operand(o), "numbers": [list(run) for run in numbers or ((filler, prod(o.type.shape)),)]}
            for o in given
        ]


def cases_of(profile: Profile, operator: str) -> Iterator[Case]:
    """Yield the cases of one operator, none twice: accepted calls, calls that break a check, and a sweep of dtypes."""
    entry = profile.operators[operator]
    positives = list(accepted(profile, operator))
    negatives = [] if entry.unknown else [n.call for n in breaking(profile, operator) if n.call is not None]
    bases = positives[:1] or list(_ordinary(entry.operator))[:1]
    swept = (call for base in bases for call in _swept(entry.operator, base))
    known = set()
    for kind, calls in (("accepted", positives), ("broken", negatives), ("swept", chain(bases, swept))):
        number = 0
        for call in calls:
            key = _key(call)
            if key not in known and _bytes(call) <= _MOST_BYTES:
                known.add(key)
                number += 1
                yield Case(f"{operator}/{kind}/{number}", call)


def read_call(profile: Profile, case: Plain) -> Call:
    """Return the call of a case; raises a UsageError, KeyError, TypeError or AttributeError if it is none."""
    operator = find_operator(profile, case["operator"])
    variadic = {port.name for port in operator.ports if port.variadic}
    named: Plain = dict(case["attributes"])
    for port, given in case["operands"].items():
        operands = tuple(parse_operand(one["type"]) for one in given)
        named[port] = operands if port in variadic else operands[0]
    for port, given in case.get("outputs", {}).items():
        operands = tuple(map(parse_operand, given))
        named[port] = operands if port in variadic else operands[0]
    return bind(operator, (), named)


def defaults_of(operator: Operator) -> Plain:
    """Return the attributes of an operator that have a default, as plain data."""
    return {a.name: _listed(a.default) for a in operator.attributes if a.default is not REQUIRED}


def shown(call: Call) -> str:
    """Return a call in one line, as `npusim judge` reads it, without empty attributes."""
    words = [
        f"{port}={spell_operand(operand)}"
        for port, given in (*call.operands.items(), *call.outputs.items())
        for operand in given
    ]
    return " ".join((call.operator, *words, *_attributes(call)))


def _attributes(call: Call) -> Iterator[str]:
    for name, value in call.attributes.items():
        if value is not None and value not in ("", ()) and value is not False:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            yield f"{name}={text}"


def _ordinary(operator: Operator) -> Iterator[Call]:
    """Yield calls of an operator of which nothing is known: whatever it can mean at all, in float16."""
    dtypes = {port.name: DTYPES[USUAL.get(port.name, "float16")] for port in operator.inputs}
    for shape in _SHAPES:
        call = _possible(operator, first_draft(operator, dtypes, {}, shape).call)
        if call is not None:
            yield call


def _swept(operator: Operator, base: Call) -> Iterator[Call]:
    """Yield a call with every dtype on all ports that hold numbers, then on each of them alone."""
    ports = [port for port, given in base.operands.items() if given and port not in USUAL]
    choices = [ports, *([port] for port in ports if len(ports) > 1)]
    for chosen in choices:
        for name in SWEPT:
            call = _possible(operator, partial(_retyped, base, chosen, DTYPES[name]))
            if call is not None:
                yield call


def _retyped(base: Call, ports: list[str], dtype: DType) -> Call:
    operands = {
        port: tuple(replace(o, type=replace(o.type, dtype=dtype)) for o in given) if port in ports else given
        for port, given in base.operands.items()
    }
    return replace(base, operands=MappingProxyType(operands), outputs=MappingProxyType({}))


def _possible(operator: Operator, make: Callable[[], Call]) -> Call | None:
    """Return a call, or None if the operator cannot mean it on any chip."""
    try:
        call = make()
        known_outputs(operator, call)
    except NpusimError:
        return None
    return call


def _key(call: Call) -> Any:
    return tuple(call.operands.items()), tuple(call.attributes.items()), tuple(call.outputs.items())


def _bytes(call: Call) -> int:
    types = [operand.type for given in call.operands.values() for operand in given]
    return sum(prod(found.shape) * max(found.dtype.bits, 8) // 8 for found in types)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
