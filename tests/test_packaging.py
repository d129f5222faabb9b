"""The wheel holds everything and works where there is no checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import npusim

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.xdist_group("wheel")  # one worker, so that the wheel is built once


def run(*command: Any, cwd: Path | None = None) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COVERAGE", "PIP_"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "-q", "-w", target, ROOT)
    (built,) = target.glob("npusim-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What a Python that has only the wheel, and the dependencies of this one, says of npusim."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        wheel,
    )
    (packages,) = home.glob("lib/python*/site-packages")
    # Only a directory on the path: a .pth file in it, such as that of an editable npusim, is not followed from here.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    program = """
import json, npusim
from importlib.metadata import distribution
from npusim.resources import folder
npu = npusim.device("ascend910b")
verdict = npu.judge("aclnnMatmulAllReduce", x1="float32[16,1280]", x2="bfloat16[1280,1280]")
print(json.dumps({
    "file": npusim.__file__, "profiles": npusim.available_profiles(), "text": verdict.violations[0].text,
    "kernels": sorted(p.name for p in folder("kernels").iterdir()), "version": distribution("npusim").version,
    "profile": npu.profile.file,
    "entry_points": sorted(f"{e.group}:{e.value}" for e in distribution("npusim").entry_points),
}))
"""
    return {"home": home, **json.loads(run(python, "-I", "-c", program, cwd=home))}


def test_the_wheel_holds_the_shipped_folders_and_the_type_marker(wheel: Path):
    names = set(ZipFile(wheel).namelist())
    for folder in ("device_profiles", "kernels"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert {f"npusim/_data/{path.relative_to(ROOT)}" for path in files} <= names
    assert "npusim/py.typed" in names
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "npusim").rglob("*.py")}
    assert modules <= names
    assert not [name for name in names if name.startswith(("tests", "docs", "device_profiles", "kernels"))]


def test_an_installed_wheel_is_what_is_imported(installed: Mapping[str, Any]):
    assert Path(installed["file"]).is_relative_to(installed["home"])
    assert Path(installed["profile"]).is_relative_to(installed["home"])
    assert installed["version"] == npusim.__version__


def test_an_installed_wheel_finds_its_profiles_and_kernels(installed: Mapping[str, Any]):
    assert tuple(installed["profiles"]) == npusim.available_profiles()
    assert set(installed["kernels"]) >= {path.name for path in (ROOT / "kernels").iterdir()}


def test_an_installed_wheel_judges(installed: Mapping[str, Any]):
    assert (
        installed["text"]
        == "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]."
    )


def test_the_commands_and_the_plugin_are_announced(installed: Mapping[str, Any]):
    assert installed["entry_points"] == ["console_scripts:npusim.cli:main", "pytest11:npusim.pytest_plugin"]
