"""Code that reads the data of a tensor without any is told where and what to do, or gets the value that was given."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import npusim
from npusim.errors import DataReadError, UsageError
from npusim.frontends.torch.fake import fake

HERE = Path(__file__).name


class Reads(nn.Module):
    """Hands what it gets to a function, which may read it."""

    def __init__(self, read: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.inner = Inner(read)

    def forward(self, x: torch.Tensor) -> Any:
        return self.inner(x)


class Inner(nn.Module):
    def __init__(self, read: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.read = read

    def forward(self, x: torch.Tensor) -> Any:
        return self.read(x)


def reads(read: Callable[[torch.Tensor], Any], *size: int, **values: Any) -> Any:
    model, x = fake(lambda: (Reads(read), torch.ones(size)), **values)
    return model(x)


ONE: dict[str, Callable[[torch.Tensor], Any]] = {
    "item": lambda x: x.item(),
    "float": float,
    "bool": bool,
    "branch": lambda x: 1 if x > 0 else 0,
    "format": lambda x: f"{x:.3f}",
    "tensor": lambda x: torch.tensor([x]),
}
MANY: dict[str, Callable[[torch.Tensor], Any]] = {
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "asarray": np.asarray,
    "asarray of a dtype": lambda x: np.asarray(x, dtype=np.float64),
    "dlpack": np.from_dlpack,
    "nonzero": lambda x: x.nonzero(),
    "where": lambda x: torch.where(x > 0),
    "mask": lambda x: x[x > 0],
    "masked_select": lambda x: torch.ones(3).masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "repeat_interleave": lambda x: x.repeat_interleave(x.long(), dim=0),
    "tensor_split": lambda x: x.tensor_split(x.long()),
    "equal": lambda x: x.equal(x),
    "allclose": lambda x: torch.allclose(x, x),
    "into integers": lambda x: torch.zeros(3, dtype=torch.int64).copy_(x),
}


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize(
    ("read", "size"),
    [*((read, ()) for read in ONE.values()), *((read, (3,)) for read in MANY.values())],
    ids=[*ONE, *MANY],
)
def test_a_read_names_line_module_and_repair(read: Callable[[torch.Tensor], Any], size: tuple[int, ...]) -> None:
    with pytest.raises(DataReadError) as caught:
        reads(read, *size)
    text, line = str(caught.value), read.__code__.co_firstlineno if hasattr(read, "__code__") else None
    assert "reads the data of a fake tensor" in text.splitlines()[0]
    assert "run a small model of this kind with real tensors" in text
    site = caught.value.site
    assert site is not None
    assert site.file == __file__ or "numpy" in str(site.file)
    assert f"at {site.file}:{site.line}" in text
    if line is not None:
        assert site.line == line


def test_the_message_says_everything() -> None:
    def read(x: torch.Tensor) -> Any:
        return x.mean().item()

    with pytest.raises(DataReadError) as caught:
        reads(read, 2, 3)
    line = read.__code__.co_firstlineno + 1
    assert str(caught.value).splitlines() == [
        "item() reads the data of a fake tensor, float32[], which has none",
        f"  at {__file__}:{line} in {read.__qualname__}, module inner",
        f"  give the value: fake(build, values={{'{HERE}:{line}': ...}}), or values={{'item': ...}} for every line",
        "  or run a small model of this kind with real tensors",
    ]


def test_the_error_is_public_and_can_be_pickled() -> None:
    assert npusim.DataReadError is DataReadError
    assert issubclass(DataReadError, UsageError)
    with pytest.raises(DataReadError) as caught:
        reads(lambda x: x.item())
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.site) == (str(caught.value), caught.value.site)


@pytest.mark.parametrize("read", [repr, str, print, lambda x: f"{x}"])
def test_to_print_is_not_to_read(read: Callable[[torch.Tensor], Any], capsys: pytest.CaptureFixture[str]) -> None:
    shown = f"{reads(read, 2, 3)}{capsys.readouterr().out}"
    assert "fake_tensor(size=(2, 3), dtype=torch.float32, device='cpu')" in shown


@pytest.mark.parametrize(
    ("read", "size", "given", "answer"),
    [
        (lambda x: x.item(), (), 2.5, 2.5),
        (lambda x: 1 if x > 0 else 0, (), True, 1),
        (lambda x: f"{x:.1f}", (), 2.5, "2.5"),
        (lambda x: x.tolist(), (2,), 2.5, [2.5, 2.5]),
        (lambda x: x.tolist(), (2,), [1, 2], [1, 2]),
        (lambda x: x.numpy().tolist(), (2,), 2.5, [2.5, 2.5]),
        (lambda x: x.equal(x), (2,), True, True),
    ],
)
def test_a_value_may_be_given(
    read: Callable[[torch.Tensor], Any], size: tuple[int, ...], given: Any, answer: Any
) -> None:
    line = read.__code__.co_firstlineno
    for key in ("item", f"{HERE}:{line}", f"torch/{HERE}:{line}", f"{__file__}:{line}"):
        assert reads(read, *size, values={key: given}) == answer
    with pytest.raises(DataReadError):
        reads(read, *size, values={f"{HERE}:{line + 1}": given, f"other/{HERE}:{line}": given})


@pytest.mark.parametrize(
    ("read", "given"),
    [(lambda x: x.sum().item(), [1, 2]), (lambda x: x.sum().item(), "2"), (lambda x: x.tolist(), [1, 2, 3])],
)
def test_a_value_that_cannot_stand_there_is_refused(read: Callable[[torch.Tensor], Any], given: Any) -> None:
    with pytest.raises(UsageError, match=r"values: .* was given for"):
        reads(read, 2, values={"item": given})


def test_a_line_comes_before_the_value_for_all() -> None:
    def read(x: torch.Tensor) -> Any:
        return x.item(), x.item()

    line = read.__code__.co_firstlineno + 1
    assert reads(read, values={"item": 1, f"{HERE}:{line}": 2}) == (2, 2)


@pytest.mark.parametrize("values", [{"line 3": 1}, {"model.py": 1}, {"model.py:0": 1}, {"index": "seven"}])
def test_values_of_no_meaning_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="values"):
        fake(lambda: (nn.Linear(1, 1), ()), values=values)


@pytest.mark.parametrize(
    ("read", "answer", "note"),
    [
        (lambda x: x.argmax(-1).tolist(), [0, 0], "argmax gives index 0"),
        (lambda x: x.max(-1).indices.tolist(), [0, 0], "max gives index 0"),
        (lambda x: x.softmax(-1).multinomial(1).tolist(), [[0], [0]], "multinomial gives index 0"),
        (lambda x: x.sort(-1).indices.tolist(), [[0, 1, 2], [0, 1, 2]], "sort finds its input in order"),
        (lambda x: x.argsort(dim=0).tolist(), [[0, 0, 0], [1, 1, 1]], "sort finds its input in order"),
        (lambda x: bool(x.isinf().any()), False, "isinf finds every value finite"),
        (lambda x: bool(x.isnan().any()), False, "isnan finds every value finite"),
        (lambda x: bool(x.ne(x).any()), False, "isfinite finds every value finite"),
        (lambda x: bool((x == float("-inf")).any()), False, "isfinite finds every value finite"),
        (lambda x: bool(x.isfinite().all()), True, "isfinite finds every value finite"),
        (
            lambda x: x.topk(2).indices.tolist(),
            [[0, 1], [2, 0]],
            "routing of 2 tokens balanced over 3 experts, 2 each (topk in Inner)",
        ),
    ],
)
def test_what_is_assumed_is_declared(read: Callable[[torch.Tensor], Any], answer: Any, note: str) -> None:
    for context in (torch.inference_mode(), torch.enable_grad()):
        model, x = fake(lambda: (Reads(read), torch.ones(2, 3)))
        with context:
            assert model(x) == answer
        assert any(note in made for made in model.npusim_notes)
