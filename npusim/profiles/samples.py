"""Sample calls of a profile's operators: ones that it accepts, and for every check one that breaks it.

The search is small and deterministic. It starts from ordinary calls, whose shapes come from the operator's form and
from the limits that the checks name, and changes one thing about them, or two, until the profile says what is wanted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, product
from types import MappingProxyType
from typing import Any

from npusim.call import Call, Operand, TensorType
from npusim.dtypes import DTYPES, DType
from npusim.errors import CallError
from npusim.operators import OPERATORS, Operator, bind, infer
from npusim.profiles.conditions import AttributeCondition, Condition, PortCondition
from npusim.profiles.model import Check, Entry, Profile
from npusim.profiles.ranges import Range, Ranges
from npusim.profiles.rules import Rule
from npusim.profiles.rules.dtypes import Dtype, DtypeBits, ForbidDtype, Rows, SameDtype
from npusim.profiles.rules.shapes import Dim, MultipleOf, Numel, Rank, SameShape
from npusim.profiles.rules.usage import Absent, Arity, AttributeValue, Constant
from npusim.profiles.subject import subject
from npusim.simulator import Status, judge

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """A check, the port on which it is to be broken ("" if any will do), and a call that does; None if none was found.

    Whatever else the call breaks, the check is in force for it and its code and port are among the violations.
    """

    check: Check
    port: str
    call: Call | None


def accepted(profile: Profile, operator: str) -> Iterator[Call]:
    """Yield different calls that the profile accepts, ordinary ones first."""
    for draft in _Search(profile, operator).accepted():
        yield draft.call()


def breaking(profile: Profile, operator: str) -> Iterator[Negative]:
    """Yield, for every check of the operator's entry and of its variants, and for every port it names, a negative."""
    search = _Search(profile, operator)
    entry = profile.operators[operator]
    for condition, one in ((None, entry), *entry.variants):
        bases = search.bases(condition)
        absent = {part.port for part in search.parts(condition) if part.present is False}
        for check in one.checks:
            for port in targets(check.rule):
                if port not in absent:
                    yield Negative(check, port, search.negative(one, condition, check, port, bases))


def targets(rule: Rule) -> tuple[str, ...]:
    """Return the ports or attributes each of which alone can break a rule; "" for a rule on several together."""
    match rule:
        case Dtype() | ForbidDtype():
            return tuple(port for port, _ in rule.lists)
        case Rank():
            return tuple(port for port, _ in rule.ranks)
        case Dim() | Numel():
            return tuple(port for port, _ in rule.sizes)
        case MultipleOf():
            return tuple(port for port, _ in rule.factors)
        case DtypeBits():
            return tuple(port for port, _ in rule.widths)
        case AttributeValue():
            return tuple(name for name, _ in rule.values)
        case Arity():
            return tuple(port for port, _ in rule.counts)
        case Constant() | Absent():
            return rule.ports
        case SameDtype() | SameShape():
            return rule.ports[1:] or rule.ports
        case _:
            return ("",)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A call that may yet turn out to be impossible."""

    operator: Operator
    types: Mapping[str, tuple[TensorType, ...]]
    attributes: Mapping[str, Any]
    constants: frozenset[str] = frozenset()

    def call(self) -> Call:
        """Return the bound call; raises CallError if the operator cannot mean it."""
        operands = {
            port: tuple(Operand(found, constant=port in self.constants) for found in types)
            for port, types in self.types.items()
            if types
        }
        variadic = {port.name for port in self.operator.inputs if port.variadic}
        given = {port: found if port in variadic else found[0] for port, found in operands.items()}
        return bind(self.operator, (), {**given, **self.attributes})

    def with_dtype(self, port: str, found: DType, index: int | None = None) -> "_Draft":
        """Return the draft with another dtype on a port, or on one operand of a variadic port."""
        types = tuple(
            replace(t, dtype=found) if index is None or index == i else t for i, t in enumerate(self.types[port])
        )
        return replace(self, types={**self.types, port: types})

    def with_form(self, port: str, shape: Shape) -> "_Draft":
        """Return the draft with a shape on one port, and on the others what the operator's form makes of it."""
        shapes, attributes = _FORMS.get(self.operator.name, _alike)(port, shape)
        types = {
            name: tuple(replace(t, shape=shapes.get(name, shapes[_REST])) for t in found)
            for name, found in self.types.items()
        }
        return replace(self, types=types, attributes={**self.attributes, **attributes})

    def with_operands(self, port: str, count: int) -> "_Draft":
        """Return the draft with a number of operands on a port, 0 leaving it absent."""
        found = self.types[port] or next((types for types in self.types.values() if types), ())
        return replace(self, types={**self.types, port: (found * count)[:count]})


