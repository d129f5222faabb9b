"""Look through what the device of a test rejected: at the end of the test, and once more behind its fixtures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from npusim.pytest_plugin.mending import repairs_of
from npusim.pytest_plugin.outcome import Finding, Outcome, find, outcome
from npusim.pytest_plugin.torch_runs import Torch

if TYPE_CHECKING:
    from npusim.devices import Device
    from npusim.simulator import Verdict


class Watch:
    """What a test has of its device.

    `fails` says whether a rejection that is not in `known` fails it, `repairs` whether repairs are tried then.
    """

    def __init__(
        self, device: "Device", torch: Torch, known: frozenset[str], root: Path, *, fails: bool, repairs: bool
    ) -> None:
        from npusim import Policy

        self._device = device
        self._torch = torch
        self._known = known
        self._root = root
        self._fails = fails
        self._repairs = repairs
        self._is_recorded = device.policy is Policy.RECORD
        self._is_finished = False
        self._shown = 0

    def end_of_test(self) -> None:
        """Note that the test itself came to its end, and look."""
        self._is_finished = True
        self.look()

    def look(self) -> None:
        """Fail the test if something was rejected since the last look and is new."""
        findings = self._findings()
        fresh = [finding.verdict for finding in findings if finding.is_new]
        if self._fails and len(fresh) > self._shown:
            from npusim.report.run import rejected

            lately, self._shown = fresh[self._shown :], len(fresh)
            head = _head(len(lately), sum(finding.is_known for finding in findings))
            pytest.fail("\n".join([head, *rejected(lately), *self.mended(lately)]), pytrace=False)

    def mended(self, verdicts: "Sequence[Verdict]") -> list[str]:
        """Return the repairs of rejected calls, one text for each line of code that was refused."""
        return ["", *repairs_of(self._device.runs, verdicts)] if self._repairs else []

    def outcome(self, test: str) -> Outcome | None:
        """Return what the calls came to; None if there is nothing to say of them."""
        findings = self._findings()
        if not (self._device.runs or findings or self._known):
            return None
        return outcome(test, self._device, findings, is_finished=self._is_finished)

    def _findings(self) -> list[Finding]:
        runs = self._torch.recorded
        return list(find(self._device, runs, self._known, self._root, is_recorded=self._is_recorded))


def _head(new: int, known: int) -> str:
    recorded = "1 rejected call was recorded" if new == 1 else f"{new} rejected calls were recorded"
    return f"{recorded}{f', besides {known} known before' if known else ''}:"
