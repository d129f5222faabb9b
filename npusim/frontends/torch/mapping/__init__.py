"""The mapping from torch's operators, ATen's and vendors', to npusim's: which call a torch call is."""

from npusim.frontends.torch.mapping.row import Role, Row
from npusim.frontends.torch.mapping.translation import Translation, speaks_for, translate

__all__ = ["Role", "Row", "Translation", "speaks_for", "translate"]
