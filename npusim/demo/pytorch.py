"""The founding story on transformers' own classes: refused only as it is deployed, and at any size."""

import re
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from npusim.demo.story import Step
from npusim.devices import Device, device

if TYPE_CHECKING:
    from torch import nn

    from npusim.torch import Repair, Repairs, Run

_GET = "The PyTorch chapter needs torch and transformers: pip install 'npusim[torch]'"
_NEEDED = ("torch", "transformers")
_FOLDERS = re.compile(r"\S*/site-packages/(\S+/)*")
_SENTENCES = 2
"""How many of a lowering's notes are told."""


def missing() -> str:
    """Return how to get what this chapter needs, or an empty text if it is there."""
    if any(find_spec(name) is None for name in _NEEDED):
        return _GET
    try:
        import_module("npusim.demo.qwen")
    except (ImportError, RuntimeError) as error:  # too old, or beside a package that does not fit
        return f"{_GET} ({error})"
    return ""


def tell() -> Iterator[Step]:
    """Yield the chapter step by step; everything is judged, run and measured while it is told."""
    from npusim.demo import qwen

    npu = device("ascend910b")
    model, inputs = qwen.build()
    yield _accepted(_run(npu, model, inputs, "eager"))
    run = _run(npu, model, inputs, "lmdeploy-tp")
    yield Step(
        "As LMDeploy deploys it with tensor parallelism, the same model is refused",
        tuple(map(_short, str(run).split("\n  unknown")[0].splitlines())),
    )
    yield _repairs(run.repairs()[0])
    yield _full_size(npu)


def _accepted(run: "Run") -> Step:
    patches = " x ".join(map(str, _grid()))
    return Step(
        f"PyTorch: transformers' Qwen2.5-VL, unmodified, meets {run.profile.id}",
        (
            f"model    Qwen2_5_VLForConditionalGeneration, small, in bfloat16; vision heads of 80; {patches} patches",
            "code     with npu.torch() as run: model(**inputs)",
            str(run).splitlines()[0],
            "",
            *(_short(note) for note in run.notes[:_SENTENCES]),
        ),
    )


def _repairs(found: "Repairs") -> Step:
    early, late = (_published(found, operators) for operators in ({"aten.cos", "aten.sin"}, {"aten.mul"}))
    return Step(
        "Every repair is tried in a re-run, without touching a file, and ranked by what it costs",
        (
            f"{'repair':78}{'SQNR there':>12}{'at the end':>12}",
            *(line for rank, one in enumerate(found.ranked, 1) for line in _row(rank, one)),
            "",
            "SQNR is against the same model in float32: at the refused projection, and of all that the model returns.",
            f"Both published repairs are here. Rank {1 + found.ranked.index(early)}, the early cast, was merged; rank "
            f"{1 + found.ranked.index(late)}, the late one, is {_there(late) - _there(early):.1f} dB better.",
        ),
    )


def _published(found: "Repairs", operators: set[str]) -> "Repair":
    """The best accepted cast of the inputs of these operators."""
    return next(
        one for one in found.ranked if one.accepted and {edit.operator for edit in one.proposal.edits} == operators
    )


def _row(rank: int, one: "Repair") -> Iterator[str]:
    verdict = one.proposal.title + ("" if one.accepted else ": refused")
    yield f"{rank}. {verdict:75}{_there(one):9.1f} dB{one.cost.model or 0:9.1f} dB"
    yield from (f"     {_short(line)}" for line in one.proposal.code)


def _there(one: "Repair") -> float:
    return one.cost.there or 0.0


def _full_size(npu: Device) -> Step:
    import torch

    from npusim.demo import qwen
    from npusim.torch import fake

    started = time.perf_counter()
    model, inputs = fake(qwen.build_72b)
    built_s = time.perf_counter() - started
    run = _run(npu, model, inputs, "lmdeploy-tp")
    weights = sum(one.numel() for one in model.parameters())
    first, *_, last = (verdict.violations[0].site for verdict in run.verdicts)
    return Step(
        "The same check of the model of 72 billion parameters, without memory for any of them",
        (
            "code     model, inputs = npusim.torch.fake(build_72b)",
            f"weights  {weights / 1e9:.1f} billion, {weights * torch.bfloat16.itemsize / 1e9:.0f} GB in bfloat16, none "
            f"allocated; built in {built_s:.1f} s, run in {run.seconds:.1f} s",
            str(run).splitlines()[0],
            f"refused  {first.module if first else ''} to {last.module if last else ''}",
        ),
    )


def _run(npu: Device, model: "nn.Module", inputs: Any, lowering: str) -> "Run":
    with npu.torch("report", lowering=lowering) as run:
        model(**inputs)
    return run


def _grid() -> tuple[int, int]:
    from npusim.demo.qwen import GRID

    return GRID


def _short(line: str) -> str:
    return _FOLDERS.sub("", line)
