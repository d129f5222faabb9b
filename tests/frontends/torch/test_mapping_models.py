"""The mapping is complete: every operator that real models call, also backward and generating, is one of npusim's."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from npusim.errors import CallError
from npusim.frontends.torch.mapping import Role, translate
from npusim.frontends.torch.operands import dtype_of, operands_of
from npusim.operators import OPERATORS, bind, known_outputs
from tests.frontends.torch.models import MODELS

GENERATING = ("llama", "qwen3_moe", "qwen2_vl", "qwen2_5_vl", "whisper")
OF_A_GROUP = "aten._grouped_mm.default"
"""A product for each group of tokens is judged as that of one group, whose result is a part of the whole."""


class Check(TorchDispatchMode):
    """Holds every call against the mapping, and what npusim infers of it against what torch computes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.faults: dict[str, str] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        found = translate(func, args, kwargs)
        if found.operator is None:
            if found.role is Role.OPERATOR and func._can_decompose():
                with self:
                    return func.decompose(*args, **kwargs)
            if found.role is Role.OPERATOR:
                self.faults[str(func)] = "is unmapped"
            return func(*args, **kwargs)
        self.calls += 1
        operator = OPERATORS[found.operator]
        try:
            call = bind(operator, (), {**operands_of(found, constants=False, origins=False), **found.attributes})
            inferred = () if call.outputs or str(func) == OF_A_GROUP else known_outputs(operator, call)
        except CallError as error:
            self.faults[str(func)] = f"as {found.operator}: {error}"
            inferred = ()
        output = func(*args, **kwargs)
        outputs = [output] if isinstance(output, torch.Tensor) else output
        for expected, computed in zip(inferred, outputs, strict=False):
            if (expected.dtype, expected.shape) != (dtype_of(computed.dtype), tuple(computed.shape)):
                self.faults[str(func)] = f"as {found.operator} yields {expected}, not {computed.dtype}{computed.shape}"
        return output


def checked(run: Callable[[], object], around: AbstractContextManager[Any] | None = None) -> Check:
    with around or nullcontext(), Check() as check:
        run()
    assert check.calls > 10
    return check


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_inference(name: str, dtype: torch.dtype) -> None:
    model, inputs = MODELS[name](dtype)
    assert checked(lambda: model(**inputs), torch.inference_mode()).faults == {}


@pytest.mark.parametrize("name", MODELS)
def test_a_step_of_training(name: str) -> None:
    model, inputs = MODELS[name]()
    model.train()
    optimiser = torch.optim.AdamW(model.parameters())
    assert checked(lambda: step(model, inputs, optimiser)).faults == {}


def step(model: nn.Module, inputs: Mapping[str, Any], optimiser: torch.optim.Optimizer) -> None:
    output = model(**inputs)
    logits = output.logits_per_image if "logits_per_image" in output else output.logits
    logits.float().square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("name", GENERATING)
def test_two_steps_of_generation(name: str) -> None:
    model, inputs = MODELS[name]()
    generate: Any = model.generate
    check = checked(lambda: generate(**inputs, max_new_tokens=2, do_sample=False), torch.inference_mode())
    assert check.faults == {}


def test_an_unmapped_operator_is_found() -> None:
    assert checked(lambda: [torch.linalg.eigvals(torch.ones(2, 2)) + 1 for _ in range(11)]).faults == {
        "aten.linalg_eig.default": "is unmapped"
    }
