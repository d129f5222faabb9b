"""Observations and accuracies as people read them in a terminal or a test report."""

import math
from collections.abc import Iterator, Mapping, Sequence
from linecache import getline
from pathlib import Path

from npusim.call import Site
from npusim.frontends.torch.observation.results import Accuracy, Kind, Observation
from npusim.numerics.ulp import FARTHEST
from npusim.report.text import show_site

_GRAVITY = {kind: rank for rank, kind in enumerate(Kind)}
_WHAT = {
    Kind.OVERFLOW: "infinite, though the true value is finite",
    Kind.NAN: "NaN, though no operand has one",
    Kind.SATURATION: "held at the limit, though the true value is beyond",
    Kind.LOST: "finite, but unrelated to the true value",
    Kind.INFINITY: "infinite, as the true value is",
    Kind.FLUSHED: "zero, though the true value is not",
    Kind.INPUT: "not finite before the run began",
    Kind.MASK: "-inf, as in a mask",
}


def observation_text(
    observations: Sequence[Observation], propagated: int, unread: Mapping[str, str], notes: Sequence[str]
) -> str:
    """Return observations, the gravest and earliest first, with what else was counted."""
    grave = sorted(observations, key=lambda one: _GRAVITY[one.kind])
    lines = [line for one in grave for line in _observation(one)] or ["nothing left the range of its format"]
    if propagated:
        lines.append(f"{propagated} further results were not finite because an earlier one was not")
    return "\n".join((*lines, *_remarks(unread, notes)))


def accuracy_text(
    operators: Sequence[Accuracy],
    modules: Sequence[Accuracy],
    unread: Mapping[str, str],
    notes: Sequence[str],
    rows: int,
) -> str:
    """Return two tables of at most `rows` rows: operators by what they add, modules by what has come together.

    Without operators there are remarks only.
    """
    lines = (
        []
        if not operators
        else [
            *_table("operators, by the error that each adds", worst_local(operators), rows),
            *_table("modules, by the error that has come together", worst_accumulated(modules), rows),
        ]
    )
    return "\n".join((*lines, *_remarks(unread, notes)))


def worst_local(found: Sequence[Accuracy]) -> list[Accuracy]:
    """Return accuracies with the largest local error first; those without a ratio are last but for mismatches."""
    return sorted(found, key=lambda one: (-one.mismatch_local, _ranked(one.sqnr_db_local)))


def worst_accumulated(found: Sequence[Accuracy]) -> list[Accuracy]:
    """Return accuracies with the largest accumulated error first."""
    return sorted(found, key=lambda one: (-one.nonfinite, -one.mismatch_accumulated, _ranked(one.sqnr_db_accumulated)))


def _ranked(decibels: float) -> float:
    return math.inf if math.isnan(decibels) else decibels


def _observation(one: Observation) -> Iterator[str]:
    yield f"{one.kind}: {one.operator} in {one.dtype} is {_WHAT[one.kind]}"
    yield f"  at       {show_site(one.site)}"
    if one.site.file and (line := getline(one.site.file, one.site.line).strip()):
        yield f"             {line}"
    if one.true_value is not None:
        limit = "" if one.limit is None else f", limit {one.limit:.6g}"
        yield f"  found    true value {one.true_value:.6g}{limit}"
    if one.detail:
        yield f"  note     {one.detail}"
    if one.input_max is not None:
        yield f"  input    largest finite magnitude {one.input_max:.6g}"
    calls = "" if one.calls == 1 else f", in the worst of {one.calls} calls"
    yield f"  count    {one.count} of {one.elements} elements ({one.fraction:.2%}){calls}"


_HEAD = f"{'dB here':>8} {'dB all':>8} {'ulp here':>9} {'ulp all':>9} {'calls':>6}  where"


def _table(title: str, found: Sequence[Accuracy], rows: int) -> Iterator[str]:
    yield title
    yield "  " + _HEAD
    yield from ("  " + _row(one) for one in found[:rows])
    if len(found) > rows:
        yield f"  and {len(found) - rows} more"


def _row(one: Accuracy) -> str:
    ratios = f"{_decibels(one.sqnr_db_local):>8} {_decibels(one.sqnr_db_accumulated):>8}"
    steps = f"{_steps(one.max_ulp_local):>9} {_steps(one.max_ulp_accumulated):>9}"
    return f"{ratios} {steps} {one.calls:>6}  {_where(one)}{_asides(one)}"


def _where(one: Accuracy) -> str:
    if not one.operator:
        return one.module or "everything"
    return f"{one.operator} {one.dtype} at {_short(one.site)}"


def _short(site: Site) -> str:
    place = f"{Path(site.file).name}:{site.line}" if site.file else "unknown"
    return f"{place} in {site.module}" if site.module else place


def _asides(one: Accuracy) -> str:
    found = (
        (one.mismatch_local, f"{one.mismatch_local:.2%} differ"),
        (one.mismatch_accumulated, f"{one.mismatch_accumulated:.2%} differ in all"),
        (one.flushed, f"{one.flushed:.2%} flushed to zero"),
        (one.nonfinite, f"{one.nonfinite} not finite as the truth"),
    )
    said = [text for amount, text in found if amount]
    return f"  ({'; '.join(said)})" if said else ""


def _decibels(value: float) -> str:
    return "-" if math.isnan(value) else "exact" if value == math.inf else f"{value:.1f}"


def _steps(value: int) -> str:
    return "nan" if value == FARTHEST else str(value) if value < 10**7 else f"{value:.1e}"


def _remarks(unread: Mapping[str, str], notes: Sequence[str]) -> Iterator[str]:
    yield from (f"not compared: {operator}: {reason}" for operator, reason in unread.items())
    yield from (f"note: {note}" for note in notes)
