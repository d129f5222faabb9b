"""`npusim profile` as a whole: its help, its sub-commands' help, wrong words."""

import pytest

from npusim.cli import main
from npusim.cli.profile import COMMAND


def test_the_help_names_every_command(capsys):
    assert main(["profile", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {command.name} " in out and command.summary in out for command in COMMAND.commands.values())


@pytest.mark.parametrize("name", COMMAND.commands)
def test_every_command_has_examples(capsys, name):
    assert main(["profile", name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: npusim profile {name} ")
    assert f"examples:\n  npusim profile {name}" in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "usage: npusim profile COMMAND"),
        (["lnt"], "unknown command 'lnt'; did you mean lint?"),
        (["xyzzy"], "unknown command 'xyzzy'; commands: new, import"),
        (["--version"], "--version"),
    ],
)
def test_wrong_words_are_a_usage_error(capsys, words, said):
    assert main(["profile", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)
