"""The search for sample calls of one operator: mend what is wrong with a draft until nothing is, then break one thing.

Rules and conditions know how they could be met and broken (`mends`, `breaks`); the search only tries what they say, in
their order, and asks the profile. It is small and deterministic.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from heapq import heappop, heappush
from itertools import chain, count, islice, takewhile

from npusim.call import Call
from npusim.dtypes import DTYPES, DType
from npusim.errors import UsageError
from npusim.operators import Operator, known_outputs
from npusim.profiles.conditions import Condition
from npusim.profiles.edits import Edits
from npusim.profiles.model import Check, Entry, Profile
from npusim.profiles.rules.dtypes import Dtype
from npusim.profiles.samples.draft import USUAL, Draft, first_draft
from npusim.profiles.subject import Subject, subject
from npusim.simulator import judge

PATIENCE = 150
"""How many drafts are looked at before a start is given up."""
_BASES = 3
"""How many accepted calls a search for a broken check starts from."""
_TRIES = 60
"""How many ways of mending one thing are tried."""
_BREAKS = 800
"""How many ways of breaking one thing are tried."""
_DTYPES = ("float32", "bfloat16", "int8", "int32", "bool")
"""What the operands of a draft are at first, if the dtypes with which lists begin lead nowhere."""
_SHAPES = ((2, 2), (2, 2, 2, 2), (2,), (2, 2, 2), (), (1, 1, 1, 1), (16, 64), (1, 16, 16, 16), (2, 2, 2, 2, 2))

Mends = Callable[[], Iterator[Edits]]


@dataclass(frozen=True)
class Search:
    """The search for sample calls of one entry of a profile."""

    profile: Profile
    entry: Entry

    @property
    def operator(self) -> Operator:
        """The operator whose calls are sought."""
        return self.entry.operator

    @cached_property
    def entries(self) -> tuple[tuple[Condition | None, Entry], ...]:
        """The entry and its variants, each with the condition under which it is in force."""
        return ((None, self.entry), *self.entry.variants)

    def accepted(self, one: Entry, check: Check | None = None) -> Iterator[Draft]:
        """Yield drafts of accepted calls for which an entry is in force and a check applies, ordinary ones first."""
        seen = set()
        if not one.is_offered:
            return
        for start in chain.from_iterable(self._starts(one, present) for present in self._presences()):
            draft = self._mended(start, one, check)
            if draft is not None and draft.key not in seen:
                seen.add(draft.key)
                yield draft

    @cached_property
    def _ordinary(self) -> Mapping[int, tuple[Draft, ...]]:
        """For every entry, by its place, an accepted call for each choice of optional ports."""
        return {place: tuple(self._of_each_presence(one)) for place, (_, one) in enumerate(self.entries)}

    def _of_each_presence(self, one: Entry) -> Iterator[Draft]:
        """Yield an accepted call for each choice of optional ports; where two choices in a row fail, no more."""
        if not one.is_offered:
            return
        failures = 0
        for present in self._presences():
            drafts = (self._mended(start, one, None) for start in self._starts(one, present))
            found = next((draft for draft in drafts if draft is not None), None)
            failures = 0 if found is not None else failures + 1
            if found is not None:
                yield found
            elif failures > 1:
                return

    def negative(self, place: int, check: Check, target: str) -> Call | None:
        """Return a call for which the entry at a place is in force and that breaks a check on a target."""
        one = self.entries[place][1]
        for base in self._bases(place, check, target):
            seen = self._subject(base)
            if seen is None:
                continue
            for edits in islice(check.rule.breaks(seen, target), _BREAKS):
                for draft in base.edited(edits):
                    call = self._broken(draft, one, check, target)
                    if call is not None:
                        return call
        return None

    def _bases(self, place: int, check: Check, target: str) -> Iterator[Draft]:
        """Yield drafts that may be broken: ordinary ones to which the check applies, then those sought for it."""
        one = self.entries[place][1]
        known = [draft for draft in self._ordinary[place] if self._applies(draft, check)]
        given = [draft for draft in known if draft.operands.get(target, True)]
        yield from (*given, *(draft for draft in known if draft not in given))
        if not given and self._is_acceptable:
            yield from islice(self.accepted(one, check), _BASES)
        if not given:
            starts = islice(self._starts(one, {}), len(_SHAPES))
            yield from (draft for start in starts for draft in self._steered(start, one, check))
        yield from islice(self._starts(one, {}), 2 * len(_SHAPES))

    def _applies(self, draft: Draft, check: Check) -> bool:
        seen = self._subject(draft)
        return seen is not None and check.applies(seen)

    def _broken(self, draft: Draft, one: Entry, check: Check, target: str) -> Call | None:
        """Return the draft's call if it breaks the check on the target, and the profile says so."""
        seen = self._subject(draft)
        if seen is None or not check.applies(seen) or self.entry.variant(seen) is not one:
            return None
        broken = {finding.port for finding in check.rule.findings(seen) if not target or target == finding.port}
        call = draft.call()
        said = {v.port for v in judge(self.profile, call).violations if v.code == check.rule.code} if broken else set()
        return call if broken & said else None

    def _starts(self, one: Entry, present: Mapping[str, int]) -> Iterator[Draft]:
        """Yield drafts to begin with: the dtypes that lists begin with, with every shape; then others."""
        first, *others = self._signatures(one)
        yield from (first_draft(self.operator, first, present, shape) for shape in _SHAPES)
        yield from (first_draft(self.operator, dtypes, present, _SHAPES[0]) for dtypes in others)

    @cached_property
    def _is_acceptable(self) -> bool:
        """Whether any ordinary call was found that is accepted; if none, none is sought for single checks."""
        return any(self._ordinary.values())

    def _presences(self) -> Iterator[Mapping[str, int]]:
        """Yield how many operands each port has: only what must be given, then everything, then each port alone."""
        optional = [port.name for port in self.operator.inputs if port.optional]
        yield {}
        if optional:
            yield dict.fromkeys(optional, 1)
            yield from ({one: 1} for one in optional)

    def _signatures(self, one: Entry) -> Iterator[Mapping[str, DType]]:
        """Yield a dtype for each port: as the checks list them, then all alike."""
        names = [port.name for port in self.operator.inputs]
        usual = {name: DTYPES[USUAL.get(name, "float16")] for name in names}
        listed = {p: d for check in one.checks if isinstance(check.rule, Dtype) for p, d in check.rule.lists}
        yield usual | {port: dtypes[0] for port, dtypes in listed.items() if port in usual}
        for row in _DTYPES:
            yield {name: DTYPES[USUAL[name]] if name in USUAL else DTYPES[row] for name in names}

    def _steered(self, start: Draft, one: Entry, check: Check) -> Iterator[Draft]:
        """Yield the draft to which mending the conditions leads under which a check is in force, if it does."""
        draft = self._mended(start, one, check, rules=False)
        yield from () if draft is None else (draft,)

    def _mended(self, start: Draft, one: Entry, check: Check | None, *, rules: bool = True) -> Draft | None:
        """Return the first draft without problems that mending leads to, the least broken ones tried first."""
        order = count()
        heap: list[tuple[int, int, Draft, Mends]] = []
        known = set()

        def push(draft: Draft) -> bool:
            """Put a draft on the heap unless it is known or impossible; whether it has no problems."""
            if draft.key in known:
                return False
            known.add(draft.key)
            problems = self._problems(draft, one, check, rules=rules)
            if problems:
                heappush(heap, (len(problems), next(order), draft, problems[0]))
            return problems == []

        if push(start):
            return start
        while heap and len(known) < PATIENCE:
            *_, draft, mends = heappop(heap)
            for edits in islice(mends(), _TRIES):
                for changed in draft.edited(edits):
                    if push(changed):
                        return changed
        return None

    def _problems(self, draft: Draft, one: Entry, check: Check | None, *, rules: bool) -> list[Mends] | None:
        """Return what keeps a draft from being wanted, as ways of mending it; None if the call is impossible."""
        seen = self._subject(draft)
        if seen is None:
            return None
        variants = takewhile(lambda variant: variant[1] is not one, self.entry.variants)
        problems: list[Mends] = [partial(condition.breaks, seen) for condition, _ in variants if condition.holds(seen)]
        wanted = [condition for condition, entry in self.entries if entry is one and condition is not None]
        if check is not None and check.when is not None:
            wanted.append(check.when)
        problems += [partial(condition.mends, seen) for condition in wanted if not condition.holds(seen)]
        for other in one.checks if rules else ():
            if other.applies(seen):
                problems += [partial(other.rule.mends, seen, finding) for finding in other.rule.findings(seen)]
        return problems

    def _subject(self, draft: Draft) -> Subject | None:
        try:
            call = draft.call()
            return subject(self.operator, call, known_outputs(self.operator, call))
        except UsageError:
            return None
