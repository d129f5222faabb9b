"""Add up what all tests came to, over all workers: a section of the terminal's summary, and the baseline file."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from npusim.pytest_plugin.baseline import Known, text, updated, vanished
from npusim.pytest_plugin.outcome import PROPERTY, Outcome, Rejection, Standing

_SLOWEST = 3
_PLACES = 3
"""How many of the slowest tests, and of the places of a rejection, are named."""


class Summary:
    """A plugin of the process that reports: collects the outcomes of the tests, writes, and says what was found."""

    def __init__(self, path: Path, known: Known, *, is_update: bool, is_report_only: bool) -> None:
        self._path = path
        self._known = known
        self._is_update = is_update
        self._headings = {
            Standing.KNOWN: f"rejected, as {path.name} says:",
            Standing.REPORTED: "rejected, and only reported:",
        }
        if is_update or is_report_only:  # otherwise the failures of the tests say it
            self._headings[Standing.NEW] = "rejected, and new:"
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the outcome out of a test's last report."""
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == PROPERTY:
                    found = Outcome.from_json(str(value))
                    self._outcomes[found.test, found.chip] = found

    def pytest_sessionfinish(self) -> None:
        """Under --npu-update, write the baseline file if anything changed."""
        if self._is_update and self._after != self._known:
            from npusim.files import write_text

            try:
                write_text(self._path, [text(self._after)])
            except OSError as error:
                pytest.exit(f"--npu-update: {error}", returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the section, if any test made a torch run or had something rejected."""
        outcomes = [one for _, one in sorted(self._outcomes.items()) if one.runs or one.rejections]
        changes = list(self._changes())
        if outcomes or changes:
            terminalreporter.section("npusim")
            is_brief = terminalreporter.verbosity < 0
            lines = [] if is_brief else [*_rejected(outcomes, self._headings), *_slowest(outcomes)]
            for line in (*_table(outcomes, is_whole=terminalreporter.verbosity > 0), *lines, *changes):
                terminalreporter.line(line)

    @property
    def _found(self) -> Known:
        return {of: one.recorded for of, one in self._outcomes.items()}

    @property
    def _finished(self) -> set[tuple[str, str]]:
        return {of for of, one in self._outcomes.items() if one.is_finished}

    @property
    def _after(self) -> Known:
        return updated(self._known, self._found, self._finished)

    def _changes(self) -> Iterator[str]:
        """Yield what is no longer true of the baseline file, or what was written to it."""
        gone = vanished(self._known, self._found, self._finished)
        name, lost = self._path.name, sum(map(len, gone.values()))
        if self._is_update:
            added = sum(map(len, self._after.values())) - sum(map(len, self._known.values())) + lost
            yield f"{name}: {added} added, {lost} removed" if added or lost else f"{name}: unchanged"
        elif gone:
            yield f"no longer rejected; `pytest --npu-update` takes these out of {name}:"
            yield from (f"  {test}: {key}" for (test, _), keys in sorted(gone.items()) for key in sorted(keys))


def _table(outcomes: list[Outcome], *, is_whole: bool) -> Iterator[str]:
    """Yield chips x tests; unless it is to be whole, without tests of which every call was accepted."""
    from npusim.cli.terminal import columns

    ran = [one for one in outcomes if one.runs]
    if not ran:
        return
    chips = list(dict.fromkeys(one.chip for one in ran))
    rows: dict[str, dict[str, Outcome]] = defaultdict(dict)
    for one in ran:
        rows[_without(one.chip, one.test)][one.chip] = one
    shown = {
        test: by_chip
        for test, by_chip in rows.items()
        if is_whole or any(one.rejected or one.unknown for one in by_chip.values())
    }
    cells = [[test, *(_cell([by_chip[c]] if c in by_chip else []) for c in chips)] for test, by_chip in shown.items()]
    total = ["total", *(_cell([one for one in ran if one.chip == chip]) for chip in chips)]
    yield from columns([["judged / rejected / unknown", *chips], *cells, total])


def _cell(outcomes: list[Outcome]) -> str:
    if not outcomes:
        return "-"
    numbers = [(one.judged, one.rejected, one.unknown) for one in outcomes]
    return " / ".join(str(sum(column)) for column in zip(*numbers, strict=True))


def _without(chip: str, test: str) -> str:
    """Return a test's name without the chip among its parameters."""
    name, _, parameters = test.partition("[")
    others = f"-{parameters.removesuffix(']')}-".replace(f"-{chip}-", "-", 1).strip("-")
    return f"{name}[{others}]" if others else name


def _rejected(outcomes: list[Outcome], headings: Mapping[Standing, str]) -> Iterator[str]:
    for standing in (one for one in Standing if one in headings):
        groups: dict[tuple[str, str, str], list[Rejection]] = defaultdict(list)
        for outcome in outcomes:
            for one in outcome.rejections:
                if one.standing is standing and one.is_first:
                    groups[outcome.chip, one.rule, one.text].append(one)
        if groups:
            yield headings[standing]
        for (chip, rule, sentence), found in groups.items():
            yield f"  {chip}: {rule}: {sentence}"
            yield f"    in {_some([one.where for one in found])}; at {_some([one.line for one in found])}"


def _some(names: list[str]) -> str:
    """Return the first of the different names, and how many there are."""
    different = list(dict.fromkeys(filter(None, names)))
    more = len(different) - _PLACES
    return ", ".join(different[:_PLACES]) + (f" and {more} more" if more > 0 else "")


def _slowest(outcomes: list[Outcome]) -> Iterator[str]:
    slowest = sorted((one for one in outcomes if one.runs), key=lambda one: -one.seconds)[:_SLOWEST]
    if slowest:
        yield "slowest: " + ", ".join(f"{one.test} {one.seconds:.2f} s" for one in slowest)
