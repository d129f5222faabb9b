"""`npusim profile`: the workshop of those who describe chips, one module a sub-command."""

from npusim.cli.command import Group, Modules

COMMAND = Group(
    name="profile",
    summary="write profiles: check, show, compare, try and confirm them",
    description="The workshop of those who describe chips. PROFILE is the id of a profile or the path of a YAML file.",
    examples="""\
  npusim profile new mychip
  npusim profile import tosa tosa.xml --out mytosa.yaml
  npusim profile lint ./mychip.yaml
  npusim profile show ascend310p softmax
  npusim profile diff ascend910b ascend310p
  npusim profile test ./mychip.yaml
  npusim profile docs ./mychip.yaml > mychip.md
  npusim profile probe ascend910b
  npusim profile confirm ascend910b probe_ascend910b.json""",
    commands=Modules(
        "npusim.cli.profile",
        ("new", "import", "lint", "show", "diff", "test", "docs", "probe", "confirm", "schema"),
    ),
)
