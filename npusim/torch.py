"""PyTorch on a simulated chip: the names that a user of the extra `npusim[torch]` needs."""

from npusim.frontends.torch.requirement import require_torch

require_torch()  # before the first import of torch

from npusim.frontends.torch.check import check  # noqa: E402
from npusim.frontends.torch.emulation import Emulator  # noqa: E402
from npusim.frontends.torch.events import Event, Listener  # noqa: E402
from npusim.frontends.torch.fake import fake  # noqa: E402
from npusim.frontends.torch.observation import Accuracy, Finiteness, Kind, Observation, Shadow  # noqa: E402
from npusim.frontends.torch.private_device import install  # noqa: E402
from npusim.frontends.torch.repairs import Action, Cost, Edit, Repair, Repairs, repairs  # noqa: E402
from npusim.frontends.torch.run import Counts, Mode, Run, Unknown, start  # noqa: E402
from npusim.frontends.torch.target import TargetError  # noqa: E402

__all__ = [
    "Accuracy",
    "Action",
    "Cost",
    "Counts",
    "Edit",
    "Emulator",
    "Event",
    "Finiteness",
    "Kind",
    "Listener",
    "Mode",
    "Observation",
    "Repair",
    "Repairs",
    "Run",
    "Shadow",
    "TargetError",
    "Unknown",
    "check",
    "fake",
    "install",
    "repairs",
    "start",
]
