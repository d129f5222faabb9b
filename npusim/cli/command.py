"""What a command of the command line is, and how its arguments are read."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib import import_module
from keyword import iskeyword
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


@dataclass(frozen=True, slots=True)
class Group:
    """A command that is several: its name, a line and a text on what they are for, examples, and they themselves."""

    name: str
    summary: str
    description: str
    examples: str
    commands: "Mapping[str, Command | Group]"


class Modules(Mapping[str, "Command | Group"]):
    """Commands by name, each the COMMAND of a module that is imported when the command is asked for."""

    def __init__(self, package: str, names: Sequence[str]) -> None:
        self._package, self._names = package, tuple(names)

    def __getitem__(self, name: str) -> "Command | Group":
        if name not in self._names:
            raise KeyError(name)
        module = f"{name}_" if iskeyword(name) else name
        found: Command | Group = import_module(f"{self._package}.{module}").COMMAND
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, with the way to the help text."""
        raise UsageError(f"{message} (`{self.prog} --help` shows how)")


def parser_of(command: Command, within: str = "npusim") -> Parser:
    """Return the parser of a command's arguments; `within` is what stands before its name on a command line."""
    parser = Parser(
        prog=f"{within} {command.name}",
        description=command.description,
        epilog=f"examples:\n{command.examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for one in command.arguments:
        parser.add_argument(*one.names, **one.options)
    return parser


def overview_of(group: Group, within: str = "") -> Parser:
    """Return a parser that takes nothing but --help, which lists a group's commands."""
    rows = "\n".join(f"  {command.name:<10}{command.summary}" for command in group.commands.values())
    prog = f"{within} {group.name}".strip()
    examples = f"examples:\n{group.examples}\n\n" if group.examples else ""
    return Parser(
        prog=prog,
        usage=f"{prog} COMMAND [ARGUMENT ...]",
        description=group.description,
        epilog=f"commands:\n{rows}\n\n{examples}`{prog} COMMAND --help` says more, with examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
