"""`npusim profile import`: profiles made of vendors' machine-readable tables, one command a vendor."""

import argparse
import sys
from pathlib import Path
from types import MappingProxyType

from npusim.cli.command import Argument, Command, Exit, Group, argument
from npusim.errors import UsageError
from npusim.importers.cann import import_cann
from npusim.importers.tosa import import_tosa
from npusim.importers.writing import Imported, identity, write
from npusim.report.place import show_file

_STDOUT = "-"

_OUTPUT: tuple[Argument, ...] = (
    argument("--out", metavar="FILE", help="the profile to write, ID.yaml; without it, or with -, it is printed"),
    argument("--force", action="store_true", help="replace a file that is there already"),
)


def _tosa(arguments: argparse.Namespace) -> int:
    out = _out(arguments)
    return _give(import_tosa(Path(arguments.path), identity(out, "")), out, arguments.force)


def _cann(arguments: argparse.Namespace) -> int:
    out = _out(arguments)
    return _give(import_cann(Path(arguments.path), arguments.soc, identity(out, "")), out, arguments.force)


def _out(arguments: argparse.Namespace) -> Path | None:
    """The file to write, None for standard output; raises UsageError for one that is there, before any work."""
    if arguments.out in {None, _STDOUT}:
        return None
    out = Path(arguments.out)
    if out.exists() and not arguments.force:
        raise UsageError(f"{out} is there already, and is not overwritten; --force replaces it")
    return out


def _give(imported: Imported, out: Path | None, force: bool) -> int:
    """Print or write a profile, and say on standard error what could not be said in it."""
    remarks = list(imported.remarks.lines())
    print(*(f"not imported: {remark}" for remark in remarks), sep="\n", end="\n" * bool(remarks), file=sys.stderr)
    if out is None:
        print(imported.text, end="")
    else:
        write(imported, out, force=force)
        count = len(imported.document["operators"])
        print(f"{show_file(str(out))} written: {count} operators; next: npusim profile lint {out}")
    return Exit.ACCEPTED


TOSA = Command(
    name="tosa",
    summary="the machine-readable TOSA specification, tosa.xml",
    description="""\
Make a profile of tosa.xml, version 1.0 or later, which stands in the repository of the TOSA specification. Every
operator of TOSA is one of the profile, with `tosa_` before its name; every row says the profiles and extensions that
it needs, which are features to switch; the levels are limits. What a profile cannot say stays as a comment, and is
reported on standard error. The specification has its own licence: mind it before you publish what was made of it.""",
    examples="""\
  npusim profile import tosa tosa.xml --out mytosa.yaml
  npusim judge ./mytosa.yaml tosa_exp float16[4]""",
    run=_tosa,
    arguments=(argument("path", metavar="SPEC", help="the specification's tosa.xml"), *_OUTPUT),
)

CANN = Command(
    name="cann",
    summary="CANN's table of kernels, or an operator's definition",
    description="""\
Make a profile of what CANN says of its kernels. PATH is the table of an installed CANN, below opp/built-in/op_impl/
ai_core/tbe/config, or the C++ source of an operator's definition, *_def.cpp. Every operator is one of the profile, with
`cann_` before its name; the i-th dtypes of all its ports are a row. What the layers above the kernels check is not in
there. What a profile cannot say stays as a comment, and is reported on standard error.""",
    examples="""\
  npusim profile import cann aic-ascend910b-ops-info.json --out kernels.yaml
  npusim profile import cann add_rms_norm_def.cpp --soc ascend910b""",
    run=_cann,
    arguments=(
        argument("path", metavar="PATH", help="aic-<soc>-ops-info.json, or the C++ source of a definition"),
        argument("--soc", metavar="NAME", default="", help="the chip, where PATH speaks of several, as ascend910b"),
        *_OUTPUT,
    ),
)

COMMAND = Group(
    name="import",
    summary="make a profile of a vendor's machine-readable tables",
    description="Make a profile of a vendor's tables: a start, to be laid under what the tables do not say.",
    examples="""\
  npusim profile import tosa tosa.xml --out mytosa.yaml
  npusim profile import cann aic-ascend910b-ops-info.json --out kernels.yaml""",
    commands=MappingProxyType({command.name: command for command in (TOSA, CANN)}),
)
