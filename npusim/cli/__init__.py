"""The command line: find the command, run it, and turn every error into one message and an exit code."""

import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from npusim.cli.command import Command, Exit, Group, Modules, overview_of, parser_of
from npusim.errors import MissingExtraError, NpusimError, ProfileError, UsageError

COMMANDS: Mapping[str, Command | Group] = Modules(
    "npusim.cli", ("demo", "check", "profiles", "profile", "judge", "torch", "doctor", "explain")
)
"""Every command by its name, in the order of the help text."""

_ALL = Group(
    name="npusim",
    summary="",
    description="Low-precision accelerators in software: what a chip accepts, how it refuses, what it computes.",
    examples="",
    commands=COMMANDS,
)

_BROKEN_PIPE = 141  # what a shell reports for a process that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 for accepted or done, 1 for rejected or failed, 2 for a usage error, 3 for unknown."""
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except (UsageError, ProfileError, MissingExtraError, OSError) as error:
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
        return _dispatch(_ALL, argv, "")
    except SystemExit as stop:  # --help and --version have printed what was asked for
        return int(stop.code or 0)


def _dispatch(group: Group, argv: Sequence[str], within: str) -> int:
    """Run the command of a group that the first word names; `within` is what stands before the group's name."""
    if not argv or argv[0].startswith("-"):
        import npusim

        overview = overview_of(group, within)
        if not within:
            overview.add_argument("--version", action="version", version=f"npusim {npusim.__version__}")
        overview.parse_args(argv)
        overview.print_help(sys.stderr)
        return Exit.USAGE
    name, *rest = argv
    here = f"{within} {group.name}".strip()
    match _command(group, name):
        case Group() as inner:
            return _dispatch(inner, rest, here)
        case command:
            return command.run(parser_of(command, here).parse_intermixed_args(rest))


def _command(group: Group, name: str) -> Command | Group:
    if name not in group.commands:
        near = get_close_matches(name, group.commands, n=1)
        hint = f"did you mean {near[0]}?" if near else f"commands: {', '.join(group.commands)}"
        raise UsageError(f"unknown command {name!r}; {hint}")
    return group.commands[name]
