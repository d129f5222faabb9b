"""Calls of a run kept in a file, one JSON object a line, to be judged again by other profiles."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from npusim.call import Call, Operand, Site
from npusim.errors import CallError, ImportFormatError, UnknownOperatorError, UsageError
from npusim.files import write_text
from npusim.frontends.numpy.spelling import parse_operand, spell_operand
from npusim.operators import ALIASES, OPERATORS, Operator, bind
from npusim.simulator import Verdict

MAX_LINE_BYTES = 16 * 1024 * 1024
_KEYS = ("operator", "operands", "attributes", "outputs", "site")
_SITE = {field.name: field.type for field in fields(Site)}


def of_vocabulary(name: str) -> Operator:
    """Return npusim's own operator of a name; raises UnknownOperatorError with the nearest names."""
    own = ALIASES.get(name, name)
    if own not in OPERATORS:
        raise UnknownOperatorError(name, get_close_matches(name, [*OPERATORS, *ALIASES], n=3))
    return OPERATORS[own]


def to_record(call: Call) -> dict[str, Any]:
    """Return a call as plain data for JSON: operands as text, such as `const:int8[3,3]{scale=0.1}`.

    All of the call is kept but the origins of its operands. Raises CallError for an operand or an attribute that
    cannot be written so.
    """
    return {
        "operator": call.operator,
        "operands": _spelled(call.operands),
        "attributes": {name: _plain(name, value) for name, value in call.attributes.items()},
        "outputs": _spelled(call.outputs),
        "site": asdict(call.site) if call.site is not None else None,
    }


def from_record(record: object, find: Callable[[str], Operator] = of_vocabulary) -> Call:
    """Return the call that `to_record` made a record of; `find` gives the operator of a name.

    Raises CallError, UnknownDtypeError or UnknownOperatorError for a record that is not one of a call.
    """
    entries = _mapping(record, "a call")
    _refuse_unknown(entries, _KEYS, "a call")
    name = entries.get("operator")
    if not isinstance(name, str):
        raise CallError(f"expected the name of an operator as 'operator', found {_shown(name)}")
    operator = find(name)
    site = entries.get("site")
    named = _attributes(operator, _mapping(entries.get("attributes", {}), "'attributes'"))
    ports = {"operands": operator.inputs, "outputs": operator.outputs}
    for key, allowed in ports.items():
        given = _mapping(entries.get(key, {}), repr(key))
        _refuse_unknown(given, [port.name for port in allowed], f"{key!r} of {operator.name}")
        for port in allowed:
            if port.name in given:
                found = [_operand(port.name, item) for item in _list(given[port.name], port.name)]
                if len(found) != 1 and not port.variadic:
                    raise CallError(f"{operator.name}: port {port.name!r} takes one operand, not {len(found)}")
                named[port.name] = found if port.variadic else found[0]
    return bind(operator, (), named, _site(site) if site is not None else None)


def write_calls(calls: Iterable[Call | Verdict], path: str | Path) -> None:
    """Write the calls of a run, or of its verdicts, to a file that `read_calls` reads; an older one is replaced."""
    bare = (one.call if isinstance(one, Verdict) else one for one in calls)
    write_text(Path(path), (json.dumps(to_record(call), allow_nan=False) + "\n" for call in bare))


def read_calls(path: str | Path, find: Callable[[str], Operator] = of_vocabulary) -> Iterator[Call]:
    """Yield the calls of a file in order; `find` gives the operator of a name, npusim's own if nothing is said.

    Raises ImportFormatError, with file:line:column, at the first line that is no call.
    """
    with Path(path).open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            yield _call(line, Path(path), number, find)


def _call(line: bytes, path: Path, number: int, find: Callable[[str], Operator]) -> Call:
    column = 1
    try:
        if len(line) > MAX_LINE_BYTES:
            raise CallError(f"the line has more than {MAX_LINE_BYTES} bytes")
        return from_record(
            json.loads(line.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_number), find
        )
    except json.JSONDecodeError as error:
        column, said = error.colno, f"not JSON: {error.msg}"
    except UnicodeDecodeError as error:
        column, said = error.start + 1, "not UTF-8 text"
    except RecursionError:
        said = "nested too deeply"
    except UsageError as error:
        said = str(error)
    raise ImportFormatError(f"{path}:{number}:{column}: {said}; a line is one call, as npusim writes it")


def _spelled(ports: Mapping[str, tuple[Operand, ...]]) -> dict[str, list[str]]:
    return {port: [_spell(port, operand) for operand in given] for port, given in ports.items() if given}


def _spell(port: str, operand: Operand) -> str:
    text = spell_operand(operand)
    try:
        again = parse_operand(text)
    except UsageError:
        again = None
    if again != replace(operand, origin=None):
        raise CallError(f"the operand on {port!r} cannot be written down: {text} does not say all of it")
    return text


def _plain(name: str, value: Any) -> Any:
    """Return an attribute's value as JSON has it: a tuple as a list, inf and nan as {"float": "inf"}."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case tuple() | list():
            return [_plain(name, item) for item in value]
        case _:
            raise CallError(f"attribute {name!r} cannot be written down: {value!r}")


def _attributes(operator: Operator, given: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown(given, [attribute.name for attribute in operator.attributes], f"'attributes' of {operator.name}")
    return {name: _value(name, value) for name, value in given.items()}


def _value(name: str, value: Any) -> Any:
    match value:
        case {"float": "inf" | "-inf" | "nan" as word} if len(value) == 1:
            return float(word)
        case dict():
            raise CallError(f"expected a value of attribute {name!r}, found an object")
        case list():
            return tuple(_value(name, item) for item in value)
        case _:
            return value


def _operand(port: str, text: object) -> Operand:
    if not isinstance(text, str):
        raise CallError(f"expected an operand such as 'float16[2,3]' on port {port!r}, found {_shown(text)}")
    return parse_operand(text)


def _site(record: object) -> Site:
    entries = _mapping(record, "'site'")
    _refuse_unknown(entries, list(_SITE), "'site'")
    for name, value in entries.items():
        if type(value) is not _SITE[name]:
            raise CallError(f"expected {name!r} of 'site' as {'a number' if name == 'line' else 'text'}: {value!r}")
    return Site(**entries)


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CallError(f"expected {what} as a JSON object, found {_shown(value)}")
    return value


def _list(value: object, port: str) -> list[Any]:
    if not isinstance(value, list):
        raise CallError(f"expected a list of operands on port {port!r}, found {_shown(value)}")
    return value


def _refuse_unknown(entries: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    names = list(known)
    for name in entries:
        if name not in names:
            raise CallError(f"unknown key {name!r} in {what}; allowed: {', '.join(names) or 'none'}")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise CallError(f"the key {next(n for n in names if names.count(n) > 1)!r} stands twice")
    return found


def _no_number(word: str) -> Any:
    raise CallError(f"{word} is no number of JSON")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
