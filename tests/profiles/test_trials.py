"""Trials: what passes, and what the samples show to be amiss."""

from collections.abc import Callable

import pytest

from npusim.profiles import Profile
from npusim.profiles.trials import Trial, trials
from npusim.simulator import Status, judge


@pytest.fixture
def try_out(make_profile: Callable[..., Profile]) -> Callable[[str], Trial]:
    def trial(entry: str) -> Trial:
        (found,) = trials(make_profile(f"operators:\n  gelu: {entry}\n  abs: unknown\n"))
        return found

    return trial


def test_samples_are_calls_of_both_kinds(make_profile: Callable[..., Profile]):
    profile = make_profile("operators: {neg: {ports: {self: [float16, int8]}, rules: [{rank: {self: ..2}}]}}\n")
    (trial,) = trials(profile)
    assert trial.passes
    assert len(trial.positives) > 1
    assert {judge(profile, call).status for call in trial.positives} == {Status.ACCEPTED}
    assert [judge(profile, negative.call).status for negative in trial.negatives] == [Status.REJECTED] * 2
    (first,) = trials(profile, positives=1)
    assert first.positives == trial.positives[:1]


@pytest.mark.parametrize(
    ("entry", "passes"),
    [
        ("{ports: {self: float16}}", True),
        ("{ports: {self: float16}, guards: [{forbid_dtype: {self: float16}}]}", False),
        ("{rules: [{not_offered: no kernel}]}", True),
        ("{rules: [{not_offered: none, when: {approximate: tanh}}, {rank: {self: 1}}, {rank: {self: 2}}]}", False),
        ("{api: Gelu}", True),
        ("{ports: {self: unknown}, rules: [{rank: {self: ..4}}]}", True),
        ("{rules: [{same_shape: [self, out]}]}", True),
        ("{rules: [{rank: {self: 0..}}]}", False),
    ],
)
def test_what_passes(try_out: Callable[[str], Trial], entry: str, passes: bool):
    assert try_out(entry).passes is passes


def test_a_shared_check_that_one_variant_cannot_break_is_broken_in_another(try_out: Callable[[str], Trial]):
    entry = "{rules: [{attribute: {approximate: none}}], variants: [{when: {approximate: none}, api: Plain}]}"
    trial = try_out(entry)
    assert [negative.call is None for negative in trial.negatives] == [False, True]
    assert trial.unbroken == ()
