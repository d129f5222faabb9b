"""Make torch runs as a test wants them: with the options of its marker, and failing at its end rather than halfway."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npusim import torch
    from npusim.devices import Device

_COLLECTING = {"record": "report"}
_REPORTING = {"record": "report", "raise": "report"}
"""The mode that a test asks for -> the mode of the run, whose rejections the plugin then looks through."""


class Torch:
    """`npu.torch` in a test, and the fixture `npusim_torch`: `with npusim_torch() as run: model(**inputs)`.

    Takes what `Device.torch` takes; `mode` and `lowering` default to those of the marker, or of the configuration file.
    Under mode="record" the block ends normally and the test fails at its end, unless the baseline knows all of it.
    """

    def __init__(self, device: "Device", defaults: Mapping[str, Any], *, is_report_only: bool) -> None:
        self._start = device.torch
        self._defaults = defaults
        self._modes = _REPORTING if is_report_only else _COLLECTING
        self.recorded: list[torch.Run] = []

    def __call__(self, mode: "torch.Mode | str | None" = None, **options: Any) -> "torch.Run":
        """Return a run on the device."""
        wanted = self._defaults["mode"] if mode is None else mode
        run = self._start(**{**self._defaults, **options, "mode": self._modes.get(wanted, wanted)})
        if wanted == "record":
            self.recorded.append(run)
        return run

    @property
    def fake(self) -> Any:
        """`npusim.torch.fake`: makes a model without memory, `model, inputs = npusim_torch.fake(build)`."""
        from npusim.torch import fake

        return fake
