"""`npusim profiles`: what each profile knows."""

import json

from npusim.cli import main
from npusim.cli.profiles import summary
from npusim.operators import OPERATORS
from npusim.profiles import available, load


def test_every_shipped_profile_is_listed(capsys):
    assert main(["profiles"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["id", "name", "stack", "operators", "rules", "unknown"]
    assert [line.split()[0] for line in lines if line][: len(available())] == list(available())


def test_json_names_what_is_unknown(capsys):
    assert main(["profiles", "--format", "json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert tuple(rows) == available()
    assert rows["ascend910b"]["operators"] + len(rows["ascend910b"]["unknown"]) == len(OPERATORS)
    assert rows["ascend910b"]["rules"] > 100


def test_rules_and_unknown_operators_are_counted(tmp_path):
    path = tmp_path / "mychip.yaml"
    path.write_text("""\
npusim: 1
id: mychip
stack: {name: ACME, version: "2"}
operators:
  mul: unknown
  gelu:
    ports: {self: float16}
    rules: [{rank: {self: ..4}}]
    variants:
      - {when: {approximate: tanh}, rules: [{rank: {self: ..2}}]}
""")
    row = summary(load(path))
    assert (row.id, row.stack, row.operators, row.rules) == ("mychip", "ACME 2", 1, 3)
    assert set(row.unknown) == set(OPERATORS) - {"gelu"}
