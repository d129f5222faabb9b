"""Raise the confidence of what a probe has confirmed, in the YAML itself, which keeps its comments and its layout."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from npusim.errors import ProbeError
from npusim.probe.confirm import Confirmation, Kind
from npusim.profiles.document import Mark, Node, parse
from npusim.profiles.flattening import flatten
from npusim.profiles.words import Confidence

_RAISED = (Confidence.DOCUMENTED, Confidence.INFERRED)
_WORD = re.compile(r"(?P<quote>['\"]?)(?P<word>documented|inferred)(?P=quote)(?![\w-])")


@dataclass(frozen=True, slots=True)
class Place:
    """One `confidence` in a file that everything it speaks of deserves raised, and the operators it speaks of."""

    mark: Mark
    operators: tuple[str, ...]


def places(confirmation: Confirmation, frontend: str = "") -> list[Place]:
    """Return the places of documented or inferred confidences all of whose operators and checks were confirmed."""
    path = Path(confirmation.profile.file)
    document = flatten(path, frontend=frontend or None).document.mapping()
    operators = document["operators"].mapping() if "operators" in document else {}
    proved = {outcome.mark for outcome in confirmation.of(Kind.AGREES) if outcome.is_refusal}
    found: defaultdict[Mark, list[tuple[str, bool]]] = defaultdict(list)
    for name, entry in operators.items():
        is_confirmed = name in confirmation.confirmed
        for confidence, check in _confidences(entry):
            if confidence.value in _RAISED:
                found[confidence.mark].append((name, is_confirmed and (check is None or check in proved)))
    return [
        Place(mark, tuple(dict.fromkeys(name for name, _ in told)))
        for mark, told in found.items()
        if all(is_raised for _, is_raised in told)
    ]


def _confidences(entry: Node) -> Iterator[tuple[Node, Mark | None]]:
    """Yield the confidences of an entry and of its rules, these with the place of the rule."""
    parts = entry.value if isinstance(entry.value, dict) else {}
    if "confidence" in parts:
        yield parts["confidence"], None
    for key in ("guards", "rules"):
        for rule in parts[key].items() if key in parts else ():
            if isinstance(rule.value, dict) and "confidence" in rule.value:
                yield rule.value["confidence"], rule.mark


def raise_confidence(chosen: Sequence[Place]) -> None:
    """Write `measured` at the places: every file whole or not at all, none before all are known to be right."""
    by_file: defaultdict[str, list[Mark]] = defaultdict(list)
    for place in chosen:
        by_file[place.mark.file].append(place.mark)
    _replace({Path(file): _edited(Path(file), marks) for file, marks in by_file.items()})


def _edited(file: Path, marks: Sequence[Mark]) -> str:
    text = file.read_bytes().decode("utf-8")
    lines = text.splitlines(keepends=True)
    for mark in sorted(marks, key=lambda one: (one.line, one.column), reverse=True):
        line, start = lines[mark.line - 1], mark.column - 1
        found = _WORD.match(line, start)
        if found is None:
            raise ProbeError(f"{mark}: found {line[start:].strip()!r}; allowed: a confidence; repair: confirm again")
        lines[mark.line - 1] = line[: found.start("word")] + Confidence.MEASURED + line[found.end("word") :]
    edited = "".join(lines)
    parse(edited, str(file))
    return edited


def _replace(texts: Mapping[Path, str]) -> None:
    written = {}
    try:
        for file, text in texts.items():
            written[file] = file.with_name(f".{file.name}.writing")
            written[file].write_bytes(text.encode("utf-8"))
            written[file].chmod(file.stat().st_mode)
        for file, temporary in written.items():
            temporary.replace(file)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
