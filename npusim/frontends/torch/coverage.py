"""Say which operators a model calls, which of npusim's each is, and how many of them a chip's profile can judge."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

from npusim.errors import CallError, UnknownDtypeError
from npusim.frontends.torch.mapping import Role, Translation, translate
from npusim.frontends.torch.modes import Mode
from npusim.frontends.torch.operands import operands_of
from npusim.frontends.torch.target import Inputs, call
from npusim.operators import OPERATORS, bind
from npusim.profiles import Profile
from npusim.simulator import Status, judge


@dataclass(frozen=True, slots=True)
class Row:
    """One torch overload that a model calls.

    operator  npusim's; None where there is none, or where nothing runs on the chip
    judged    how many of the calls a profile accepts or rejects; None without a profile, and where nothing runs
    """

    overload: str
    role: Role
    operator: str | None
    calls: int
    judged: int | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether npusim knows what this is."""
        return self.operator is not None or self.role is not Role.OPERATOR


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A call by its operator, types and attributes: tensors hold no data."""

    func: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def translated(self, profile: Profile | None) -> Translation:
        """Return what npusim makes of it."""
        return translate(self.func, self.args, self.kwargs, profile)


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """The operators that a model called, and how often each call of the same types was made."""

    calls: Mapping[Seen, int]

    def rows(self, profile: Profile | None = None) -> tuple[Row, ...]:
        """Return a row for every overload and operator that it became, the most frequent first."""
        found: dict[tuple[str, Role, str | None], Counter[bool]] = defaultdict(Counter)
        for seen, count in self.calls.items():
            translation = seen.translated(profile)
            key = str(seen.func), translation.role, translation.operator
            found[key][profile is not None and _is_judged(translation, profile)] += count
        rows = [
            Row(*key, judged.total(), judged[True] if profile is not None and key[1] is Role.OPERATOR else None)
            for key, judged in found.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.calls, row.overload)))

    def unmapped(self, profile: Profile | None = None) -> tuple[Row, ...]:
        """Return the rows of what npusim has no operator for."""
        return tuple(row for row in self.rows(profile) if not row.is_mapped)

    def text(self, profile: Profile | None = None) -> str:
        """Return the rows as a table with a summary above; with a profile, how many calls it judges."""
        return "\n".join(_lines(self.rows(profile), profile))


def coverage(model: Any, inputs: Inputs, training: bool = False) -> Coverage:
    """Run a model once, backward too if `training`, and return the operators that it called.

    For inference composite operators are seen whole, for training as autograd takes them apart. A composite that npusim
    has no operator for counts as its pieces. Raises TargetError where there is nothing to go back from.
    """
    watch = _Watch()
    with nullcontext() if training else torch.inference_mode(), watch:
        call(model, inputs, training=training)
    return Coverage(watch.calls())


class _Watch(Mode):
    """Counts the calls of a block by their types and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[Any, Seen] = {}
        self._counts: Counter[Any] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Count one call and compute it; count what it is made of if npusim does not know it."""
        kwargs = kwargs or {}
        if func._can_decompose() and not _is_known(translate(func, args, kwargs)):
            with self:
                output = func.decompose(*args, **kwargs)
            if output is not NotImplemented:
                return output
        held, named = tree_map_only(torch.Tensor, _without_data, (args, dict(kwargs)))
        key = func, repr((held, named))
        self._seen.setdefault(key, Seen(func, held, named))
        self._counts[key] += 1
        return func(*args, **kwargs)

    def calls(self) -> dict[Seen, int]:
        """Return every call that differs from the others, and how often it was made."""
        return {seen: self._counts[key] for key, seen in self._seen.items()}


def _without_data(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _is_known(translation: Translation) -> bool:
    return translation.operator is not None or translation.role is not Role.OPERATOR


def _is_judged(translation: Translation, profile: Profile) -> bool:
    if translation.operator is None:
        return False
    try:
        operands = operands_of(translation, constants=False, origins=False)
        made = bind(OPERATORS[translation.operator], (), {**operands, **translation.attributes})
        return judge(profile, made).status is not Status.UNKNOWN
    except (CallError, UnknownDtypeError):
        return False


def _lines(rows: tuple[Row, ...], profile: Profile | None) -> Iterator[str]:
    computed = [row for row in rows if row.role is Role.OPERATOR]
    total = sum(row.calls for row in computed)
    mapped = sum(row.calls for row in computed if row.is_mapped)
    free = sum(row.calls for row in rows) - total
    yield f"{len(rows)} torch operators in {total + free} calls: {free} views and bookkeeping, {total} computed"
    yield f"npusim knows {mapped} of {total} ({_share(mapped, total)})"
    if profile is not None:
        judged = sum(row.judged or 0 for row in computed)
        yield f"{profile.id} judges {judged} of {total} ({_share(judged, total)})"
    heads = ("calls", "torch operator", "npusim operator", *(("judged",) if profile is not None else ()))
    cells = [heads, *(_cells(row, profile) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield ""
    for line in cells:
        first, *others = line
        yield "  ".join([first.rjust(widths[0]), *map(str.ljust, others, widths[1:])]).rstrip()


def _cells(row: Row, profile: Profile | None) -> tuple[str, ...]:
    known = row.operator or ("unmapped" if row.role is Role.OPERATOR else "")
    shown = known if row.role is Role.OPERATOR else f"{known} ({row.role})".strip()
    judged = "" if row.judged is None else _share(row.judged, row.calls)
    return (str(row.calls), row.overload, shown, *((judged,) if profile is not None else ()))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %" if whole else "-"
