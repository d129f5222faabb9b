import pytest
import torch

import npusim
from npusim.frontends.torch.observation import Finiteness, Shadow
from npusim.numerics.model import IEEE

from .observing import watched


@pytest.mark.parametrize("make", [lambda: Finiteness(IEEE), lambda: Shadow(torch.float64)], ids=["range", "shadow"])
def test_a_run_that_raised_leaves_nothing_that_disturbs_the_next(make):
    def failing(func, args, kwargs):
        if func is torch.ops.aten.mul_.Tensor:
            raise ArithmeticError("the chip stopped")
        return func(*args, **kwargs)

    listener, fresh = make(), make()
    x = torch.tensor([3.0, 300.0]).half()
    with pytest.raises(ArithmeticError, match="stopped"), watched(listener, compute=failing):
        x.mul_(x)
    assert x.tolist() == [3.0, 300.0]
    for one in (listener, fresh):
        with watched(one):
            x.clone().mul_(x).exp()
    assert listener.text() == fresh.text()


def test_a_run_says_what_its_listeners_found():
    watch, shadow = Finiteness(IEEE), Shadow()
    with npusim.device("ascend910b").torch(mode="report", observe=(watch, shadow)) as run:
        torch.full((4,), 300.0, dtype=torch.float16).pow(2)
    text = str(run)
    assert "\n\nFiniteness:\n  overflow: aten.pow.Tensor_Scalar in float16" in text
    assert "\n\nShadow:\n  operators, by the error that each adds\n" in text
    assert text.index("Finiteness:") < text.index("Shadow:")


def test_a_run_is_silent_about_listeners_that_are():
    class Counting:
        calls = 0

        def before(self, event):
            self.calls += event.func is not None

        def after(self, event, output):
            pass

    counting, shadow = Counting(), Shadow()
    with npusim.device("ascend910b").torch(mode="report", observe=(counting, shadow)) as run:
        torch.arange(4) + 1
    assert counting.calls
    assert "Counting" not in str(run)
    assert "Shadow" not in str(run)