@dataclass(frozen=True)
class _Search:
    """The search for sample calls of one operator of one profile."""

    profile: Profile
    operator_name: str

    @property
    def entry(self) -> Entry | None:
        return self.profile.operators.get(self.operator_name)

    @cached_property
    def operator(self) -> Operator:
        return OPERATORS[self.operator_name]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(check.rule for one in self._entries() for check in one.checks)

    @cached_property
    def conditions(self) -> tuple[PortCondition | AttributeCondition, ...]:
        whens = [check.when for one in self._entries() for check in one.checks if check.when is not None]
        if self.entry is not None:
            whens += [when for when, _ in self.entry.variants]
        return tuple(part for when in whens for part in when.parts)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes worth trying: of ordinary ranks and those at the rules' limits, with sizes at the rules' limits."""
        limits = [r for rule in self.rules if isinstance(rule, Rank) for _, ranges in rule.ranks for r in ranges]
        limits += [r for part in self.conditions if isinstance(part, PortCondition) for r in part.rank or ()]
        ranks = dict.fromkeys((*_RANKS, *_bounds(limits)))
        axes = self._axes()
        return tuple(dict.fromkeys(shape for rank in ranks for shape in _sized(rank, axes)))

    def _entries(self) -> Iterator[Entry]:
        if self.entry is not None:
            yield self.entry
            yield from (one for _, one in self.entry.variants)

    def _axes(self) -> Mapping[int, tuple[int, ...]]:
        """Sizes worth trying, by axis."""
        found: dict[int, list[int]] = {}
        for rule in self.rules:
            match rule:
                case Dim():
                    for _, axes in rule.sizes:
                        for axis, ranges in axes:
                            doubled = (2 * r.high for r in ranges if r.high is not None)  # an odd size may not do
                            found.setdefault(axis, []).extend((*_bounds(ranges), *doubled))
                case MultipleOf():
                    for _, axes in rule.factors:
                        for axis, factor in axes:
                            found.setdefault(axis, []).extend((factor, factor + 1))
                case Numel():
                    for _, (ranges, chosen) in rule.sizes:
                        found.setdefault(-1 if chosen is None else chosen[-1], []).extend((1, *_bounds(ranges)))
        return {axis: tuple(dict.fromkeys(sizes)) for axis, sizes in found.items()}

    def accepted(self, condition: Condition | None = None) -> Iterator[_Draft]:
        """Yield drafts of accepted calls for which a condition holds, each with other dtypes or on other ports."""
        tried: list[Mapping[str, tuple[DType, ...]]] = []
        for dtypes, present in product(self._signatures(), self._presences()):
            if (signature := {p: (dtypes[p],) * n for p, n in present.items()}) in tried:
                continue
            tried.append(signature)
            types = {p: tuple(TensorType(d, ()) for d in found) for p, found in signature.items()}
            start = _Draft(self.operator, types, {})
            steered = [start] if condition is None else list(self._steered(start, (condition,)))
            drafts = (d.with_form(port, shape) for port in self._shaping() for d in steered for shape in self.shapes)
            yield from islice((draft for draft in drafts if self._status(draft) is Status.ACCEPTED), 1)

    def _shaping(self) -> tuple[str, ...]:
        """The ports whose shape is chosen, the others following: the first, and those whose sizes the checks limit."""
        inputs = [port.name for port in self.operator.inputs]
        limited = {
            port
            for rule in self.rules
            if isinstance(rule, Dim | MultipleOf | Numel)
            for port, _ in (rule.factors if isinstance(rule, MultipleOf) else rule.sizes)
        }
        return (inputs[0], *(name for name in inputs[1:] if name in limited))

    def _presences(self) -> Iterator[Mapping[str, int]]:
        """Yield how many operands each port has: only what must be given, then everything, then each port alone."""
        usual = {port.name: 2 if port.variadic else 1 for port in self.operator.inputs}
        optional = [port.name for port in self.operator.inputs if port.optional]
        yield {**usual, **dict.fromkeys(optional, 0)}
        if optional:
            yield usual
            yield from ({**usual, **dict.fromkeys(optional, 0), one: 1} for one in optional)

    def _signatures(self) -> Iterator[Mapping[str, DType]]:
        """Yield a dtype for each port: as the checks list them, then all alike."""
        names = [port.name for port in self.operator.inputs]
        usual = {name: DTYPES[_USUAL.get(name, "float16")] for name in names}
        for rule in self.rules:
            if isinstance(rule, Rows):
                for signature in rule.rows:
                    choices = [[(port, d) for d in dtypes] for port, dtypes in signature.items() if port in usual]
                    yield from ({**usual, **dict(chosen)} for chosen in islice(product(*choices), 16))
        listed = {
            port: ds for rule in self.rules if isinstance(rule, Dtype) for port, ds in rule.lists if port in usual
        }
        yield {**usual, **{port: dtypes[0] for port, dtypes in listed.items()}}
        for row in DTYPES.values():
            yield {name: DTYPES[_USUAL[name]] if name in _USUAL else row for name in names}

    def bases(self, condition: Condition | None) -> list[_Draft]:
        """Return the drafts from which a search for a broken check starts: some accepted, and an ordinary one."""
        return [*islice(self.accepted(condition), _BASES), *islice(self._ordinary(), 1)]

    @staticmethod
    def parts(condition: Condition | None) -> Iterator[PortCondition]:
        """Yield what a condition says of ports."""
        yield from (part for part in (condition.parts if condition else ()) if isinstance(part, PortCondition))

    def negative(
        self, entry: Entry, condition: Condition | None, check: Check, port: str, bases: Sequence[_Draft]
    ) -> Call | None:
        """Return a call for which the entry is in force and that breaks the check on the port."""
        conditions = tuple(filter(None, (condition, check.when)))
        steered = [draft for base in bases for draft in self._steered(base, conditions)]
        drafts = (draft for distance in range(3) for base in steered for draft in self._moved(base, distance))
        found = (draft for draft in islice(drafts, _PATIENCE) if self._breaks(draft, entry, check, port))
        return next((draft.call() for draft in found), None)

    def _ordinary(self) -> Iterator[_Draft]:
        """Yield drafts whatever the profile says of them."""
        first = self.operator.inputs[0].name
        for present, dtypes, shape in product(self._presences(), self._signatures(), self.shapes):
            types = {p: (TensorType(dtypes[p], ()),) * n for p, n in present.items()}
            draft = _Draft(self.operator, types, {}).with_form(first, shape)
            if self._status(draft) is not None:
                yield draft

    def _status(self, draft: _Draft) -> Status | None:
        try:
            return judge(self.profile, draft.call()).status
        except CallError:
            return None

    def _breaks(self, draft: _Draft, entry: Entry, check: Check, port: str) -> bool:
        try:
            call = draft.call()
            seen = subject(self.operator, call, infer(self.operator, call))
        except CallError:
            return False
        if not check.applies(seen) or self.profile.operators[self.operator_name].variant(seen) is not entry:
            return False
        broken = {finding.port for finding in check.rule.findings(seen) if not port or port == finding.port}
        return bool(broken) and any(
            violation.code == check.rule.code and violation.port in broken
            for violation in judge(self.profile, call).violations
        )

    def _moved(self, draft: _Draft, distance: int) -> Iterator[_Draft]:
        """Yield drafts that differ from one in `distance` things; of two things, not all pairs but the likely ones."""
        match distance:
            case 0:
                yield draft
            case 1:
                yield from (*self._used(draft), *self._typed(draft), *self._shaped(draft))
            case _:
                for one in self._used(draft):
                    yield from self._moved(one, 1)
                for one in self._typed(draft):
                    yield from self._typed(one)

    def _used(self, draft: _Draft) -> Iterator[_Draft]:
        """Yield the draft with other ports given, other ports constant, or another attribute."""
        counts = [r for rule in self.rules if isinstance(rule, Arity) for _, ranges in rule.counts for r in ranges]
        for port in self.operator.inputs:
            if port.optional:
                yield draft.with_operands(port.name, 0 if draft.types[port.name] else 1)
            elif port.variadic:
                yield from (draft.with_operands(port.name, count) for count in _bounds(counts))
        names = frozenset(draft.types)
        yield from (replace(draft, constants=constants) for constants in (names, frozenset[str]()))
        yield from (replace(draft, constants=names - {name}) for name in names)
        for attribute in self.operator.attributes:
            for value in self._values(attribute.name, attribute.type):
                yield replace(draft, attributes={**draft.attributes, attribute.name: value})

    def _values(self, name: str, kind: str) -> Iterable[Any]:
        """Values worth trying for an attribute."""
        sets = [part.values for part in self.conditions if isinstance(part, AttributeCondition)]
        sets += [
            values for rule in self.rules if isinstance(rule, AttributeValue) for n, values in rule.values if n == name
        ]
        named = [single for values in sets for single in values.singles]
        match kind:
            case "dtype":
                return DTYPES
            case "bool":
                return (True, False)
            case "str":
                return (*(value for value in named if isinstance(value, str)), "?")
            case "int" | "float" | "number":
                numbers = [value for value in named if isinstance(value, int | float) and not isinstance(value, bool)]
                bounds = _bounds([r for values in sets for r in values.ranges], floor=None)
                return (*numbers, *bounds, *(number + 1 for number in numbers))
            case _:
                return ()

    def _typed(self, draft: _Draft) -> Iterator[_Draft]:
        """Yield the draft with another dtype on a port, on one operand of a variadic port, or on every port."""
        ports = [port for port, types in draft.types.items() if types]
        for port, row in product(ports, DTYPES.values()):
            yield draft.with_dtype(port, row)
            if len(draft.types[port]) > 1:
                yield draft.with_dtype(port, row, len(draft.types[port]) - 1)
        for row in DTYPES.values():
            changed = draft
            for port in ports:
                changed = changed.with_dtype(port, row) if port not in _USUAL else changed
            yield changed

    def _shaped(self, draft: _Draft) -> Iterator[_Draft]:
        """Yield the draft with another shape on a port: the others following, or left with one element each."""
        for port, shape in product((name for name, types in draft.types.items() if types), self.shapes):
            yield draft.with_form(port, shape)
            alone = {
                name: tuple(replace(t, shape=shape if name == port else (1,)) for t in types)
                for name, types in draft.types.items()
            }
            yield replace(draft, types=alone)

    def _steered(self, draft: _Draft, conditions: tuple[Condition, ...]) -> Iterator[_Draft]:
        """Yield the draft changed so that all conditions hold, in every way they name."""
        drafts = [draft]
        for part in (part for condition in conditions for part in condition.parts):
            drafts = [changed for one in drafts for changed in self._meeting(one, part)]
        return iter(drafts)

    def _meeting(self, draft: _Draft, part: PortCondition | AttributeCondition) -> Iterator[_Draft]:
        """Yield the draft changed so that one part of a condition holds."""
        if isinstance(part, AttributeCondition):
            values = (*part.values.singles, *(r.low if r.low is not None else r.high for r in part.values.ranges))
            yield from (replace(draft, attributes={**draft.attributes, part.attribute: value}) for value in values)
            return
        if part.present is False or part.port not in draft.types:  # an output's dtype follows from the inputs'
            yield draft if part.present is not False else draft.with_operands(part.port, 0)
            return
        given = draft if draft.types[part.port] else draft.with_operands(part.port, 1)
        if part.constant is not None:
            others = given.constants - {part.port}
            given = replace(given, constants=others | {part.port} if part.constant else others)
        shapes = [s for s in self.shapes if any(len(s) in r for r in part.rank or ())][:_BASES]
        formed = [given.with_form(part.port, shape) for shape in shapes] if part.rank is not None else [given]
        for one in formed:
            yield from (one.with_dtype(part.port, row) for row in part.dtypes) if part.dtypes is not None else (one,)


_BASES = 4
"""How many accepted calls a search for a broken check starts from."""
_PATIENCE = 20_000
"""How many drafts it tries."""
_RANKS = (2, 3, 4, 1, 0, 5)
_USUAL: Mapping[str, str] = MappingProxyType(
    {"index": "int64", "indices": "int64", "condition": "bool", "attn_mask": "bool"}
)
"""Ports that hold something other than numbers to compute with."""
_REST = "*"


def _bounds(ranges: Iterable[Range] | Ranges, floor: int | None = 0) -> list[int]:
    """The numbers at both ends of ranges and next to them, none below `floor`."""
    found = [
        number
        for r in ranges
        for end, beside in ((r.low, -1), (r.high, 1))
        if end is not None
        for number in (end, end + beside)
    ]
    return list(dict.fromkeys(number for number in found if floor is None or number >= floor))


def _sized(rank: int, axes: Mapping[int, tuple[int, ...]]) -> Iterator[Shape]:
    """Yield shapes of a rank: twos, and the sizes given for some axes in every combination, up to a limit."""
    there = {axis: sizes for axis, sizes in axes.items() if -rank <= axis < rank}
    for chosen in islice(product(*((2, *sizes) for sizes in there.values())), 64):
        shape = [2] * rank
        for axis, size in zip(there, chosen, strict=True):
            shape[axis] = size
        yield tuple(shape)


Form = Callable[[str, Shape], tuple[Mapping[str, Shape], Mapping[str, Any]]]
"""From one port's shape to every port's (`*`: all that are not named) and the attributes that go with them."""


def _alike(_port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    return {_REST: shape}, {}


def _with(attributes: Callable[[Shape], Mapping[str, Any]]) -> Form:
    return lambda _, shape: ({_REST: shape}, attributes(shape))


def _normalised(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    trailing = shape[-1:] if port == "input" else shape
    whole = shape if port == "input" else (2, *shape)
    return {"input": whole, _REST: trailing}, {"normalized_shape": trailing}


def _matmul(left: str, right: str) -> Form:
    def form(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
        if port == left:
            return {left: shape, right: (*shape[-1:], 2), _REST: (2,)}, {}
        if port == right:
            return {left: (2, *shape[-2:][:1]), right: shape, _REST: shape[1:][-1:]}, {}
        return {left: (2, 2), right: (2, *(shape[-1:] or (2,))), _REST: shape}, {}

    return form


def _linear(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    match port:
        case "input":
            return {"input": shape, "weight": (2, *shape[-1:]), _REST: (2,)}, {}
        case "weight":
            return {"input": (2, *shape[-1:]), "weight": shape, _REST: shape[:1]}, {}
        case _:
            return {"input": (2, 2), "weight": (*shape[-1:], 2), _REST: shape}, {}


def _attention(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    match port:
        case "value":
            keys = (*shape[:-1], 2)
            return {"query": keys, "key": keys, "value": shape, _REST: shape[-2:-1] * 2}, {}
        case "attn_mask":
            keys = (*shape[:-2], *shape[-1:], 2)
            return {"query": (*shape[:-1], 2), "key": keys, "value": keys, _REST: shape}, {}
        case _:
            return {"query": shape, "key": shape, "value": shape, _REST: shape[-2:-1] * 2}, {}


def _embedding(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    return ({"weight": shape, _REST: (2,)} if port == "weight" else {"weight": (2, 2), _REST: shape}), {}


_FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "cast": _with(lambda _: {"dtype": "float32"}),
        "layer_norm": _normalised,
        "rms_norm": _normalised,
        "matmul": _matmul("self", "mat2"),
        "matmul_all_reduce": _matmul("x1", "x2"),
        "linear": _linear,
        "scaled_dot_product_attention": _attention,
        "split": _with(lambda _: {"split_size": 1}),
        "reshape": _with(lambda shape: {"shape": shape}),
        "transpose": _with(lambda _: {"dim0": 0, "dim1": -1}),
        "permute": _with(lambda shape: {"dims": tuple(range(len(shape)))[::-1]}),
        "gather": _with(lambda _: {"dim": 0}),
        "embedding": _embedding,
    }
)
"""How the shapes of an operator's ports hang together, where they are not simply alike."""
