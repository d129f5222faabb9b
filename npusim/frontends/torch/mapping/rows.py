"""The whole table of the mapping: what no name in it says is mapped by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from npusim.frontends.torch.mapping import arithmetic, creation, layout, neural, training, vendor
from npusim.frontends.torch.mapping.row import Rule

TOPICS = (arithmetic, creation, layout, neural, training, vendor)
ROWS: Mapping[str, Rule] = MappingProxyType({name: row for topic in TOPICS for name, row in topic.ROWS.items()})
"""By `namespace.operator.overload`, or `namespace.operator` for every overload; a vendor's operators included."""
