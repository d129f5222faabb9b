"""The difference of two profiles, one kind of change a case."""

from collections.abc import Callable
from pathlib import Path

import pytest

from npusim.profiles import available, load
from npusim.profiles.diff import Change, diff

GELU = "operators: {gelu: {%s}}\n"


@pytest.fixture
def changes(tmp_path: Path) -> Callable[[str, str], list[Change]]:
    def between(first: str, second: str) -> list[Change]:
        loaded = []
        for name, body in (("one", first), ("two", second)):
            (tmp_path / name).mkdir(exist_ok=True)
            path = tmp_path / name / "chip.yaml"
            path.write_text(f"npusim: 1\nid: chip\nname: {name}\n{body}", encoding="utf-8")
            loaded.append(load(path))
        return list(diff(*loaded))

    return between


@pytest.mark.parametrize(
    ("first", "second", "change"),
    [
        ("stack: {name: A, version: '1'}\n", "stack: {name: A, version: '2'}\n",
         Change("", "stack.version", ("1",), ("2",))),
        ("", "numerics: {matmul: {float32: float16}}\n", Change("", "numerics.matmul.float32", (), ("float16",))),
        ("enforcement: error\n", "enforcement: fallback\n", Change("", "enforcement", ("error",), ("fallback",))),
        ("features: {a: true}\n", "features: {a: false}\n", Change("", "features.a", ("true",), ("false",))),
        ("opencl: {sub_group_sizes: [32]}\n", "opencl: {sub_group_sizes: [32, 64]}\n",
         Change("", "opencl.sub_group_sizes", ("32",), ("[32, 64]",))),
        ("", GELU % "api: G", Change("gelu", "operator", ("absent",), ("known",))),
        (GELU % "api: G", "", Change("gelu", "operator", ("known",), ("absent",))),
        ("operators: {gelu: unknown}\n", GELU % "api: G", Change("gelu", "operator", ("unknown",), ("known",))),
        (GELU % "api: G", GELU % "api: H", Change("gelu", "api", ("G",), ("H",))),
        (GELU % "aliases: [G, H]", GELU % "aliases: [H, I]", Change("gelu", "aliases", ("G",), ("I",))),
        (GELU % "ports: {self: [float16, int8]}", GELU % "ports: {self: [int8, bfloat16]}",
         Change("gelu", "self", ("float16",), ("bfloat16",), is_list=True)),
        (GELU % "ports: {self: unknown}", GELU % "ports: {self: int8}",
         Change("gelu", "self", ("unknown",), ("int8",), is_list=True)),
        (GELU % "api: G", GELU % "{api: G, ports: {self: int8}}"[1:-1],
         Change("gelu", "self", ("any",), ("int8",), is_list=True)),
        (GELU % "rows: [{self: float16}, {self: int8, out: float32}]", GELU % "rows: [{self: float16}]",
         Change("gelu", "rules", ("row {self: int8, out: float32}",), ())),
        (GELU % "rules: [{rank: {self: ..4}}]", GELU % "rules: [{rank: {self: 1..4}, text: Never}]",
         Change("gelu", "rules", ("rank {self: ..4}",), ('rank {self: 1..4} "Never"',))),
        (GELU % "rules: []", GELU % "rules: [{rank: {self: 2}, when: {self: {dtype: int8, rank: 1..2}}}]",
         Change("gelu", "rules", (), ("rank {self: 2} when {self: {dtype: int8, rank: 1..2}}",))),
        (GELU % "rules: [{dtype: {self: int8}, when: {approximate: tanh}}]", GELU % "rules: []",
         Change("gelu", "rules", ("dtype {self: int8} when {approximate: tanh}",), ())),
        (GELU % "ports: {self: {dtypes: int8, text: Ah}}", GELU % "ports: {self: {dtypes: int8, text: Oh}}",
         Change("gelu", "sentences", ('self: "Ah"',), ('self: "Oh"',))),
        (GELU % "notes: [{note: slow}]", GELU % "notes: []", Change("gelu", "notes", ("slow",), ())),
        (GELU % "variants: []", GELU % "variants: [{when: {approximate: tanh}, api: T}]",
         Change("gelu", "variants", (), ("{approximate: tanh}",))),
        (GELU % "variants: [{when: {approximate: tanh}, api: S}]",
         GELU % "variants: [{when: {approximate: tanh}, api: T}]",
         Change("gelu", "api", ("S",), ("T",), when="{approximate: tanh}")),
    ],
)  # fmt: skip
def test_a_change_is_told_once(
    changes: Callable[[str, str], list[Change]], first: str, second: str, change: Change
) -> None:
    assert changes(first, second) == [change]


def test_a_list_of_what_ports_promote_to_is_compared_as_a_list(changes: Callable[[str, str], list[Change]]):
    rule = "operators: {add: {rules: [{promoted: {ports: [self, other], to: [%s]}}]}}\n"
    (change,) = changes(rule % "int8, float16", rule % "int8")
    assert (change.part, change.before, change.after) == ("what self and other promote to", ("float16",), ())


def test_what_a_variant_shares_is_told_once(changes: Callable[[str, str], list[Change]]):
    entry = "operators: {gelu: {ports: {self: [int8%s]}, variants: [{when: {approximate: tanh}, api: T}]}}\n"
    assert changes(entry % ", int16", entry % "") == [Change("gelu", "self", ("int16",), (), is_list=True)]


@pytest.mark.parametrize("name", available())
def test_a_profile_does_not_differ_from_itself(name: str):
    assert diff(load(name), load(name)) == ()


@pytest.mark.parametrize("name", available())
def test_the_way_back_is_the_way_there_turned_round(name: str):
    one, other = load(name), load(available()[-1])
    there = {(c.operator, c.part, c.when, frozenset(c.before), frozenset(c.after)) for c in diff(one, other)}
    back = {(c.operator, c.part, c.when, frozenset(c.after), frozenset(c.before)) for c in diff(other, one)}
    assert there == back
