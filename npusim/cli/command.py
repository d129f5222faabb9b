"""What a command of the command line is, and how its arguments are read."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn

from npusim.errors import UsageError


class Exit(IntEnum):
    """Exit codes; a command that judges nothing uses ACCEPTED for done and REJECTED for failed."""

    ACCEPTED = 0
    REJECTED = 1
    USAGE = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: the names and the keywords that argparse takes."""

    names: tuple[str, ...]
    options: dict[str, Any]


def argument(*names: str, **options: Any) -> Argument:
    """Return an argument, written as for `ArgumentParser.add_argument`."""
    return Argument(names, options)


FORMAT = argument(
    "--format", choices=("text", "json"), default="text", help="words for people (the default), or JSON for programs"
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, a line and a text on what it does, examples, arguments, and what runs it."""

    name: str
    summary: str
    description: str
    examples: str
    run: Callable[[argparse.Namespace], int]
    arguments: tuple[Argument, ...] = ()


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, with the way to the help text."""
        raise UsageError(f"{message} (`{self.prog} --help` shows how)")


def parser_of(command: Command) -> Parser:
    """Return the parser of a command's arguments."""
    parser = Parser(
        prog=f"npusim {command.name}",
        description=command.description,
        epilog=f"examples:\n{command.examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for one in command.arguments:
        parser.add_argument(*one.names, **one.options)
    return parser
