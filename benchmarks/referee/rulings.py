"""Who is right where a tool and a profile disagree: decided by hand, one reason a kind of case."""

from __future__ import annotations

import re
from collections.abc import Sequence

from compare import Comparison

RULINGS: Sequence[tuple[str, str, str]] = (
    (
        "ethos-u.*",
        r"^reshape, zero point",
        "the profile: TFLite wants a reshape to keep scale and zero point; Vela compares the scales only",
    ),
    (
        "ethos-u.*",
        r"^conv, 2 x .* weights of 127",
        "the tool: the limit holds for each output channel, which the profile cannot say yet and leaves unjudged",
    ),
    (
        "ethos-u.*",
        r"^dense, . x 65537 weights|^dense, weight not constant",
        "the tool: two rules are broken, and the first, for which it falls back, is all that it looks at",
    ),
    (
        "ethos-u.*",
        r"^maximum of int32 to int8",
        "the tool: its reader refuses the result's dtype before the operand's is looked at; either way it does not run",
    ),
    (
        "tosa.*",
        r"^conv2d: all bfloat16",
        "the profile: no row of the specification sums a bfloat16 result in bfloat16; the tool takes one that does",
    ),
)
"""Title of the referee and the id of the case, both as patterns, and the ruling."""


def ruling(title: str, one: Comparison) -> str:
    """The ruling on a disagreement."""
    found = (why for where, which, why in RULINGS if re.fullmatch(where, title) and re.search(which, one.id))
    return next(found, "not settled")
