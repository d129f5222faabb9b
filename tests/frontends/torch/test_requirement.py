"""Without torch, or with one that is too old, npusim works, and its PyTorch front end says what to install."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from npusim.frontends.torch.requirement import OLDEST_TORCH

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPAIR = f"npusim.torch needs torch {'.'.join(map(str, OLDEST_TORCH))} or later: pip install 'npusim[torch]'"

WITHOUT = """
import importlib.metadata, sys

def version(name, found=importlib.metadata.version):
    if name != "torch":
        return found(name)
    if INSTALLED is None:
        raise importlib.metadata.PackageNotFoundError(name)
    return INSTALLED

importlib.metadata.version = version
sys.modules["torch"] = None  # an import of it fails
"""


def said_by(program: str, installed: str | None) -> str:
    """Return what a Python that has only this torch prints for a program that ends in MissingExtraError."""
    lines = [f"INSTALLED = {installed!r}", WITHOUT, "import npusim", "try:", f"    {program}"]
    lines += [
        "except npusim.MissingExtraError as error:",
        "    assert isinstance(error, ImportError)",
        "    print(error)",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "program",
    ["import npusim.torch", "npusim.device('ascend910b').torch()", "from npusim.torch import Run"],
)
def test_without_torch_it_says_what_to_install(program: str):
    assert said_by(program, None) == f"torch is not installed; {REPAIR}"


def test_an_old_one_is_named():
    assert said_by("import npusim.torch", "2.11.1+cu128") == f"torch 2.11.1+cu128 is too old; {REPAIR}"


def test_without_torch_everything_else_works():
    program = "print(npusim.device('ascend910b').judge('exp', 'float16[2]').status)"
    assert said_by(program, None) == "accepted"


def test_the_extra_asks_for_the_same_torch():
    oldest = ".".join(map(str, OLDEST_TORCH))
    assert f"torch>={oldest},<{OLDEST_TORCH[0] + 1}" in PROJECT["optional-dependencies"]["torch"]


def test_the_constraints_are_within_the_extra():
    pins = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if "==" in line]
    versions = {name: tuple(map(int, version.split("."))) for name, version in (pin.split("==") for pin in pins)}
    assert OLDEST_TORCH <= versions["torch"] < (OLDEST_TORCH[0] + 1,)
