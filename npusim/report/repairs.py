"""The repairs of one finding, side by side, as people read them."""

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING

from npusim.report.place import show_file
from npusim.report.text import show_site

if TYPE_CHECKING:
    from npusim.frontends.torch.repairs.trials import Cost, Repair, Repairs


def repairs_text(found: "Repairs") -> str:
    """Return every repair with its rank, its verdict, its cost and what to write."""
    head = f"repairs of {_finding(found)}"
    without = f" (as it is{_cost(found.unrepaired)})" if found.unrepaired.model is not None else ""
    return "\n".join(
        (head + without, *(line for rank, one in enumerate(found.ranked, 1) for line in _repair(rank, one)))
    )


def _finding(found: "Repairs") -> str:
    from npusim.simulator import Violation

    match found.finding:
        case Violation() as violation:
            return f"{violation.code} {violation.api or violation.operator}, {violation.port} is {violation.found}"
        case seen:
            excess = "" if seen.true_value is None else f": true value {seen.true_value:.9g}, limit {seen.limit:g}"
            return f"{seen.kind} in {seen.operator} at {show_site(seen.site)}{excess}"


def _repair(rank: int, one: "Repair") -> Iterator[str]:
    verdict = "accepted" if one.accepted else "refused"
    yield f"  {rank}. {one.proposal.title}: {verdict}{_cost(one.cost)}"
    yield from (f"       {line}" for line in one.proposal.code)
    yield from (f"       fits again at {show_file(file)}:{line}" for file, line in one.ends)
    if one.left:
        more = f" (and {len(one.left) - 1} more)" if len(one.left) > 1 else ""
        yield f"       still: {one.left[0].splitlines()[0]}{more}"


def _cost(cost: "Cost") -> str:
    there = "" if cost.there is None else f", SQNR {cost.there:.1f} dB there"
    model = "" if cost.model is None or isnan(cost.model) else f", {cost.model:.1f} dB in the model's results"
    return there + model
