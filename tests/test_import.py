"""Importing npusim is cheap and brings in no framework and no runtime."""

import subprocess
import sys
from pathlib import Path

import pytest

import npusim

HEAVY = ("torch", "onnx", "pyopencl", "jax", "tensorflow", "pytest", "hypothesis")


def modules_after(program: str) -> set[str]:
    """The modules that a fresh Python has imported after a program."""
    code = f"import sys\n{program}\nprint(*sys.modules)"
    root = str(Path(__file__).resolve().parent.parent)
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "program",
    [
        "import npusim",
        "import npusim; npusim.device('ascend910b').judge('exp', 'float16[2]')",
        "import npusim, numpy; npusim.device('ascend910b').xp.asarray(numpy.ones(2))",
        "from npusim import *",
        "import npusim.profiles.samples",
    ],
)
def test_nothing_heavy_is_imported(program: str):
    assert modules_after(program).isdisjoint(HEAVY)


def test_every_public_name_is_there_and_documented():
    assert npusim.__all__ == sorted(npusim.__all__)
    for name in npusim.__all__:
        assert getattr(npusim, name).__doc__
        assert name in dir(npusim)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'npusim' has no attribute 'devise'"):
        _ = npusim.devise
