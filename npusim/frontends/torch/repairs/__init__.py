"""Repairs of what a chip refuses or cannot hold: proposed, applied in a re-run, and ranked by what they cost."""

from npusim.frontends.torch.repairs.edits import Action, Edit
from npusim.frontends.torch.repairs.trials import Cost, Repair, Repairs, repairs

__all__ = ["Action", "Cost", "Edit", "Repair", "Repairs", "repairs"]
