"""The operator vocabulary: one row an operator, by topic. To add one, add a row."""

from types import MappingProxyType

from npusim.operators.model import Operator
from npusim.operators.vocabulary import (
    activations,
    computed,
    creation,
    elementwise,
    fused,
    indexing,
    layout,
    linear_algebra,
    neural,
    quantisation,
    reductions,
    training,
    vision,
)

TOPICS = (
    computed,
    elementwise,
    activations,
    reductions,
    linear_algebra,
    neural,
    indexing,
    layout,
    creation,
    vision,
    quantisation,
    fused,
    training,
)
"""The modules of the vocabulary, in the order in which the reference page prints them."""

OPERATORS: MappingProxyType[str, Operator] = MappingProxyType({row.name: row for topic in TOPICS for row in topic.ROWS})
"""Every operator by its name."""

COMPUTED: MappingProxyType[str, Operator] = MappingProxyType({row.name: row for row in computed.ROWS})
"""The operators that can be executed; the others are only judged."""

ALIASES: MappingProxyType[str, str] = MappingProxyType(
    {alias: row.name for row in OPERATORS.values() for alias in row.aliases}
)
"""Further names, mostly the Python array API standard's, to operator names."""
