"""Find in a profile a check, or another part, that has a trait."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from npusim.profiles.conditions import AttributeCondition, Condition, PortCondition
from npusim.profiles.grade import own_checks
from npusim.profiles.model import Check, Entry, Profile
from npusim.profiles.rules import Rule
from npusim.profiles.rules.attributes import AttributeValue
from npusim.profiles.rules.dtypes import Dtype, ForbidDtype
from npusim.profiles.rules.expression import Expr
from npusim.profiles.rules.placement import Layout
from npusim.profiles.rules.rows import Rows
from npusim.profiles.rules.shapes import Dim, Numel
from npusim.profiles.rules.usage import NotModelled
from npusim.report import excerpts


@dataclass(frozen=True, slots=True)
class Example:
    """Where a profile says something: the operator, "" for the profile itself, and its YAML."""

    profile: str
    operator: str
    yaml: str

    def __str__(self) -> str:
        return f"{self.profile}:{self.operator}" if self.operator else self.profile


Search = Callable[[Profile], Iterator[Example]]


def checks(holds: Callable[[Check, Entry], bool]) -> Search:
    """Return a search for checks with a trait."""

    def search(profile: Profile) -> Iterator[Example]:
        for name, entry in profile.operators.items():
            for check in own_checks(entry):
                if holds(check, entry):
                    yield Example(profile.id, name, excerpts.of_check(profile, name, check))

    return search


def section(key: str) -> Search:
    """Return a search for a key of the profile itself."""
    return lambda profile: (Example(profile.id, "", text) for text in excerpts.of_section(profile, key))


def gated(profile: Profile) -> Iterator[Example]:
    """Yield the rules that hold only with, or without, a feature."""
    yield from (Example(profile.id, operator, text) for operator, text in excerpts.of_gates(profile))


def of(key: str) -> Search:
    """Return a search for the rules of a kind."""

    def holds(check: Check, _: Entry) -> bool:
        return check.rule.key == key

    return checks(holds)


def rule(kind: type[Any], has: Callable[[Any], bool]) -> Search:
    """Return a search for the rules of a class with a trait."""

    def holds(check: Check, _: Entry) -> bool:
        return isinstance(check.rule, kind) and has(check.rule)

    return checks(holds)


def not_modelled(kind: str) -> Search:
    """Return a search for what cannot be judged call by call."""
    return rule(NotModelled, lambda found: found.kind == kind)


def dtype_by_dtype(check: Check, _: Entry) -> bool:
    """Whether dtypes are bounded only beside some others."""
    return _is_on_dtypes(check.rule) and any(
        isinstance(part, PortCondition) and part.dtypes is not None for part in _parts(check.when)
    )


def dtype_by_attribute(check: Check, _: Entry) -> bool:
    """Whether dtypes are bounded only for some attributes."""
    return _is_on_dtypes(check.rule) and any(isinstance(part, AttributeCondition) for part in _parts(check.when))


def conditional_bound(check: Check, _: Entry) -> bool:
    """Whether sizes or attributes are bounded only in some calls."""
    return isinstance(check.rule, Dim | AttributeValue) and check.when is not None


def joint_rows(check: Check, entry: Entry) -> bool:
    """Whether rows name several inputs or attributes, and an output."""
    return (
        isinstance(check.rule, Rows) and len(check.rule.columns) > 2 and bool(_outputs(entry) & {*check.rule.columns})
    )


def fixed_output(check: Check, entry: Entry) -> bool:
    """Whether the number of elements of an output is given."""
    return isinstance(check.rule, Numel) and any(
        port in _outputs(entry) and all(each.low == each.high for each in ranges)
        for port, (ranges, _) in check.rule.sizes
    )


def fusion(check: Check, _: Entry) -> bool:
    """Whether it is about the activation that is fused into an operator."""
    match check.rule:
        case NotModelled(_, what):
            return "fused" in what and "activation" in what
        case AttributeValue(values):
            return any("activation" in name for name, _ in values)
        case _:
            return False


def has_schemes(found: Rows) -> bool:
    """Whether rows name quantisation schemes."""
    return found.has_schemes


def has_locked_rows(found: Rows) -> bool:
    """Whether some rows need features."""
    return any(row.requires for row in found.rows)


def on_some_axes(found: Numel) -> bool:
    """Whether it bounds the product of some axes."""
    return any(axes for _, (_, axes) in found.sizes)


def batch_of_one(found: Dim) -> bool:
    """Whether the outermost axis has size 1."""
    return any(
        axis == 0 and all(each.low == each.high == 1 for each in ranges)
        for _, axes in found.sizes
        for axis, ranges in axes
    )


def computed_product(found: Expr) -> bool:
    """Whether it computes a product, from more than the sizes of one tensor."""
    nodes = list(ast.walk(found.expression.tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return any(isinstance(node, ast.Mult) for node in nodes) and bool(names & {"prod", "round_up"})


def related_attributes(found: Expr) -> bool:
    """Whether it is about attributes alone."""
    return bool(found.expression.attributes) and not found.expression.ports


def by_dtype(found: Layout) -> bool:
    """Whether layouts depend on the dtype."""
    return any(len(layouts) > 1 for _, layouts in found.layouts)


def _is_on_dtypes(found: Rule) -> bool:
    return isinstance(found, Dtype | ForbidDtype | Rows)


def _parts(when: Condition | None) -> tuple[Any, ...]:
    return when.parts if when is not None else ()


def _outputs(entry: Entry) -> frozenset[str]:
    return frozenset(port.name for port in entry.operator.outputs)
