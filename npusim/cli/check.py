"""`npusim check`: run an unmodified PyTorch model on simulated chips, and say what each refuses, where and why."""

import argparse
import sys
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import Style, as_json, painted, working
from npusim.devices import Device, device
from npusim.errors import UsageError

if TYPE_CHECKING:
    from npusim.torch import Repairs, Run

TARGET = argument(
    "target",
    metavar="PACKAGE.MODULE:FUNCTION",
    help="a function without arguments that returns (model, inputs); inputs are a dict, a sequence or a tensor",
)


def _run(arguments: argparse.Namespace) -> int:
    from npusim.torch import check

    devices = _devices(arguments.on)
    code = Exit.ACCEPTED
    records = []
    for number, npu in enumerate(devices, 1):
        with working(f"{arguments.target} on {npu.profile.id} ({number} of {len(devices)}) ..."):
            (run,) = check(
                arguments.target,
                [npu],
                fake=arguments.fake,
                lowering=arguments.lowering or None,
                training=arguments.training,
                execute=arguments.execute,
            )
            repairs = run.repairs() if arguments.repair else []
        code = _worse(code, run)
        if arguments.format == "json":
            records.append(run.to_dict() | ({"repairs": [_record(one) for one in repairs]} if arguments.repair else {}))
        else:
            _print(run, repairs)
    if arguments.format == "json":
        print(as_json(records))
    return code


def _devices(words: list[str]) -> list[Device]:
    names = [name.strip() for text in words for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("--on names no profile; `npusim profiles` lists them")
    return [device(name) for name in names]


def _worse(code: Exit, run: "Run") -> Exit:
    """The exit code of all runs so far: rejected outweighs unknown, which outweighs accepted."""
    if run.counts.rejected or code is Exit.REJECTED:
        return Exit.REJECTED
    return Exit.UNKNOWN if run.counts.unknown else code


def _print(run: "Run", repairs: "list[Repairs]") -> None:
    style = Style.BAD if run.counts.rejected else Style.DOUBT if run.counts.unknown else Style.GOOD
    first, *rest = str(run).splitlines()
    print(painted(first, style), *rest, sep="\n")
    for one in repairs:
        print("", one, sep="\n")
    sys.stdout.flush()


def _record(found: "Repairs") -> dict[str, Any]:
    """A finding's repairs as plain data, the best first."""
    return {
        "finding": str(found).splitlines()[0],
        "site": found.finding.site and asdict(found.finding.site),
        "ranked": [
            {"title": one.proposal.title, "code": one.proposal.code, "accepted": one.accepted, "left": one.left}
            | {"sqnr_db_there": _number(one.cost.there), "sqnr_db_model": _number(one.cost.model)}
            for one in found.ranked
        ],
    }


def _number(value: float | None) -> float | str | None:
    """A number, or the text inf, -inf or nan, for which JSON has no numbers."""
    return value if value is None or isfinite(value) else str(value)


COMMAND = Command(
    name="check",
    summary="run a PyTorch model on simulated chips and say what they refuse (needs npusim[torch])",
    description="Call a function that returns (model, inputs), run the model once on each chip, and report every "
    "operator that\nthe chip refuses or of which its profile knows nothing. Modules of the working directory are "
    "found.\nExit code: 0 accepted, 1 rejected, 2 usage error, 3 something unknown and nothing rejected.",
    examples="""\
  npusim check models.vision:build --on ascend910b,ascend310p
  npusim check models.vision:build --on ascend910b --lowering lmdeploy-tp --repair
  npusim check models.vision:build_72b --on ascend910b --fake
  npusim check models.vision:build --on ./mychip.yaml --training --format json""",
    run=_run,
    arguments=(
        TARGET,
        argument(
            "--on",
            metavar="ID[,ID]",
            action="append",
            required=True,
            help="profiles: ids (`npusim profiles`) or paths of YAML files",
        ),
        argument("--fake", action="store_true", help="without memory for weights and activations: any size of model"),
        argument(
            "--lowering",
            metavar="NAME",
            action="append",
            default=[],
            help="what the deployment runs in place of the model's operators, such as lmdeploy-tp; repeatable",
        ),
        argument("--training", action="store_true", help="forward and backward, instead of inference"),
        argument("--execute", action="store_true", help="compute with the chip's numerics"),
        argument(
            "--repair",
            action="store_true",
            help="try repairs of what is refused or overflows, and rank them; runs the model once for each",
        ),
        FORMAT,
    ),
)
