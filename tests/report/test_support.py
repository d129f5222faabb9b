"""The support pages: their cells say what the simulator does, and nothing unknown is left out."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import pytest

from npusim.call import Call, Operand
from npusim.dtypes import DTYPES, DType, dtype
from npusim.errors import CallError
from npusim.profiles import Profile, available, load
from npusim.profiles.index import summary
from npusim.profiles.samples import accepted
from npusim.report.support import chip_page, overview, short
from npusim.report.taken import Taken, data_ports, named, taken
from npusim.simulator import Status, judge

ROOT = Path(__file__).parents[2]
JUDGED = ("edgetpu", "mlu370", "neuroncore-v4", "telum-z17")
"""Profiles whose pages are compared with verdicts: small ones that have most kinds of rule on dtypes."""


def table(make_profile: Callable[..., Profile], entry: str, operator: str = "add") -> dict[str, dict[str, str]]:
    profile = make_profile(f"features: {{ext: false}}\noperators:\n  {operator}:\n{entry}")
    found = taken(profile.operators[operator])
    return {port: {row.name: degree.name for row, degree in rows.items()} for port, rows in found.items()}


CASES = {
    "a list": ("ports: {self: [float16, int8]}", {"self": {"float16": "ALWAYS", "int8": "ALWAYS"}}),
    "what is refused": (
        "ports: {self: [float16, int8]}\n    guards: [{forbid_dtype: {self: int8}}]",
        {"self": {"float16": "ALWAYS"}},
    ),
    "only what is refused": ("rules: [{forbid_dtype: {self: int8}}]", {}),
    "rows": (
        "rows: [{self: float16, other: float32}, {self: int8, other: float32}]",
        {"self": {"float16": "ALWAYS", "int8": "ALWAYS"}, "other": {"float32": "ALWAYS"}},
    ),
    "a row that says nothing of a port": (
        "rows: [{self: float16, other: float32}, {self: int8}]",
        {"self": {"float16": "ALWAYS", "int8": "ALWAYS"}},
    ),
    "a locked row": (
        "rows: [{self: float16}, {self: int8, requires: [ext]}]",
        {"self": {"float16": "ALWAYS", "int8": "LOCKED"}},
    ),
    "a type variable": (
        "rules: [{type_variable: {ports: [self, other], dtypes: int8}}]",
        {"self": {"int8": "ALWAYS"}, "other": {"int8": "ALWAYS"}},
    ),
    "one dtype with a port that has a list": (
        "ports: {self: int8}\n    rules: [{same_dtype: [self, other]}]",
        {"self": {"int8": "ALWAYS"}, "other": {"int8": "ALWAYS"}},
    ),
    "a condition": (
        "ports: {self: [int8, int16]}\n    rules: [{dtype: {self: int8}, when: {self: {rank: 4}}}]",
        {"self": {"int8": "ALWAYS", "int16": "SOMETIMES"}},
    ),
    "conditions alone": (
        "rules: [{dtype: {self: int8}, when: {alpha: 1}}, {dtype: {self: int16}, when: {alpha: 2}}]",
        {"self": {"int8": "SOMETIMES", "int16": "SOMETIMES"}},
    ),
    "calls refused for a dtype": (
        "ports: {self: [int8, int16]}\n    rules: [{not_offered: no kernel, when: {self: {dtype: int16}}}]",
        {"self": {"int8": "ALWAYS"}},
    ),
    "a variant": (
        "ports: {self: [int8, int16]}\n    variants: [{when: {self: {rank: 0}}, ports: {self: int8}}]",
        {"self": {"int8": "ALWAYS", "int16": "SOMETIMES"}},
    ),
    "an operator that is not offered": ("ports: {self: int8}\n    rules: [{not_offered: no kernel}]", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_port_takes_follows_from_the_checks(make_profile: Callable[..., Profile], case: str) -> None:
    entry, expected = CASES[case]
    assert table(make_profile, f"    {entry}\n") == expected


def test_what_holds_with_and_without_an_optional_port_holds(make_profile: Callable[..., Profile]) -> None:
    entry = """\
    rules:
      - {rows: [{self: int8, weight: int8}, {self: int16, weight: int16}], when: {bias: {present: false}}}
      - {rows: [{self: int8, weight: int8, bias: int32}], when: {bias: {present: true}}}
