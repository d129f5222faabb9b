"""Read what a probe wrote, strictly: nothing is taken from a file that is not whole, or not of this profile."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from npusim.call import Call
from npusim.errors import ProbeError, UsageError
from npusim.operators import known_outputs
from npusim.probe.cases import Plain, read_call
from npusim.probe.numerics import Array, questions
from npusim.probe.script import digest
from npusim.probe.template import VERSION
from npusim.profiles import Profile

STATUSES = ("accepted", "refused", "not_callable", "timed_out", "killed")
"""What can come of a case."""
_AGAIN = "copy the file again, or run the script again: it goes on where it was"
_HEAD: Mapping[str, type] = {
    "npusim_probe": int,
    "profile": str,
    "frontend": str,
    "digest": str,
    "chip": str,
    "versions": dict,
    "backend": str,
    "date": str,
    "cases": list,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One case and what came of it: a status of STATUSES, or "" if it was not tried."""

    id: str
    call: Call
    status: str
    text: str
    values: Array | None


@dataclass(frozen=True, slots=True)
class Record:
    """What a probe learnt, on which machine."""

    file: str
    chip: str
    versions: Mapping[str, str]
    backend: str
    date: str
    answers: tuple[Answer, ...]


def frontend_of(path: Path) -> str:
    """Return the front end of the profile for which the cases were made; "" for its first."""
    return str(_head(path)["frontend"])


def read_record(path: Path, profile: Profile, soc: str) -> Record:
    """Return the record in a file; `soc` is how the profile calls the chip, "" if it does not say.

    Raises ProbeError for a file that is cut off or was not written by a probe of this profile on this chip.
    """
    head = _head(path)
    if head["profile"] != profile.id:
        _fail(path, "profile", head["profile"], profile.id, f"npusim profile confirm {head['profile']} {path}")
    if soc and not _is_same_chip(head["chip"], soc):
        _fail(
            path, "chip", head["chip"] or "none", f"{soc}, the soc of {profile.id}", "confirm it with its own profile"
        )
    cases = [_case(path, number, one) for number, one in enumerate(head["cases"], 1)]
    found = digest([{key: value for key, value in one.items() if key != "result"} for one in cases])
    if found != head["digest"]:
        _fail(path, "cases", f"cases of digest {found[:12]}", head["digest"][:12], _AGAIN)
    answers = tuple(_answer(path, profile, one) for one in cases)
    return Record(str(path), head["chip"], head["versions"], head["backend"], head["date"], answers)


def _fail(path: Path, where: str, found: object, allowed: str, repair: str) -> NoReturn:
    raise ProbeError(f"{path}: {where}: found {found}; allowed: {allowed}; repair: {repair}")


def _head(path: Path) -> Plain:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        _fail(path, f"line {error.lineno}, column {error.colno}", f"no JSON ({error.msg})", "JSON", _AGAIN)
    except (UnicodeDecodeError, RecursionError):
        _fail(path, "the file", "no text of a probe", "JSON in UTF-8", _AGAIN)
    if not isinstance(found, dict) or "npusim_probe" not in found:
        _fail(path, "the file", "something else", "what a probe's script writes", _AGAIN)
    if found["npusim_probe"] != VERSION:
        repair = f"write the script anew with npusim profile probe {found.get('profile', 'PROFILE')}"
        _fail(path, "npusim_probe", found["npusim_probe"], f"version {VERSION}", repair)
    for key, kind in _HEAD.items():
        if not isinstance(found.get(key), kind):
            _fail(path, key, json.dumps(found.get(key)), f"a value of type {kind.__name__}", _AGAIN)
    return dict(found)


def _is_same_chip(found: str, soc: str) -> bool:
    """Whether a driver's name such as Ascend910B3 can be of a chip that messages call Ascend910B."""
    one, other = ("".join(filter(str.isalnum, name)).lower() for name in (found, soc))
    return bool(one) and one.startswith(other)


def _case(path: Path, number: int, found: object) -> Plain:
    where = f"case {number}"
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        _fail(path, where, json.dumps(found)[:60], "a case with an id", _AGAIN)
    case: Plain = dict(found)
    result = case.get("result")
    if result is not None and (not isinstance(result, dict) or result.get("status") not in STATUSES):
        _fail(path, f"case {case['id']}", f"the result {json.dumps(result)[:60]}", ", ".join(STATUSES), _AGAIN)
    return case


def _answer(path: Path, profile: Profile, case: Plain) -> Answer:
    where, result = f"case {case['id']}", case["result"] or {}
    question = questions().get(case["id"])
    if question is not None and question.case.plain() != {key: case[key] for key in case if key != "result"}:
        _fail(path, where, "other numbers than are asked", "those of this npusim", "write the script anew and run it")
    try:
        call = read_call(profile, case)
        known_outputs(profile.operators[call.operator].operator, call)
    except (UsageError, KeyError, TypeError, AttributeError, IndexError) as error:
        _fail(
            path, where, f"no call of this profile ({error})", "one that it means", "write the script anew and run it"
        )
    values = None
    if question is not None and result.get("status") == "accepted":
        values = _values(path, where, result)
    return Answer(case["id"], call, str(result.get("status", "")), str(result.get("text", "")), values)


def _values(path: Path, where: str, result: Plain) -> Array:
    try:
        shape = tuple(result["shape"])
        numbers = [float(value) for value in result["values"]]
        if math.prod(shape) != len(numbers):
            raise ValueError(f"{len(numbers)} numbers for the shape {shape}")
        return np.array(numbers, dtype=np.float64).reshape(shape)
    except (KeyError, TypeError, ValueError) as error:
        _fail(path, where, f"a result without its numbers ({error})", "numbers and a shape", _AGAIN)


def results(record: Record) -> Iterator[tuple[str, Array]]:
    """Yield the numbers that came of questions, by the id of their case."""
    yield from ((answer.id, answer.values) for answer in record.answers if answer.values is not None)
