"""`npusim profiles`: what each profile knows."""

import json

from npusim.cli import main
from npusim.profiles import available, load
from npusim.profiles.grade import grade


def test_every_shipped_profile_is_listed(capsys):
    assert main(["profiles"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    expected = ["id", "name", "stack", "frontends", "operators", "unknown", "others", "rules", "grade"]
    assert heading.split() == expected
    assert [line.split()[0] for line in lines if line][: len(available())] == list(available())
    (line,) = (line for line in lines if line.startswith("ascend910b "))
    assert line.endswith(grade(load("ascend910b")).shares)


def test_json_has_the_same_as_numbers(capsys):
    assert main(["profiles", "--format", "json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert tuple(rows) == available()
    found = rows["ascend910b"]
    assert (found["frontends"], found["is_whole"]) == ({"torch_npu": "error"}, False)
    assert found["operators"] == len(load("ascend910b").operators)
    assert found["rules"] == sum(found["grade"].values()) > 100
