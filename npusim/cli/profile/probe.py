"""`npusim profile probe`: the script that asks a real chip what its profile claims."""

import argparse
import sys
from pathlib import Path

from npusim.cli.command import Command, Exit, argument
from npusim.errors import UsageError
from npusim.files import write_text
from npusim.probe.script import script
from npusim.profiles import Profile, find_operator, load


def _run(arguments: argparse.Namespace) -> int:
    profile = load(arguments.profile, frontend=arguments.frontend)
    operators = _operators(profile, arguments.only)
    out = Path(arguments.out or f"probe_{profile.id}.py")
    text = script(profile, operators, lambda operator, cases: print(f"{operator}: {cases} cases", file=sys.stderr))
    write_text(out, [text])
    print(f"{out} written; on a machine that has the chip: python {out.name}, then npusim profile confirm")
    return Exit.ACCEPTED


def _operators(profile: Profile, only: list[str]) -> list[str]:
    """The operators of the profile's entries, or those named, by npusim's or the vendor's name."""
    named = list(dict.fromkeys(find_operator(profile, name).name for name in only))
    missing = [name for name in named if name not in profile.operators]
    if missing:
        raise UsageError(f"{profile.id} has no entry of {', '.join(missing)}, of which there is nothing to ask")
    return named or list(profile.operators)


COMMAND = Command(
    name="probe",
    summary="write the script that asks a real chip",
    description="""\
Write one Python script for a machine that has the chip. It makes the calls that the profile accepts and those that it
refuses, tries every dtype on every operator, and feeds numbers that show how the chip computes. Its result is read by
`npusim profile confirm`. The script needs numpy and the chip's framework (torch, torch_npu), not npusim.""",
    examples="""\
  npusim profile probe ascend910b
  npusim profile probe ascend910b --only matmul --only add --out ask.py
  python probe_ascend910b.py                                 # there
  python probe_ascend910b.py --backend npusim:ascend910b     # a simulated device in place of the chip""",
    run=_run,
    arguments=(
        argument("profile", metavar="PROFILE", help="the id of a profile or the path of a YAML file"),
        argument("--out", metavar="FILE", help="the script, probe_PROFILE.py if not given"),
        argument("--only", metavar="OPERATOR", action="append", default=[], help="only this operator; may be repeated"),
        argument("--frontend", metavar="NAME", help="a front end of the stack, if the profile tells several apart"),
    ),
)
