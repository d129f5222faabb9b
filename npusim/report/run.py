"""What came of a run of a PyTorch model, as people read it: grouped, the most frequent first."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from npusim.report.text import rejection, show_site
from npusim.simulator import Verdict

if TYPE_CHECKING:
    from npusim.frontends.torch.run import Run

MAX_MODULES = 3
"""How many modules of one group are named."""


def run_text(run: "Run") -> str:
    """Return the whole of a run in words."""
    return "\n".join(
        (
            *_head(run),
            *rejected(run.verdicts),
            *_unknown(run),
            *(f"  note     {note}" for note in run.notes),
            *_observed(run.listeners),
        )
    )


def _head(run: "Run") -> Iterator[str]:
    counts = run.counts
    yield (
        f"{run.profile.id}: {counts.judged} of {counts.judged + counts.unknown} operator calls judged, "
        f"{counts.rejected} rejected, {counts.unknown} unknown; {counts.free} views and bookkeeping"
    )
    if run.emulator is not None:
        paths = Counter[str]()
        for (_, path), calls in run.emulator.paths.items():
            paths[path] += calls
        yield f"  computed {', '.join(f'{calls} {path}' for path, calls in paths.most_common())}"


def rejected(verdicts: list[Verdict]) -> Iterator[str]:
    """Yield the lines that say what was rejected, an empty one before each group."""
    for same in grouped(verdicts):
        yield ""
        yield rejection(same[0])
        modules = list(dict.fromkeys(_module(verdict) for verdict in same))
        if len(same) > 1:
            named = ", ".join(modules[:MAX_MODULES]) + (", ..." if len(modules) > MAX_MODULES else "")
            yield f"  in all   {len(same)} calls in {len(modules)} modules: {named}"


def grouped(verdicts: list[Verdict]) -> list[list[Verdict]]:
    """Return rejected verdicts that say the same of the same line of code together, in the order of the first ones."""
    groups: dict[object, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        first = verdict.violations[0]
        line = (first.site.file, first.site.line) if first.site is not None else None
        groups[first.operator, first.code, first.port, first.found, first.text, line].append(verdict)
    return list(groups.values())


def _module(verdict: Verdict) -> str:
    site = verdict.violations[0].site
    return "" if site is None else site.module or site.function


def _unknown(run: "Run") -> Iterator[str]:
    for one in run.unknown:
        yield f"  unknown  {one.operator}, {one.calls} calls, first at {show_site(one.site)}: {one.reason}"


def _observed(listeners: Iterable[object]) -> Iterator[str]:
    """Yield what each listener that speaks has to say, an empty line and its name before it."""
    for listener in listeners:
        text = getattr(listener, "text", None)
        if text is not None and (said := text()):
            yield ""
            yield f"{type(listener).__name__}:"
            yield from (f"  {line}" if line else line for line in said.splitlines())
