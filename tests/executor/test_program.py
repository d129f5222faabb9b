"""Programs are compiled once and kept; a damaged one is compiled again."""

import stat
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from npusim.cache import cache_folder
from npusim.errors import KernelBuildError
from npusim.executor.buffers import Out
from npusim.executor.launch import InProcess, Launch
from npusim.executor.program import Programs, Source, library
from npusim.executor.runtime import session
from npusim.executor.selection import select

TWICE = Source("__kernel void twice(__global float *x) { x[get_global_id(0)] *= 2; }", trusted=True)


@pytest.fixture
def live():
    return session(select())


def twice(live, folder):
    """Run the kernel with a new cache on this folder, as a new process would."""
    x = np.arange(4, dtype=np.float32)
    InProcess(live.runtime, Programs(live, folder)).launch(Launch(TWICE, "twice", (Out(x, reads=True),), (4,)))
    return x.tolist()


def test_a_program_is_stored_privately_and_found_again(live, tmp_path, monkeypatch):
    folder = tmp_path / "deep" / "programs"
    assert twice(live, folder) == [0, 2, 4, 6]
    (stored,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    monkeypatch.setattr(Programs, "_build", None)  # from here on nothing can be compiled
    assert twice(live, folder) == [0, 2, 4, 6]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-1],
        lambda content: content[:200] + b"\xff" + content[201:],
        lambda _: b"something else entirely",
    ],
    ids=["empty", "cut", "flipped", "foreign"],
)
def test_a_damaged_file_is_replaced(live, tmp_path, damage):
    twice(live, tmp_path)
    (stored,) = tmp_path.iterdir()
    whole = stored.read_bytes()
    stored.write_bytes(damage(whole))
    assert twice(live, tmp_path) == [0, 2, 4, 6]
    (stored,) = tmp_path.iterdir()
    assert len(stored.read_bytes()) > 1000


def test_a_folder_that_cannot_be_written_is_no_obstacle(live, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert twice(live, tmp_path / "file" / "programs") == [0, 2, 4, 6]


def test_the_key_depends_on_text_options_and_runtime():
    base = Source("a", ("-Db",))
    keys = {base.key("r"), base.key("s"), Source("a").key("r"), Source("a", ("-Dc",)).key("r"), Source("ab").key("r")}
    assert len(keys) == 5
    assert Source("a", ("-Db",)).key("r") == base.key("r")


def test_programs_of_others_are_stored_only_when_every_kernel_has_run(live, tmp_path):
    text = "__kernel void one(__global int *x) { x[0] = 1; } __kernel void two(__global int *x) { x[0] = 2; }"
    engine, x = InProcess(live.runtime, Programs(live, tmp_path)), np.zeros(1, np.int32)
    engine.launch(Launch(Source(text), "one", (Out(x),), (1,)))
    assert not list(tmp_path.iterdir())
    engine.launch(Launch(Source(text), "two", (Out(x),), (1,)))
    assert x.tolist() == [2]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_build_failure_holds_the_log(live, tmp_path):
    with pytest.raises(KernelBuildError, match="undeclared identifier 'nowhere'"):
        Programs(live, tmp_path).get(Source("__kernel void k(__global int *x) { x[0] = nowhere; }"))


def test_the_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(tmp_path))
    assert cache_folder("programs") == tmp_path
    monkeypatch.delenv("NPUSIM_CACHE_DIR")
    assert cache_folder("programs").name == "programs"


def test_a_library_program_begins_with_the_prelude():
    source = library("cast.cl", (("IN0", "float16"), ("Z", "float32")))
    assert "FP_CONTRACT OFF" in source.text
    assert source.options == ("-DIN0=float16", "-DZ=float32")
    assert source.trusted


def test_threads_share_one_engine(live, tmp_path):
    engine = InProcess(live.runtime, Programs(live, tmp_path))

    def run(start):
        x = np.arange(start, start + 4, dtype=np.float32)
        engine.launch(Launch(TWICE, "twice", (Out(x, reads=True),), (4,)))
        return x.tolist()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(64)))
    assert found == [[2.0 * (s + i) for i in range(4)] for s in range(64)]
