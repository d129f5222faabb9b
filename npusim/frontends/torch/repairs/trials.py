"""Try every proposed repair in a re-run: whether the model is accepted then, and what the numbers say."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_leaves

from npusim.call import Site
from npusim.frontends.torch.observation import Accuracy, Finiteness, Kind, Observation, Shadow
from npusim.frontends.torch.operands import torch_dtype
from npusim.frontends.torch.repairs.edits import Edit, packet_name
from npusim.frontends.torch.repairs.lineage import Lineage
from npusim.frontends.torch.repairs.proposals import Proposal, for_overflow, for_rejection
from npusim.frontends.torch.run import Mode, Run
from npusim.simulator import Verdict, Violation

if TYPE_CHECKING:
    from npusim.devices import Device

_TROUBLE = {Kind.OVERFLOW, Kind.SATURATION, Kind.LOST, Kind.NAN}
_BEYOND = _TROUBLE - {Kind.NAN}
"""What a wider range mends; a NaN is the consequence of one of these, or meant."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A proposal that was tried.

    accepted  nothing that it is to mend was found again, and nothing that was not there before
    cost      how far the numbers are from the truth with it
    left      what the chip still refuses, or overflows
    ends      the lines at which held numbers fitted again
    """

    proposal: Proposal
    accepted: bool
    cost: "Cost"
    left: tuple[str, ...]
    ends: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """Ratios of signal to error in dB, against the same model computed in float32 throughout; None without data.

    there  of the results of the operator that was refused or overflowed, at its line; of several calls the worst
    model  of the model's floating-point results
    """

    there: float | None
    model: float | None


@dataclass(frozen=True, slots=True)
class Repairs:
    """Every repair that was tried for one finding, the best first, beside what the unrepaired model gives."""

    finding: Violation | Observation
    unrepaired: Cost
    ranked: tuple[Repair, ...]

    def __str__(self) -> str:
        from npusim.report.repairs import repairs_text

        return repairs_text(self)


def repairs(
    npu: "Device",
    again: Callable[[], Any],
    *,
    lowering: str | Sequence[str] | None = None,
    training: bool = False,
    execute: bool = False,
    of: Sequence[Verdict] | None = None,
) -> list[Repairs]:
    """Return the repairs of everything that `again`, a function that calls a model, meets on a chip.

    The function is run once to see what is found, once more for each refused dtype, and once for each proposal, from
    the same random state; it must not change its model. The numeric cost needs real tensors. With `of`, only these
    rejected verdicts are repaired.
    """
    trials = _Trials(npu, again, lowering, training, execute)
    wanted = None if of is None else {_of(verdict.violations[0]) for verdict in of}
    findings = (one for one in trials.findings() if wanted is None or _of(one[0]) in wanted)
    return [trials.of(finding, proposals) for finding, proposals in findings]


@dataclass(frozen=True, slots=True)
class _Outcome:
    run: Run
    trouble: tuple[Observation, ...]
    accuracies: tuple[Accuracy, ...]
    sqnr_db: float | None

    def cost(self, finding: Violation | Observation) -> Cost:
        """Return how far this run is from the truth, at the line of a finding and at its end."""
        site = finding.site or Site()
        there = [
            one.sqnr_db_accumulated
            for one in self.accuracies
            if (one.site.file, one.site.line) == (site.file, site.line)
            and packet_name(one.operator) == packet_name(site.operator)
            and not math.isnan(one.sqnr_db_accumulated)
        ]
        return Cost(min(there, default=None), self.sqnr_db)


class _Trials:
    """What is shared by the re-runs of one model."""

    def __init__(
        self,
        npu: "Device",
        again: Callable[[], Any],
        lowering: str | Sequence[str] | None,
        training: bool,
        execute: bool,
    ) -> None:
        self._npu, self._again = npu, again
        self._options: dict[str, Any] = {"lowering": lowering, "training": training, "execute": execute}
        self._before = self._run(())

    def findings(self) -> Iterator[tuple[Violation | Observation, list[Proposal]]]:
        """Yield what was found, once a line of code, with what could be done about it."""
        lineages: dict[str, Lineage] = {}
        seen: set[object] = set()
        for verdict in self._before.run.verdicts:
            violation, site = verdict.violations[0], verdict.call.site
            target = _target(verdict)
            if (
                site is None
                or target is None
                or (key := (site.file, site.line, violation.code, violation.port)) in seen
            ):
                continue
            seen.add(key)
            if violation.found not in lineages:
                lineages[violation.found] = self._lineage(violation.found)
            yield (
                violation,
                list(for_rejection(violation, packet_name(site.operator), target, lineages[violation.found])),
            )
        for one in (one for one in self._before.trouble if one.kind in _BEYOND):
            yield one, list(for_overflow(one, packet_name(one.operator)))

    def of(self, finding: Violation | Observation, proposals: list[Proposal]) -> Repairs:
        """Return what became of each proposal, ranked: accepted ones first, then by the numbers, then by size."""
        tried = [self._try(finding, proposal) for proposal in proposals]
        return Repairs(finding, self._before.cost(finding), tuple(sorted(tried, key=_rank)))

    def _try(self, finding: Violation | Observation, proposal: Proposal) -> Repair:
        after = self._run(proposal.edits)
        known = {_of(v) for v in self._before.run.violations} | {_of(one) for one in self._before.trouble}
        left: list[Violation | Observation] = [*after.run.violations, *after.trouble]
        worse = [one for one in left if _of(one) == _of(finding) or _of(one) not in known]
        texts = tuple(dict.fromkeys(one.text if isinstance(one, Violation) else str(one.kind) for one in worse))
        ends = tuple(sorted({end for edit in proposal.edits for end in edit.ends}))
        return Repair(proposal, not worse, after.cost(finding), texts, ends)

    def _lineage(self, dtype: str) -> Lineage:
        lineage = Lineage(torch_dtype(dtype) or torch.float32)
        self._call(edits=(lineage,))
        return lineage

    def _run(self, edits: Sequence[Edit]) -> _Outcome:
        range_, shadow = Finiteness(self._npu.profile), Shadow(torch.float32)
        run, output = self._call(edits=edits, observe=(range_, shadow))
        trouble = tuple(one for one in range_.observations if one.kind in _TROUBLE)
        return _Outcome(run, trouble, shadow.operators, _sqnr_db(shadow, output))

    def _call(self, **options: Any) -> tuple[Run, Any]:
        with torch.random.fork_rng(devices=()):
            run = self._npu.torch(Mode.REPORT, **self._options, **options)
            self._npu.runs.remove(run)  # a trial is not one of the user's runs
            with run:
                return run, self._again()


def _sqnr_db(shadow: Shadow, output: Any) -> float | None:
    """Return the ratio of signal to error over every float result of a model; None if none of them has data."""
    signal = error = 0.0
    for one in tree_leaves(output):
        truth = shadow.shadow_of(one) if isinstance(one, torch.Tensor) else None
        if truth is not None:
            signal += truth.double().square().sum().item()
            error += (one.double() - truth).square().sum().item()
    if not signal:
        return None
    if not error:
        return math.inf
    return -math.inf if error == math.inf else 10 * math.log10(signal / error)


def _target(verdict: Verdict) -> str | None:
    """Return an allowed dtype to cast to, if it is a dtype that is refused: another operand's if it may."""
    violation = verdict.violations[0]
    if torch_dtype(violation.found) is None:
        return None
    allowed = [name for name in violation.allowed if torch_dtype(name) is not None]
    present = {operand.type.dtype.name for given in verdict.call.operands.values() for operand in given}
    return next((name for name in allowed if name in present), next(iter(allowed), None))


def _of(one: Violation | Observation) -> tuple[object, ...]:
    """What makes two findings the same: rule or kind, operator and line."""
    site = one.site
    line = (site.file, site.line) if site is not None else None
    return (one.code, one.port, line) if isinstance(one, Violation) else (one.kind, one.operator, line)


def _rank(one: Repair) -> tuple[bool, float, float, int]:
    """The order of repairs: accepted ones first, then by the numbers to a tenth of a dB, then by size."""
    there, model = map(_worth, (one.cost.there, one.cost.model))
    return not one.accepted, -there, -model, len(one.proposal.edits)


def _worth(sqnr_db: float | None) -> float:
    return -math.inf if sqnr_db is None or math.isnan(sqnr_db) else round(sqnr_db, 1)
