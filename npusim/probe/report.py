"""What a confirmation shows, as people read it and as plain data."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from npusim.probe.cases import Plain
from npusim.probe.confirm import Confirmation, Kind, Outcome
from npusim.report.place import show_mark

_HEADINGS: Mapping[Kind, str] = {
    Kind.CONTRADICTS: "contradictions",
    Kind.ANSWERS: "what was unknown",
    Kind.BEYOND: "seen, though no profile says it",
    Kind.UNTRIED: "not compared",
}


def headline(confirmation: Confirmation) -> str:
    """Return one line on which chip was probed, when and through what."""
    record = confirmation.record
    stack = ", ".join(f"{name} {version}" for name, version in record.versions.items() if version)
    return f"{confirmation.profile.id}: probed {record.date} on {record.chip} through {record.backend} ({stack})"


def counts(confirmation: Confirmation) -> str:
    """Return one line on how many comparisons came to what."""
    agree, contradict, answer, untried = (
        len(confirmation.of(kind)) for kind in (Kind.AGREES, Kind.CONTRADICTS, Kind.ANSWERS, Kind.UNTRIED)
    )
    return f"{agree} agree, {contradict} contradict, {answer} tell what was unknown, {untried} could not be compared"


def sections(confirmation: Confirmation) -> Iterator[tuple[str, list[str]]]:
    """Yield a heading and its lines for everything but what agrees."""
    for kind, heading in _HEADINGS.items():
        found = confirmation.of(kind)
        lines = list(dict.fromkeys(_LINES[kind](found)))
        if kind is Kind.UNTRIED:
            lines += [f"{name}: no probe shows it" for name in confirmation.unseen]
        if lines:
            yield heading, lines
    proposal = list(proposed(confirmation))
    if proposal:
        yield "proposed for the profile", proposal


def _contradictions(outcomes: list[Outcome]) -> Iterator[str]:
    """One line each, those on a sentence one a sentence."""
    return _first((f"{outcome.mark} {outcome.about} {outcome.where}", _contradiction(outcome)) for outcome in outcomes)


def _contradiction(outcome: Outcome) -> str:
    shown = f" ({outcome.where}: {outcome.evidence})" if outcome.where else ""
    said = f"the profile says {outcome.said}, the chip {outcome.seen}{shown}"
    return f"{show_mark(outcome.mark)}: {outcome.about}: {said}"


def _answers(outcomes: list[Outcome]) -> Iterator[str]:
    """What numbers settle, with everything that shows it; calls, the refused ones of an operator together."""
    numbers = [outcome for outcome in outcomes if outcome.where]
    yield from _gathered((f"{show_mark(outcome.mark)}: {outcome.about}", outcome) for outcome in numbers)
    for outcome in outcomes:
        if outcome.seen == "accepted":
            yield f"{show_mark(outcome.mark)}: {outcome.about}: accepted"
    refused = [outcome for outcome in outcomes if not outcome.where and outcome.seen != "accepted"]
    yield from _first(
        (f"{one.mark} {one.operator}", f"{show_mark(one.mark)}: {one.about}: {one.seen}") for one in refused
    )


def _first(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The first line of each key, with how many more there are."""
    by_key: defaultdict[str, list[str]] = defaultdict(list)
    for key, line in lines:
        by_key[key].append(line)
    for first, *more in by_key.values():
        yield f"{first}; and {len(more)} more" if more else first


def _beyond(outcomes: list[Outcome]) -> Iterator[str]:
    return _gathered((outcome.about, outcome) for outcome in outcomes)


def _gathered(outcomes: Iterable[tuple[str, Outcome]]) -> Iterator[str]:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for about, outcome in outcomes:
        places[f"{about}: {outcome.seen}"].append(outcome.where)
    for said, where in places.items():
        yield f"{said} ({', '.join(dict.fromkeys(where))})"


def _untried(outcomes: list[Outcome]) -> Iterator[str]:
    """One line a reason, with how many calls it kept from being compared, and of which operators."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for outcome in outcomes:
        reasons[outcome.seen].append(outcome.about.split()[0])
    for reason, operators in reasons.items():
        yield f"{len(operators)} calls of {', '.join(dict.fromkeys(operators))}: {reason}"


_LINES = {
    Kind.CONTRADICTS: _contradictions,
    Kind.ANSWERS: _answers,
    Kind.BEYOND: _beyond,
    Kind.UNTRIED: _untried,
}


def proposed(confirmation: Confirmation) -> Iterator[str]:
    """Yield the lines of a `numerics` section for the fields that the profile leaves unknown."""
    fields: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for claim, value in confirmation.settled:
        fields[claim.field][claim.dtype] = value
    if fields:
        yield "numerics:"
    for field, values in fields.items():
        pairs = ", ".join(f"{dtype}: {value}" for dtype, value in values.items())
        yield f"  {field}: {values['']}" if "" in values else f"  {field}: {{{pairs}}}"


def plain(confirmation: Confirmation) -> Plain:
    """Return a confirmation as plain data; of what agrees only the number."""
    record = confirmation.record
    return {
        "profile": confirmation.profile.id,
        "chip": record.chip,
        "versions": dict(record.versions),
        "backend": record.backend,
        "date": record.date,
        "holds": confirmation.holds,
        "agrees": len(confirmation.of(Kind.AGREES)),
        **{kind.value: list(map(_outcome, confirmation.of(kind))) for kind in _HEADINGS},
        "unseen": list(confirmation.unseen),
        "numerics": {claim.name: value for claim, value in confirmation.settled},
    }


def _outcome(outcome: Outcome) -> Plain:
    mark = outcome.mark
    place = {"file": mark.file, "line": mark.line, "column": mark.column}
    evidence = {"where": outcome.where, "evidence": outcome.evidence} if outcome.where else {}
    return {"about": outcome.about, "profile": outcome.said, "chip": outcome.seen, **evidence, **place}
