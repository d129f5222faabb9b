"""Verdicts and violations as people read them in a terminal or a test report."""

import os
from collections.abc import Iterator
from datetime import datetime
from linecache import getline

from npusim.call import Call, Site
from npusim.dtypes import DTYPES
from npusim.profiles.dialects import Dialect, fill
from npusim.report.place import show_file
from npusim.simulator import Status, Verdict, Violation


def show_site(site: Site | None) -> str:
    """Return file:line and function, the file relative to the working directory where it is below it."""
    if site is None or not site.file:
        return "unknown"
    inside = site.module or site.function
    return f"{show_file(site.file)}:{site.line}" + (f" in {inside}" if inside and inside != "<module>" else "")


def rejection(verdict: Verdict, *, wrapping: str = "") -> str:
    """Return the message of a rejected verdict: the vendor's sentence first, then what npusim knows.

    With `wrapping`, a dialect's template, the first lines are what the framework would print around the sentence.
    """
    first = verdict.violations[0]
    head = wrap(wrapping, first) if wrapping else first.text
    notes = (f"  note     {note}" for note in verdict.notes)
    return "\n".join((head, *_details(first, verdict.call), *notes, *_others(verdict.violations[1:])))


def wrap(template: str, violation: Violation) -> str:
    """Return a sentence as the framework prints it, with the present time and this process's id."""
    now = datetime.now()
    fields = {
        "sentence": violation.text,
        "api": violation.api or violation.operator,
        "operator": violation.operator,
        "date": now.strftime("%Y-%m-%d-%H:%M:%S"),
        "time": now.strftime("%Y-%m-%d-%H:%M:%S") + f".{now.microsecond // 1000:03d}.{now.microsecond % 1000:03d}",
        "pid": os.getpid(),
    }
    return fill(template, fields, Dialect())


def _details(violation: Violation, call: Call) -> Iterator[str]:
    name = violation.operator + (f" ({violation.api})" if violation.api else "")
    what = "attribute" if violation.port in call.attributes else "port"
    where = f", {what} {violation.port}" if violation.port else ""
    yield f"  rule     {violation.code} on {violation.profile}: {name}{where}"
    if violation.site is not None and violation.site.file:
        yield f"  at       {show_site(violation.site)}"
        yield from _code(violation.site)
    yield f"  found    {violation.found}{_birth(violation)}"
    if _is_born(violation):
        yield from _code(violation.origin)
    if violation.allowed:
        separator = "; " if any(", " in choice for choice in violation.allowed) else ", "
        yield f"  allowed  {separator.join(violation.allowed)}"
    if violation.hint:
        yield f"  repair   {violation.hint}"
    if violation.source:
        yield f"  source   {violation.source} ({violation.confidence})"


def _is_born(violation: Violation) -> bool:
    """Whether what was found is a dtype whose birth is known."""
    return violation.origin is not None and violation.found in DTYPES


def _birth(violation: Violation) -> str:
    if not _is_born(violation):
        return ""
    origin = violation.origin
    made = f"{origin.operator} at " if origin is not None and origin.operator else ""
    return f", born in {made}{show_site(origin)}"


def _code(site: Site | None) -> Iterator[str]:
    """Yield the line of source at a site, if it can be read."""
    line = getline(site.file, site.line).strip() if site is not None else ""
    if line:
        yield f"             {line}"


def _others(violations: tuple[Violation, ...]) -> Iterator[str]:
    if violations:
        yield f"  and {len(violations)} more:"
        yield from (f"    {v.code} {v.port}: {v.text}" for v in violations)


def verdict_text(verdict: Verdict) -> str:
    """Return any verdict in words."""
    match verdict.status:
        case Status.REJECTED:
            return rejection(verdict)
        case status:
            operands = ", ".join(
                f"{port}={operand.type}" for port, found in verdict.call.operands.items() for operand in found
            )
            lines = [
                f"{status.value}: {verdict.call.operator}({operands})",
                *(f"  note     {n}" for n in verdict.notes),
            ]
            return "\n".join(lines)
