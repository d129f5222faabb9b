"""Reading YAML: everything knows its place, nothing is executed, and nothing costs more than a profile may."""

import time
from pathlib import Path
from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles.document import MAX_BYTES, MAX_DEPTH, Mark, Node, parse, read


def plain(node: Node) -> Any:
    match node.value:
        case dict(entries):
            return {key: plain(value) for key, value in entries.items()}
        case list(items):
            return [plain(item) for item in items]
        case value:
            return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: 1.5", {"a": 1.5}),
        ("a: -0x1F", {"a": -31}),
        ("a: 1_000", {"a": 1000}),
        ("a: .inf", {"a": float("inf")}),
        ("a: true", {"a": True}),
        ("a: off", {"a": False}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: '1'", {"a": "1"}),
        ('a: "true"', {"a": "true"}),
        ("a: 8.1.RC1", {"a": "8.1.RC1"}),
        ("a: 2025-01-02", {"a": "2025-01-02"}),
        ("a: 010", {"a": "010"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: " + "9" * 5000, {"a": "9" * 5000}),
        ("a: [x, {b: 2}]", {"a": ["x", {"b": 2}]}),
        ("1: a", {"1": "a"}),
        ("self, other: [x]", {"self": ["x"], "other": ["x"]}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("# only\na: b # trailing", {"a": "b"}),
        ("\ufeffa: b", {"a": "b"}),
        ("---\na: b\n...\n", {"a": "b"}),
    ],
)
def test_text_becomes_plain_values(text: str, value: Any):
    assert plain(parse(text, "f")) == value


def test_every_value_knows_its_place_and_that_of_its_key():
    root = parse("a: 1\nb:\n  - x\n  - {c, d: y}\n", "f.yaml")
    entries = root.mapping()
    assert (root.mark, root.key) == (Mark("f.yaml", 1, 1), None)
    assert (entries["a"].mark, entries["a"].key) == (Mark("f.yaml", 1, 4), Mark("f.yaml", 1, 1))
    assert (entries["b"].mark, entries["b"].key) == (Mark("f.yaml", 3, 3), Mark("f.yaml", 2, 1))
    second = entries["b"].items()[1]
    assert second.mark == Mark("f.yaml", 4, 5)
    assert [second.mapping()[key].key for key in "cd"] == [Mark("f.yaml", 4, 6), Mark("f.yaml", 4, 9)]


# Text, and the place and beginning of the error.
BROKEN: dict[str, tuple[str, str]] = {
    "empty": ("", "1:1: the file is empty"),
    "only a comment": ("# nothing\n", "1:1: the file is empty"),
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "3:1: duplicate key 'a'; the first is at line 1"),
    "duplicate key in a list of keys": ("a: 1\nb, a: 2\n", "2:1: duplicate key 'a'; the first is at line 1"),
    "duplicate key twice in one": ("a, a: 1\n", "1:1: duplicate key 'a'; the first is at line 1"),
    "two documents": ("a: 1\n---\nb: 2\n", "2:1: a second document; a profile is one"),
    "python tag": ("a: !!python/object/apply:os.system ['true']\n", "1:4: tags such as 'tag:yaml.org,2002:python/"),
    "python name": ("a: !!python/name:os.system\n", "1:4: tags such as 'tag:yaml.org,2002:python/name:os.system'"),
    "standard tag": ("a: !!str 1\n", "1:4: tags such as 'tag:yaml.org,2002:str' are not allowed"),
    "own tag": ("a: !x 1\n", "1:4: tags such as '!x' are not allowed"),
    "bare tag": ("a: ! 1\n", "1:4: tags such as '!' are not allowed"),
    "tag on a key": ("!x a: 1\n", "1:1: tags such as '!x' are not allowed"),
    "tag on a list": ("a: !x [1]\n", "1:4: tags such as '!x' are not allowed"),
    "anchor": ("a: &x 1\n", "1:4: anchors and aliases are not allowed"),
    "alias": ("a: *x\n", "1:4: anchors and aliases are not allowed"),
    "anchor on a mapping": ("a: &x {b: 1}\n", "1:4: anchors and aliases are not allowed"),
    "bomb": (
        'a: &a ["lol","lol"]\n'
        + "".join(f"{b}: &{b} [*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "1:4: anchors and aliases are not allowed",
    ),
    "list as a key": ("a:\n  ? [1, 2]\n  : 3\n", "2:5: a key must be text"),
    "mapping as a key": ("{a: 1}: 2\n", "1:1: a key must be text"),
    "open list": ("a: [1, 2\n", "2:1: not YAML: did not find expected ',' or ']'"),
    "open quote": ('a: "x\n', "2:1: not YAML: found unexpected end of stream"),
    "tab": ("a:\n\tb: 1\n", "2:1: not YAML: found character that cannot start any token"),
    "bad indent": ("a: 1\n  b: 2\n", "2:4: not YAML: mapping values are not allowed in this context"),
    "stray percent": ("a: %x\n", "1:4: not YAML: found character that cannot start any token"),
    "yaml 2": ("%YAML 2.0\n---\na: 1\n", "1:1: not YAML: found incompatible YAML document"),
    "control character": ("a: \x01\n", "1:1: not YAML:"),
    "deep list": ("a: " + "[" * 10_000 + "\n", f"1:{3 + MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH} levels"),
    "deep mapping": ("{a: " * 10_000 + "\n", f"1:{4 * MAX_DEPTH + 2}: nested deeper than {MAX_DEPTH} levels"),
    "deep block": (
        "".join(" " * i + "a:\n" for i in range(1000)),
        f"{MAX_DEPTH + 1}:{MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH} levels",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_profile_is_an_error_at_its_place(name: str, tmp_path: Path):
    text, message = BROKEN[name]
    path = tmp_path / "chip.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    start = time.perf_counter()
    with pytest.raises(ProfileError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:{message}")
    assert time.perf_counter() - start < 5  # a bound on hanging, not a measurement


def test_a_huge_file_is_refused_unread(tmp_path: Path):
    path = tmp_path / "chip.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(ProfileError) as caught:
        read(path)
    assert str(caught.value) == f"{path}:1:1: the file has 104857600 bytes; a profile has at most {MAX_BYTES}"


def test_a_file_of_many_values_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("npusim.profiles.document.MAX_NODES", 1000)
    path = tmp_path / "chip.yaml"
    path.write_text("a: [" + "1," * 1100 + "]")
    with pytest.raises(ProfileError, match="more than 1000 values; that is no profile"):
        read(path)


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path):
    path = tmp_path / "chip.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ProfileError) as caught:
        read(path)
    assert str(caught.value) == f"{path}:2:1: not UTF-8 text"


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str):
    with pytest.raises(ProfileError, match=r":1:1: cannot be read: (No such file|Is a directory)"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "ask", "message"),
    [
        ("[]", lambda n: n.mapping(), "1:1: expected a mapping, found a list"),
        ("{}", lambda n: n.items(), "1:1: expected a list, found a mapping"),
        ("1.5", lambda n: n.text(), "1:1: expected text, found 1.5; put it in quotes"),
        ("true", lambda n: n.text("a name"), "1:1: expected a name, found True"),
        ("true", lambda n: n.integer(), "1:1: expected a whole number, found True"),
        ("x", lambda n: n.integer(), "1:1: expected a whole number, found 'x'"),
        ("[]", lambda n: n.some(), "1:1: expected at least one item, found an empty list"),
        (
            "errro",
            lambda n: n.choice(["error", "fallback"], "policy"),
            "1:1: unknown policy 'errro'; did you mean error?",
        ),
        ("x", lambda n: n.choice(["error", "fall"], "policy"), "1:1: unknown policy 'x'; allowed: error, fall"),
        ("y" * 100, lambda n: n.integer(), "1:1: expected a whole number, found 'yyyyyyyy"),
    ],
)
def test_a_value_of_the_wrong_sort_is_named(text: str, ask: Any, message: str):
    with pytest.raises(ProfileError) as caught:
        ask(parse(text, "f"))
    assert str(caught.value).startswith(f"f:{message}")
    assert len(str(caught.value)) < 120
