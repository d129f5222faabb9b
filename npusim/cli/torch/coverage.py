"""`npusim torch coverage`: the operators that a model calls, which of npusim's each is, and how many a chip judges."""

import argparse
from dataclasses import asdict

from npusim.cli.check import TARGET
from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import as_json, working
from npusim.profiles import load


def _run(arguments: argparse.Namespace) -> int:
    from npusim.frontends.torch.coverage import coverage
    from npusim.frontends.torch.target import find_target, made

    profile = load(arguments.on) if arguments.on else None
    with working(f"{arguments.target} ..."):
        model, inputs = made(find_target(arguments.target), fake=arguments.fake)
        found = coverage(model, inputs, training=arguments.training)
    if arguments.format == "json":
        print(as_json([asdict(row) for row in found.rows(profile)]))
    else:
        print(found.text(profile))
    return Exit.UNKNOWN if found.unmapped(profile) else Exit.ACCEPTED


COMMAND = Command(
    name="coverage",
    summary="list the operators that a model calls, and which of them npusim knows",
    description="Call a function that returns (model, inputs), run the model once, and list every torch operator that "
    "it called, the\nmost frequent first: what it is to npusim, and with --on how many of its calls that chip's "
    "profile can judge.\nExit code: 0 all operators known, 2 usage error, 3 some unmapped.",
    examples="""\
  npusim torch coverage models.vision:build
  npusim torch coverage models.vision:build --on ascend910b
  npusim torch coverage models.vision:build_72b --fake --format json""",
    run=_run,
    arguments=(
        TARGET,
        argument("--on", metavar="ID", help="a profile: its id (`npusim profiles`) or the path of a YAML file"),
        argument("--fake", action="store_true", help="without memory for weights and activations: any size of model"),
        argument("--training", action="store_true", help="forward and backward, instead of inference"),
        FORMAT,
    ),
)
