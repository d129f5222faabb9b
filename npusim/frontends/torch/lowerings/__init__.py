"""What a deployment really runs in place of what a model says: named sets of replacements, described in data."""

from npusim.frontends.torch.lowerings.applying import Lowering, load
from npusim.frontends.torch.lowerings.reading import names

__all__ = ["Lowering", "load", "names"]
