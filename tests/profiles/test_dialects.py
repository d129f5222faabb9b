"""The vendor's way of speaking: spelling, filling, and the choice by version."""

from typing import Any

import pytest

from npusim.dtypes import DTYPES
from npusim.profiles.dialects import NEUTRAL, Dialect, choose, fields_of, fill, version_key
from npusim.profiles.ranges import Range

CANN = Dialect(spelling="cann", opening="[", separator=",", closing=",]")
F16, BF16, F32 = (DTYPES[name] for name in ("float16", "bfloat16", "float32"))


@pytest.mark.parametrize(
    ("value", "neutral", "cann"),
    [
        (F32, "float32", "DT_FLOAT"),
        (DTYPES["float8_e4m3"], "float8_e4m3", "float8_e4m3"),
        ((F16, BF16), "float16, bfloat16", "[DT_FLOAT16,DT_BFLOAT16,]"),
        ((F16,), "float16", "[DT_FLOAT16,]"),
        ((2, 3), "[2,3]", "[2,3]"),
        ((), "[]", "[]"),
        (((2, 3),), "[2,3]", "[2,3]"),
        ((Range(2, 3), Range(5, 5), Range(None, 8), Range(9)), "2..3, 5, ..8, 9..", "2..3, 5, ..8, 9.."),
        (("a multiple of 32",), "a multiple of 32", "a multiple of 32"),
        (7, "7", "7"),
        ("null", "null", "null"),
        (None, "None", "None"),
    ],
)
def test_a_value_is_spelled_in_the_dialect(value: Any, neutral: str, cann: str):
    assert NEUTRAL.spell(value) == neutral
    assert CANN.spell(value) == cann


def test_a_template_is_filled_once_and_unknown_fields_stay():
    found = fill("{name}: {found} {unknown} {} {{name}}", {"name": "{found}", "found": F16}, CANN)
    assert found == "{found}: DT_FLOAT16 {unknown} {} {{found}}"
    assert fields_of("{name}: {found} {} {a b}") == {"name", "found"}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("8.1.RC1", "8.1"),
        ("8.1.RC1", "8.1.RC2"),
        ("8.1.RC2", "8.1.RC10"),
        ("8.1.rc1", "8.2"),
        ("8.1", "8.1.1"),
        ("8.0.0", "8.1.RC1"),
        ("8.9", "8.10"),
        ("7", "8.1.RC1"),
        ("8.2.RC1.alpha001", "8.2.RC1.alpha002"),
    ],
)
def test_versions_sort_as_people_read_them(earlier: str, later: str):
    assert version_key(earlier) < version_key(later)


def test_case_does_not_matter_in_versions():
    assert version_key("8.1.RC1") == version_key("8.1.rc1")


OLD, MIDDLE, NEW = Dialect(until="8.1.RC1"), Dialect(until="8.3"), Dialect()


@pytest.mark.parametrize(
    ("version", "expected"),
    [("7.0", OLD), ("8.1.RC1", OLD), ("8.1", MIDDLE), ("8.3", MIDDLE), ("8.3.1", NEW), ("9", NEW), ("", OLD)],
)
def test_the_first_dialect_that_still_speaks_is_chosen(version: str, expected: Dialect):
    assert choose((OLD, MIDDLE, NEW), version) is expected


def test_without_dialects_the_neutral_one_speaks_and_after_the_last_the_last():
    assert choose((), "1.0") is NEUTRAL
    assert choose((OLD, MIDDLE), "99") is MIDDLE
