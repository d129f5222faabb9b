"""The dispatch mode that ours are made of."""

from torch.utils._python_dispatch import TorchDispatchMode


class Mode(TorchDispatchMode):
    """A TorchDispatchMode that torch does not wrap to keep torch.compile out of it, which costs more than judging.

    Nothing is compiled in ours, and the wrapper would import torch._dynamo at the first call.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
