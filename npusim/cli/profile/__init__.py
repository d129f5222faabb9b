"""`npusim profile`: the workshop of those who describe chips, one module a sub-command."""

from types import MappingProxyType

from npusim.cli.command import Group
from npusim.cli.profile import diff, lint, new, schema, show, test

COMMAND = Group(
    name="profile",
    summary="write profiles: check, show, compare and try them",
    description="The workshop of those who describe chips. PROFILE is the id of a profile or the path of a YAML file.",
    examples="""\
  npusim profile new mychip
  npusim profile lint ./mychip.yaml
  npusim profile show ascend310p softmax
  npusim profile diff ascend910b ascend310p
  npusim profile test ./mychip.yaml""",
    commands=MappingProxyType(
        {module.COMMAND.name: module.COMMAND for module in (new, lint, show, diff, test, schema)}
    ),
)
