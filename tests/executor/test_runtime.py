"""A runtime is found, chosen for a stated reason, or its absence explained."""

import subprocess
import sys
from dataclasses import replace

import pytest

from npusim.errors import NoRuntimeError
from npusim.executor import runtime, selection
from npusim.executor.runtime import runtimes, session


@pytest.fixture
def found(monkeypatch):
    """A machine with a GPU, a CPU runtime that is not PoCL, and PoCL, in this order."""
    monkeypatch.delenv("NPUSIM_OPENCL", raising=False)
    (pocl, *_) = (one for one in runtimes() if "Portable" in one.platform)
    other = replace(pocl, platform="Other CPU", vendor="somebody", version="OpenCL 3.1")
    gpu = replace(pocl, platform="A GPU", is_cpu=False)
    machine = [gpu, other, pocl]
    monkeypatch.setattr(selection, "runtimes", lambda: tuple(machine))
    return machine


def test_pocl_comes_first(found):
    assert selection.choose().runtime is found[2]


@pytest.mark.parametrize(("name", "index"), [("gpu", 0), ("SOMEBODY", 1), ("portable", 2)])
def test_a_name_decides(found, monkeypatch, name, index):
    assert selection.choose(name).runtime is found[index]
    monkeypatch.setenv("NPUSIM_OPENCL", name)
    assert selection.choose().runtime is found[index]
    assert selection.choose().why == f"NPUSIM_OPENCL names {name!r}"


@pytest.mark.parametrize("passes", [True, False])
def test_another_cpu_runtime_must_pass_the_self_test(found, monkeypatch, passes):
    del found[2]
    monkeypatch.setattr(selection, "is_exact_runtime", lambda _: passes)
    if passes:
        assert selection.select() is found[1]
    else:
        with pytest.raises(NoRuntimeError, match="runs exactly on this CPU"):
            selection.select()


def test_what_was_found_and_the_repair_are_named(found):
    with pytest.raises(NoRuntimeError, match=r"matches 'nothing'.*Other CPU.*pip install pocl-binary-distribution"):
        selection.select("nothing")


def test_a_machine_without_any_runtime(found):
    found.clear()
    with pytest.raises(NoRuntimeError, match=r"found: none"):
        selection.select()


def test_a_runtime_that_has_gone_is_named(found):
    with pytest.raises(NoRuntimeError, match="Other CPU"):
        session(found[1])


def test_without_pyopencl_the_repair_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyopencl", None)
    runtime._pyopencl.cache_clear()
    with pytest.raises(NoRuntimeError, match="pyopencl cannot be imported"):
        runtime._pyopencl()
    monkeypatch.undo()
    runtime._pyopencl.cache_clear()


def test_nothing_imports_pyopencl_until_a_kernel_runs():
    code = "import sys, npusim.executor.executor as e; e.implementations(); assert 'pyopencl' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_program_compiled_for_another_processor_is_not_reused():
    here = runtimes()[0]
    assert here.target in here.identity
    assert replace(here, target="OpenCL 3.0 another-processor").identity != here.identity
