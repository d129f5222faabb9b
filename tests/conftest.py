"""What several test modules need: small profiles written on the spot, and an executor that computes with numpy."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import npusim
from npusim.call import TensorType
from npusim.dtypes import dtype
from npusim.operators import OPERATORS
from npusim.profiles import Profile, load

settings.register_profile("npusim", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("npusim")

HEADER = "npusim: 1\nid: chip\nname: A chip\n"


class ReferenceExecutor:
    """Stands in for the executor: computes in float64 with the vocabulary's references and rounds once."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(
        self,
        operator: str,
        inputs: Sequence[np.ndarray[Any, Any] | None],
        attributes: Mapping[str, Any],
        outputs: Sequence[TensorType],
    ) -> tuple[np.ndarray[Any, Any], ...]:
        self.ran.append(operator)
        row = OPERATORS[operator]
        values = [None if a is None else a if a.dtype.kind in "biu" else a.astype(np.float64) for a in inputs]
        given = [values] if row.inputs[0].variadic else values
        with np.errstate(all="ignore"):
            result = row.reference(*given, **attributes)
            results = result if row.outputs[-1].variadic else (result,)
            return tuple(
                np.asarray(r).astype(out.dtype.storage).reshape(out.shape)
                for r, out in zip(results, outputs, strict=True)
            )


def simulated(device: npusim.Device) -> npusim.Device:
    """Return the device with the stand-in as its executor, on the device and on the host."""
    device.executor = ReferenceExecutor()
    device._host = ReferenceExecutor()
    return device


@pytest.fixture
def make_device() -> Callable[..., npusim.Device]:
    """A device of a shipped id, a path or a profile, that computes without OpenCL."""
    return lambda profile, **options: simulated(npusim.device(profile, **options))


@pytest.fixture
def npu(make_device: Callable[..., npusim.Device]) -> npusim.Device:
    return make_device("ascend910b")


@pytest.fixture
def write_profile(tmp_path: Path) -> Callable[..., Path]:
    """Write a profile of the id `chip` (or another) with the given body under the usual header; return its path."""

    def write(body: str = "", *, name: str = "chip", header: str | None = None) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text((HEADER.replace("chip", name, 1) if header is None else header) + body, encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_profile(write_profile: Callable[..., Path]) -> Callable[..., Profile]:
    return lambda body="", **options: load(write_profile(body, **options))


@pytest.fixture
def zeros() -> Callable[..., np.ndarray[Any, Any]]:
    """Zeros of a dtype by any spelling and of a shape."""
    return lambda spelling, *shape: np.zeros(shape, dtype(spelling).storage)
