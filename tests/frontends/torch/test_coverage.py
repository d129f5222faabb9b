"""What `npusim torch coverage` says: the operators of a model, what they are to npusim, and how many are judged."""

import pytest
import torch
from torch import nn

from npusim.frontends.torch.coverage import Row, coverage
from npusim.frontends.torch.mapping import Role
from npusim.frontends.torch.target import TargetError
from npusim.profiles import Profile, load
from npusim.resources import folder
from tests.frontends.torch import models

ASCEND = {name: load(folder("device_profiles") / f"{name}.yaml") for name in ("ascend910b", "ascend310p", "ascend910a")}


@pytest.fixture
def ascend() -> Profile:
    return ASCEND["ascend910b"]


class Mixed(nn.Module):
    """Two products, a view and an operator that npusim does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.linear(self.linear(x)).t()
        torch.linalg.eigvals(x.detach())
        return x


def test_rows_say_what_was_called_and_how_often() -> None:
    rows = {row.overload: row for row in coverage(Mixed(), [torch.ones(4, 4)]).rows()}
    assert rows["aten.linear.default"] == Row("aten.linear.default", Role.OPERATOR, "linear", 2)
    assert rows["aten.t.default"] == Row("aten.t.default", Role.VIEW, "t", 1)
    assert rows["aten.linalg_eig.default"] == Row("aten.linalg_eig.default", Role.OPERATOR, None, 1)


def test_the_unmapped_are_listed() -> None:
    assert [row.overload for row in coverage(Mixed(), [torch.ones(4, 4)]).unmapped()] == ["aten.linalg_eig.default"]


def test_training_is_seen_below_the_composites() -> None:
    called = {row.overload for row in coverage(Mixed(), [torch.ones(4, 4)], training=True).rows()}
    assert "aten.addmm.default" in called
    assert "aten.mm.default" in called
    assert "aten.linear.default" not in called


def test_training_needs_something_to_go_back_from() -> None:
    with pytest.raises(TargetError, match="nothing that the model returns has a gradient"):
        coverage(nn.Identity(), [torch.ones(2)], training=True)


def test_a_profile_judges_what_it_has_facts_on(ascend: Profile) -> None:
    rows = {row.overload: row for row in coverage(Mixed(), [torch.ones(4, 4)]).rows(ascend)}
    assert rows["aten.linear.default"].judged == 2
    assert rows["aten.linalg_eig.default"].judged == 0
    assert rows["aten.t.default"].judged is None


def test_the_text_has_a_summary_and_a_table(ascend: Profile) -> None:
    found = coverage(Mixed(), {"x": torch.ones(4, 4)}).text(ascend).splitlines()
    assert found[0] == "4 torch operators in 5 calls: 2 views and bookkeeping, 3 computed"
    assert found[1] == "npusim knows 2 of 3 (66.7 %)"
    assert found[2] == f"{ascend.id} judges 2 of 3 (66.7 %)"
    assert found[4].split() == ["calls", "torch", "operator", "npusim", "operator", "judged"]
    assert found[5].split() == ["2", "aten.linear.default", "linear", "100", "%"]
    assert any(line.split() == ["1", "aten.linalg_eig.default", "unmapped", "0", "%"] for line in found)
    assert any(line.endswith("t (view)") for line in found)


def test_without_a_profile_nothing_is_said_of_judging() -> None:
    assert "judge" not in coverage(Mixed(), torch.ones(4, 4)).text()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", models.MODELS)
def test_no_operator_of_a_real_model_is_unknown_in_more_than_one_of_100_calls(name: str, training: bool) -> None:
    model, inputs = models.MODELS[name]()
    found = coverage(model.train(training), inputs, training)
    for profile in ASCEND.values():
        rows = [row for row in found.rows(profile) if row.judged is not None]
        total = sum(row.calls for row in rows)
        assert [row for row in rows if row.calls - (row.judged or 0) > total / 100] == []
