"""The command line as a whole: commands, help, errors, colours, pipes and processes."""

import json
import os
import subprocess
import sys

import pytest

import npusim.demo
from npusim.cli import COMMANDS, main
from npusim.cli.command import Exit
from npusim.errors import NoRuntimeError

FOUNDING = ["ascend910b", "aclnnMatmulAllReduce", "x1=float32[16,1280]", "x2=bfloat16[1280,1280]"]


def npusim_process(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "npusim", *words], capture_output=True, text=True, timeout=120, check=False, **options
    )


class TestHelp:
    def test_the_overview_names_every_command(self, capsys):
        assert main(["--help"]) == 0
        out = capsys.readouterr().out
        assert list(COMMANDS) == ["demo", "check", "profiles", "profile", "judge", "torch", "doctor", "explain"]
        assert all(f"\n  {command.name} " in out and command.summary in out for command in COMMANDS.values())

    @pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
    def test_every_command_has_examples(self, capsys, command):
        assert main([command.name, "--help"]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"usage: npusim {command.name} ")
        assert f"examples:\n  npusim {command.name}" in out
        assert max(map(len, out.splitlines())) <= 120

    def test_the_examples_of_judge_are_right(self, capsys):
        lines = [line.split()[1:] for line in COMMANDS["judge"].examples.splitlines() if "mychip" not in line]
        assert [main(words) for words in lines] == [1, 0, 1, 0]
        capsys.readouterr()

    def test_the_version(self, capsys):
        assert main(["--version"]) == 0
        assert capsys.readouterr().out == f"npusim {npusim.__version__}\n"


class TestUsage:
    def test_no_command(self, capsys):
        assert main([]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "commands:" in err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["juge"], "unknown command 'juge'; did you mean judge?"),
            (["xyzzy"], "unknown command 'xyzzy'; commands: demo, check, profiles,"),
            (["--frobnicate"], "--frobnicate"),
            (["profiles", "all"], "all"),
            (["profiles", "--form", "json"], "--form"),
        ],
    )
    def test_a_wrong_command_line(self, capsys, words, said):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert err.count("\n") == 1


class TestDemo:
    def test_it_gives_the_exit_code_of_the_story(self, monkeypatch):
        monkeypatch.setattr(npusim.demo, "main", lambda: 0)
        assert main(["demo"]) == 0

    def test_a_machine_that_cannot_run_it_is_told_why(self, monkeypatch, capsys):
        def nothing():
            raise NoRuntimeError("no OpenCL runtime; install one")

        monkeypatch.setattr(npusim.demo, "main", nothing)
        assert main(["demo"]) == 1
        assert capsys.readouterr().err == "npusim: no OpenCL runtime; install one\n"

    def test_an_interrupt_shows_no_traceback(self, monkeypatch):
        def interrupted():
            raise KeyboardInterrupt

        monkeypatch.setattr(npusim.demo, "main", interrupted)
        assert main(["demo"]) == 130


class TestColours:
    @pytest.fixture
    def terminal(self, monkeypatch):
        """Return a function that makes standard output, as it is during the test, a terminal."""
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        return lambda: monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    def test_a_terminal_has_them(self, terminal, capsys):
        terminal()
        main(["judge", *FOUNDING])
        assert capsys.readouterr().out.startswith("\033[1;31mx1 not implemented")

    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
    def test_they_can_be_refused(self, terminal, capsys, monkeypatch, name, value):
        terminal()
        monkeypatch.setenv(name, value)
        main(["judge", *FOUNDING])
        assert "\033" not in capsys.readouterr().out

    def test_a_file_has_none(self, capsys):
        main(["judge", *FOUNDING])
        assert "\033" not in capsys.readouterr().out

    def test_json_has_none(self, terminal, capsys):
        terminal()
        main(["judge", *FOUNDING, "--format", "json"])
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert json.loads(out)["status"] == "rejected"


class TestProcess:
    """What a shell sees."""

    def test_a_rejection(self):
        result = npusim_process("judge", *FOUNDING)
        assert (result.returncode, result.stderr) == (Exit.REJECTED, "")
        assert result.stdout.startswith("x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,")

    def test_a_mistake(self):
        result = npusim_process("judge", "ascend910b", "softmax", "self=float17[4]")
        assert (result.returncode, result.stdout) == (Exit.USAGE, "")
        assert result.stderr.startswith("npusim: unknown dtype 'float17'")

    @pytest.mark.parametrize("words", [("--help",), ("profiles",), ("explain", "NPU101")])
    def test_a_reader_that_has_gone(self, words):
        read, write = os.pipe()
        os.close(read)
        command = [sys.executable, "-m", "npusim", *words]
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        result = subprocess.run(
            command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=buffered
        )
        os.close(write)
        assert (result.returncode, result.stderr) == (141, "")

    @pytest.mark.parametrize(
        "words", [("profiles",), ("judge", *FOUNDING), ("explain", "NPU101"), ("doctor", "--help")]
    )
    def test_no_framework_and_no_runtime_is_loaded_to_judge(self, words):
        code = (
            "import sys; from npusim.cli import main; main(sys.argv[1:]);"
            "print(*{'torch', 'onnx', 'pyopencl', 'npusim.executor'} & set(sys.modules), file=sys.stderr)"
        )
        command = [sys.executable, "-c", code, *words]
        assert subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stderr == "\n"
