"""The command line: find the command, run it, and turn every error into one message and an exit code."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from npusim.cli import demo, doctor, explain, judge, profiles
from npusim.cli.command import Command, Exit, Parser, parser_of
from npusim.errors import NpusimError, ProfileError, UsageError

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {module.COMMAND.name: module.COMMAND for module in (demo, profiles, judge, doctor, explain)}
)
"""Every command by its name, in the order of the help text."""

_BROKEN_PIPE = 141  # what a shell reports for a process that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 for accepted or done, 1 for rejected or failed, 2 for a usage error, 3 for unknown."""
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except (UsageError, ProfileError, OSError) as error:
        return _failed(error, Exit.USAGE)
    except NpusimError as error:
        return _failed(error, Exit.REJECTED)
    except KeyboardInterrupt:
        return 130
    return code


def _failed(error: Exception, code: Exit) -> Exit:
    print(f"npusim: {error}", file=sys.stderr)
    return code


def _run(argv: Sequence[str]) -> int:
    try:
        if not argv or argv[0].startswith("-"):
            _overview().parse_args(argv)
            _overview().print_help(sys.stderr)
            return Exit.USAGE
        command = _command(argv[0])
        return command.run(parser_of(command).parse_intermixed_args(argv[1:]))
    except SystemExit as stop:  # --help and --version have printed what was asked for
        return int(stop.code or 0)


def _command(name: str) -> Command:
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"commands: {', '.join(COMMANDS)}"
        raise UsageError(f"unknown command {name!r}; {hint}")
    return COMMANDS[name]


def _overview() -> Parser:
    from npusim import __version__

    rows = "\n".join(f"  {command.name:<10}{command.summary}" for command in COMMANDS.values())
    parser = Parser(
        prog="npusim",
        usage="npusim COMMAND [ARGUMENT ...]",
        description="Low-precision accelerators in software: what a chip accepts, how it refuses, what it computes.",
        epilog=f"commands:\n{rows}\n\n`npusim COMMAND --help` says more, with examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"npusim {__version__}")
    return parser
