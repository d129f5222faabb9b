"""What a chip allows an OpenCL launch, checked before the launch is made."""

from collections.abc import Iterator, Sequence
from math import prod

from npusim.errors import LaunchLimitError
from npusim.profiles import OpenCLLimits


def check_launch(limits: OpenCLLimits, local_size: Sequence[int] | None, local_bytes: int, profile: str) -> None:
    """Raise LaunchLimitError, naming every limit of the profile that a launch breaks; an unknown limit breaks nothing.

    `local_size` is the number of work-items of a group along each dimension, None where the runtime chooses;
    `local_bytes` the local memory that its arguments ask for.
    """
    broken = tuple(_broken(limits, tuple(local_size or ()), local_bytes))
    if broken:
        raise LaunchLimitError(f"{profile} cannot launch this kernel: {'; '.join(broken)}")


def _broken(limits: OpenCLLimits, local_size: tuple[int, ...], local_bytes: int) -> Iterator[str]:
    items = prod(local_size)
    if limits.max_work_group_size is not None and items > limits.max_work_group_size:
        yield f"a work-group of {items} work-items, at most {limits.max_work_group_size} are allowed"
    for axis, (size, most) in enumerate(zip(local_size, limits.max_work_item_sizes or (), strict=False)):
        if size > most:
            yield f"{size} work-items along dimension {axis}, at most {most} are allowed"
    if limits.local_mem_size_bytes is not None and local_bytes > limits.local_mem_size_bytes:
        yield f"{local_bytes} bytes of local memory, at most {limits.local_mem_size_bytes} are there"
