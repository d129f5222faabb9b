"""Repairs of what a test's runs refused, for its report."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npusim.simulator import Verdict
    from npusim.torch import Run


def repairs_of(runs: "Sequence[Run]", verdicts: "Sequence[Verdict]") -> Iterator[str]:
    """Yield the repairs of those verdicts that a run met within a module, which is called again for each trial."""
    from npusim.errors import NpusimError

    for run in runs:
        own = [one for one in verdicts if any(one is theirs for theirs in run.verdicts)]
        if not own or run.again is None:
            continue
        try:
            yield from map(str, run.repairs(of=own))
        except (NpusimError, RuntimeError) as error:  # what the test found stands, whatever becomes of a re-run
            yield f"npusim could not try repairs: {error}"
