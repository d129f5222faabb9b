"""A launch beyond a chip's OpenCL limits is refused before it is made."""

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.executor import Local, Out
from npusim.limits import check_launch
from npusim.profiles import OpenCLLimits

LIMITS = OpenCLLimits(max_work_group_size=64, max_work_item_sizes=(64, 8), local_mem_size_bytes=1024)
DOUBLE = (
    "__kernel void twice(__global const float* x, __global float* y) { y[get_global_id(0)] = 2 * x[get_global_id(0)]; }"
)


@pytest.mark.parametrize(
    ("local_size", "local_bytes", "message"),
    [
        ((65,), 0, "a work-group of 65 work-items, at most 64 are allowed; 65 work-items along dimension 0"),
        ((4, 9), 0, "9 work-items along dimension 1, at most 8 are allowed"),
        ((64,), 1025, "1025 bytes of local memory, at most 1024 are there"),
    ],
)
def test_each_limit_is_named(local_size: tuple[int, ...], local_bytes: int, message: str) -> None:
    with pytest.raises(npusim.LaunchLimitError, match=message):
        check_launch(LIMITS, local_size, local_bytes, "mychip")


@pytest.mark.parametrize(("local_size", "local_bytes"), [((64,), 1024), ((8, 8), 0), (None, 0)])
def test_a_launch_at_the_limit_passes(local_size: tuple[int, ...] | None, local_bytes: int) -> None:
    check_launch(LIMITS, local_size, local_bytes, "mychip")


def test_unknown_limits_refuse_nothing() -> None:
    check_launch(OpenCLLimits(), (10**6,), 10**9, "mychip")


def test_a_device_holds_a_users_kernel_to_its_profile(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(
        "npusim: 1\nid: small\nopencl: {max_work_group_size: 4, local_mem_size_bytes: 64}\n", encoding="utf-8"
    )
    npu = npusim.device(path)
    x = np.arange(8, dtype=np.float32)
    (y,) = npu.run_kernel(DOUBLE, "twice", [x, Out(np.empty_like(x))], (8,), (4,))
    np.testing.assert_array_equal(y, 2 * x)
    with pytest.raises(npusim.LaunchLimitError, match="small cannot launch this kernel: a work-group of 8"):
        npu.run_kernel(DOUBLE, "twice", [x, Out(np.empty_like(x))], (8,), (8,))
    with pytest.raises(npusim.LaunchLimitError, match="128 bytes of local memory"):
        npu.run_kernel(DOUBLE, "twice", [x, Out(np.empty_like(x)), Local(128)], (8,), (4,))
