"""The founding story, told on real sizes: a rejection, its cause, two repairs and what each costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.demo import exact, vision
from npusim.demo.vision import HEADS, HIDDEN, Repair, Weights
from npusim.devices import Device, device
from npusim.dtypes import DType, dtype
from npusim.errors import NPUError
from npusim.numerics.measures import max_abs_error, sqnr_db

SEED = 3237


@dataclass(frozen=True, slots=True)
class Step:
    """One screen of the story: a heading and its lines."""

    heading: str
    lines: tuple[str, ...]


def tell() -> Iterator[Step]:
    """Yield the story step by step; everything is judged, run and measured while it is told."""
    story = _Data(dtype("bfloat16"))
    npu = device("ascend910b")
    yield _scene(npu)
    yield Step("It is refused, far from the line where float32 was born", tuple(_refusal(npu, story).splitlines()))
    yield _repairs(npu, story)
    yield _elsewhere(device("ascend310p"), story)


def _scene(npu: Device) -> Step:
    patches = vision.GRID[0] * vision.GRID[1]
    return Step(
        f"A vision attention block of Qwen2.5-VL meets {npu.profile.id}",
        (
            f"device   {npu.profile.name}; {npu.profile.stack.name} {npu.profile.stack.version}",
            f"image    {vision.GRID[0]} x {vision.GRID[1]} = {patches:,} patches",
            f"block    hidden size {HIDDEN:,}, {HEADS} heads of {vision.HEAD_SIZE}, tensor-parallel output projection",
            "dtypes   weights and activations bfloat16; the rotary table float32, as the model computes it",
        ),
    )


def _repairs(npu: Device, data: "_Data") -> Step:
    rows = [(repair, _run(npu, data, repair)) for repair in (Repair.EARLY, Repair.LATE)]
    (_, early), (_, late) = rows
    return Step(
        "Both published repairs are accepted and run on the OpenCL kernels; they do not cost the same",
        (
            f"{'repair':70}{'max |dcos|':>11}{'SQNR':>9}",
            *(f"{r.name.lower() + ': ' + r.value:70}{o.table_error:11.4f}{o.sqnr_db:6.1f} dB" for r, o in rows),
            "",
            "max |dcos| is the error of cos and sin, SQNR that of the block's output, both against float64.",
            f"The early cast, which was merged, errs {early.table_error / late.table_error:.0f} times more, because "
            "bfloat16 angles between 32 and 64 rad lie 0.25 rad apart. The late cast keeps the angles in float32 and "
            f"is {late.sqnr_db - early.sqnr_db:.1f} dB better.",
        ),
    )


def _elsewhere(npu: Device, data: "_Data") -> Step:
    refused = _refusal(npu, data, Repair.LATE).splitlines()
    outcome = _run(npu, _Data(dtype("float16")), Repair.LATE)
    return Step(
        f"The repaired model meets {npu.profile.id}, which has no bfloat16 at all",
        (
            *(line for line in refused if not line.startswith("  allowed")),
            "",
            f"In float16 it is accepted and runs: SQNR {outcome.sqnr_db:.1f} dB. Overflow saturates on this chip: inf "
            "becomes 65504 and nan becomes 0, so that a value that was too large does not show as one.",
        ),
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one accepted run gave: the largest error of cos and sin, and the block's ratio of signal to noise."""

    table_error: float
    sqnr_db: float


def _run(npu: Device, data: "_Data", repair: Repair) -> _Outcome:
    cos, sin, out = _on_device(npu, data, repair)
    true_cos, true_sin, true_out = data.truth
    table_error = max(max_abs_error(cos.numpy(), true_cos), max_abs_error(sin.numpy(), true_sin))
    return _Outcome(table_error, sqnr_db(out.numpy(), true_out))


def _refusal(npu: Device, data: "_Data", repair: Repair = Repair.NONE) -> str:
    try:
        _on_device(npu, data, repair)
    except NPUError as error:
        return str(error)
    raise AssertionError(f"{npu.profile.id} accepted what the story says it refuses")


def _on_device(npu: Device, data: "_Data", repair: Repair) -> tuple[Any, Any, Any]:
    xp = npu.xp
    weights = Weights(*map(xp.asarray, data.weights))
    cos, sin = vision.rotary_table(xp, xp.asarray(data.angles), data.dtype, repair)
    return cos, sin, vision.block(xp, xp.asarray(data.hidden), weights, cos, sin)


class _Data:
    """Random patches and weights in one dtype, and the float64 truth about them."""

    def __init__(self, row: DType) -> None:
        self.dtype = row
        random = np.random.default_rng(SEED)

        def normal(*shape: int, scale: float) -> NDArray[Any]:
            return (random.standard_normal(shape) * scale).astype(row.storage)

        self.angles = vision.angles()
        self.hidden = normal(len(self.angles), HIDDEN, scale=1.0)
        self.weights = (
            (1 + normal(HIDDEN, scale=0.1).astype(np.float32)).astype(row.storage),
            normal(3 * HIDDEN, HIDDEN, scale=2 * HIDDEN**-0.5),
            normal(3 * HIDDEN, scale=0.1),
            normal(HIDDEN, HIDDEN, scale=HIDDEN**-0.5),
        )

    @cached_property
    def truth(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Cos, sin and the block's output in float64."""
        weights = Weights(*(weight.astype(np.float64) for weight in self.weights))
        cos, sin = vision.rotary_table(exact.XP, self.angles.astype(np.float64), None, Repair.NONE)
        return cos, sin, vision.block(exact.XP, self.hidden.astype(np.float64), weights, cos, sin)
