"""Small suites, and runs of pytest on them that load no other plugin than ours."""

from textwrap import dedent

import pytest

import npusim
from npusim.cache import cache_folder

OPTIONS = ("-p", "npusim.pytest_plugin", "-p", "no:cacheprovider")
CACHE = str(cache_folder("programs"))  # pytester moves the home folder, and with it the cache of compiled programs


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    """Load what the inner runs use, for pytester makes each of them forget the modules that it was first to import."""
    npu = npusim.device("ascend910b")
    npu.run("add", npu.xp.asarray(1.0), npu.xp.asarray(1.0))


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """Of the plugins that are installed, inner runs load only the ones that they name."""
    monkeypatch.setenv("NPUSIM_CACHE_DIR", CACHE)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def suite(pytester):
    """Return a function that writes a test module."""

    def write(text, name="test_it"):
        pytester.makepyfile(**{name: "import numpy as np\nimport pytest\n" + dedent(text)})

    return write


@pytest.fixture
def run(pytester):
    """Return a function that runs pytest in this process on what was written."""
    return lambda *arguments: pytester.runpytest_inprocess(*OPTIONS, *arguments)


@pytest.fixture
def run_on_two(pytester):
    """Return a function that runs pytest with two workers on what was written."""
    return lambda *arguments: pytester.runpytest_subprocess(*OPTIONS, "-p", "xdist", "-n", "2", *arguments)
