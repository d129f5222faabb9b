"""Keep the rejections that a repository knows of in a file, so that a test fails only for a new one.

The file is JSON: for each test and each chip, a sorted list of keys such as `NPU101 softmax(self) in visual.merger`.
A key has no line number, so that an unrelated edit changes none.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

Known = Mapping[tuple[str, str], frozenset[str]]
"""The keys of the rejections of a test on a chip."""
_FORMAT = "npusim-baseline"
_VERSION = 1


class BaselineError(ValueError):
    """A baseline file that cannot be read; the message begins with its path."""


def read(path: Path) -> Known:
    """Return what a file holds, nothing if there is none. Raises BaselineError."""
    try:
        text = path.read_text(encoding="utf-8")
        return dict(_entries(json.loads(text, object_pairs_hook=_unrepeated)))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise _unreadable(f"{path}:{error.lineno}:{error.colno}", error.msg) from None
    except (ValueError, OSError) as error:
        raise _unreadable(str(path), str(error)) from None


def text(known: Known) -> str:
    """Return the content of a file: the same for the same rejections, however they were found."""
    by_test = groupby(sorted(known.items()), key=lambda entry: entry[0][0])
    tests = {test: {chip: sorted(keys) for (_, chip), keys in entries} for test, entries in by_test}
    return json.dumps({_FORMAT: _VERSION, "rejections": tests}, indent=2, ensure_ascii=False) + "\n"


def updated(known: Known, found: Known, finished: Iterable[tuple[str, str]]) -> Known:
    """Return what is known after a session: for a test that ran to its end what it found, else that and the old."""
    ended = set(finished)
    changed = {of: keys if of in ended else keys | known.get(of, frozenset()) for of, keys in found.items()}
    return {of: keys for of, keys in {**known, **changed}.items() if keys}


def vanished(known: Known, found: Known, finished: Iterable[tuple[str, str]]) -> Known:
    """Return what is known and was not found again by tests that ran to their end."""
    gone = {of: known.get(of, frozenset()) - found.get(of, frozenset()) for of in finished}
    return {of: keys for of, keys in gone.items() if keys}


def _entries(data: Any) -> Iterable[tuple[tuple[str, str], frozenset[str]]]:
    """Yield the entries of the data of a file; raises ValueError, saying what was expected."""
    if not isinstance(data, dict) or data.get(_FORMAT) != _VERSION or data.keys() != {_FORMAT, "rejections"}:
        raise ValueError(f'expected {{"{_FORMAT}": {_VERSION}, "rejections": {{...}}}}')
    for test, chips in _items(data["rejections"], "rejections"):
        for chip, keys in _items(chips, test):
            if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
                raise ValueError(f"{test}: {chip}: expected a list of texts, found {keys!r}")
            yield (test, chip), frozenset(keys)


def _items(value: Any, name: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected an object, found {value!r}")
    return value.items()


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; a name twice, as a careless merge leaves it, is an error."""
    name, times = Counter(name for name, _ in pairs).most_common(1)[0] if pairs else ("", 0)
    if times > 1:
        raise ValueError(f"{name!r} is there twice")
    return dict(pairs)


def _unreadable(place: str, problem: str) -> BaselineError:
    return BaselineError(f"{place}: {problem}; repair the file, or remove it and run pytest --npu-update")
