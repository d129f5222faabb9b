"""Compute torch's operators as a chip would: its numerics on CPU tensors."""

from npusim.frontends.torch.emulation.emulator import Emulator

__all__ = ["Emulator"]