"""
    found = table(make_profile, entry.replace("self", "input"), "linear")
    assert found["input"] == {"int8": "ALWAYS", "int16": "SOMETIMES"}
    assert found["bias"] == {"int32": "ALWAYS"}


def test_classes_and_widths_bound_and_name_nothing(make_profile: Callable[..., Profile]) -> None:
    body = "operators: {add: {rules: [{dtype_class: {self: integer}}, {dtype_bits: {other: 16}}]}}"
    entry = make_profile(body).operators["add"]
    assert set(taken(entry)["self"]) == {row for row in DTYPES.values() if row.is_integer}
    assert {row.bits for row in taken(entry)["other"]} == {16}
    assert named(entry) == frozenset()


def test_indices_are_no_data_where_the_data_are_floats(make_profile: Callable[..., Profile]) -> None:
    body = "operators: {gather: {ports: {self: [float16, int32], index: int32, out: [float16, int32]}}}"
    entry = make_profile(body).operators["gather"]
    assert data_ports(entry, taken(entry)) == ("self", "out")


def test_a_mask_that_comes_first_is_no_data(make_profile: Callable[..., Profile]) -> None:
    body = "operators: {where: {ports: {condition: bool, self: float16, other: float16}}}"
    entry = make_profile(body).operators["where"]
    assert data_ports(entry, taken(entry)) == ("self", "other")


def retyped(call: Call, port: str, row: DType) -> Call:
    def changed(operand: Operand) -> Operand:
        return replace(operand, type=replace(operand.type, dtype=row))

    return replace(call, operands=MappingProxyType({**call.operands, port: tuple(map(changed, call.operands[port]))}))


def is_accepted(profile: Profile, call: Call) -> bool:
    try:
        return judge(profile, call).status is Status.ACCEPTED
    except CallError:
        return False


@pytest.mark.parametrize("name", JUDGED)
def test_a_page_says_what_the_simulator_does(name: str) -> None:
    profile = load(name)
    for operator, entry in profile.operators.items():
        found = taken(entry)
        for call in islice(accepted(profile, operator), 1):
            for port in found:
                for operand in call.operands.get(port, ()):
                    assert found[port].get(operand.type.dtype, Taken.NEVER) >= Taken.SOMETIMES, (operator, port)
                if call.operands.get(port):
                    never = [row for row in DTYPES.values() if found[port].get(row, Taken.NEVER) <= Taken.LOCKED]
                    wrong = [row for row in never if is_accepted(profile, retyped(call, port, row))]
                    assert wrong == [], (operator, port)


BODY = """\
stack: {name: ACME, version: "2"}
enforcement: fallback
features: {ext: false}
numerics: {accumulate: {float16: float32, bfloat16: float32}, overflow: saturate}
settled_by: a chip
operators:
  add:
    api: vendorAdd
    ports: {self: [float16, int8], other: float16}
    rules:
      - {rank: {self: ..4}, confidence: inferred}
      - not_modelled: {kind: capacity, what: all of it fits}
    source: a manual
    confidence: documented
  mul: {rows: [{self: int8, requires: [ext]}], source: a manual, confidence: documented}
  sub: {rules: [{not_offered: no kernel}], source: a manual, confidence: documented}
  exp: unknown
  log: {ports: {self: unknown}}
  neg: {rules: [{rank: {self: ..4}}]}
  own: {signature: "own(x) -> y", ports: {x: int8}, confidence: measured}
"""


def test_a_page_says_all_of_a_profile(make_profile: Callable[..., Profile]) -> None:
    page = list(chip_page(make_profile(BODY)))
    assert page[0] == "# A chip"
    for line in (
        "| stack | ACME 2 |",
        "| on a rejection | fallback |",
        "| operators without an entry | unknown |",
        "`ext` off.",
        "| compute | unknown |",
        "| accumulate | float16, bfloat16 in float32 |",
        "| overflow | saturate |",
        "| operator | runs on | i8 | fp16 | rules | confidence |",
        "| `add` (vendorAdd) | device | ◐ | ● | 4 | 3 documented, 1 inferred |",
        "| `mul` | device | ○ |  | 1 | documented |",
        "| `sub` | not offered |  |  | 1 | documented |",
        "| `exp` | unknown | ? | ? | 0 | unknown |",
        "### Operators of this chip alone",
        "| `own` | device | ● | 1 | measured |",
        "- all of it fits (`add`)",
        "- every operator without an entry",
        "- operators: `exp`",
        "- dtypes of ports: `log` self",
        "- dtypes, of which no list speaks: `neg`",
        "- what would settle it: a chip",
    ):
        assert line in page


def test_front_ends_have_tables_of_their_own(make_profile: Callable[..., Profile]) -> None:
    body = """\
frontends:
  one: {enforcement: error, operators: {add: {ports: {self: int8}}}}
  two: {enforcement: fallback, operators: {mul: {ports: {self: int8}}}}
"""
    page = list(chip_page(make_profile(body)))
    assert "| on a rejection | one: error, two: fallback |" in page
    assert page.index("## Operators through one") < page.index("## Operators through two")


def test_the_overview_counts(make_profile: Callable[..., Profile]) -> None:
    page = list(overview([summary(make_profile(BODY))]))
    assert page[-1] == (
        "| [chip](chip.md): A chip | ACME 2 | fallback | 7 | 1 | unknown | 1 | 8 | 1 | 75% / 12% / 12% |"
    )


def test_names_of_columns_are_short_and_all_different() -> None:
    assert [short(dtype(name)) for name in ("bfloat16", "float32", "tfloat32", "int8", "uint8", "bool")] == [
        "bf16",
        "fp32",
        "tf32",
        "i8",
        "u8",
        "bool",
    ]
    assert len({short(row) for row in DTYPES.values()}) == len(DTYPES)


def test_there_is_a_page_of_every_chip_and_no_other() -> None:
    pages = {path.stem for path in (ROOT / "docs/chips").glob("*.md")}
    assert pages == {*available(), "README"}


def test_the_overview_links_to_pages() -> None:
    text = (ROOT / "docs/chips/README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets
    assert all((ROOT / "docs/chips" / target).is_file() for target in targets)
