"""A kernel that hangs, crashes or does not compile harms neither the caller nor the next kernel."""

import contextlib
import os
import subprocess
import sys
import textwrap

import ml_dtypes
import numpy as np
import pytest

from npusim.call import TensorType
from npusim.dtypes import dtype
from npusim.errors import ExecutionError, KernelBuildError, KernelCrashed, KernelTimeout, UsageError
from npusim.executor import Executor, Isolation, Local, Out
from npusim.numerics.model import IEEE

pytestmark = pytest.mark.xdist_group("worker")

DOUBLED = (
    "__kernel void doubled(__global const float *x, __global float *y) {int i = get_global_id(0); y[i] = 2 * x[i];}"
)
ENDLESS = "__kernel void endless(__global volatile int *x) { while (x[0] == 0) {} }"
WILD = "__kernel void wild(__global int *x) { *(volatile __global int *)(ulong)x[0] = 1; }"
TRAPPED = "__kernel void trapped(void) { __builtin_trap(); }"
# PoCL 3.0 aborts its process over some kernels with vectors of 16, depending on the processor; it may also work.
WIDE = """
__kernel void wide_vectors(__global const float *a, __global float *c, int n) {
    float16 s = 0;
    for (int i = 0; i < n; i++) s = fma((float16)(a[i]), vload16(i, a), s);
    vstore16(s, get_global_id(0), c);
}
"""


@pytest.fixture
def executor():
    return Executor(IEEE)


def works(executor):
    x = np.arange(8, dtype=np.float32)
    (y,) = executor.run_kernel(DOUBLED, "doubled", [x, Out(np.empty_like(x))], [8])
    return np.array_equal(y, 2 * x)


def test_a_users_kernel_runs_and_the_worker_is_kept(executor):
    assert works(executor)
    from npusim.executor.supervisor import supervisor

    before = supervisor(os.getpid())._worker.process.pid
    assert works(executor)
    assert supervisor(os.getpid())._worker.process.pid == before != os.getpid()


def test_an_endless_kernel_times_out(executor):
    with pytest.raises(KernelTimeout, match=r"'endless' did not end within 2 s") as caught:
        executor.run_kernel(ENDLESS, "endless", [np.zeros(1, np.int32)], [1], timeout_s=2)
    assert isinstance(caught.value, TimeoutError)
    assert works(executor)


def test_a_store_to_a_null_pointer_is_a_crash(executor):
    with pytest.raises(KernelCrashed, match=r"'wild' ended its process: SIGSEGV"):
        executor.run_kernel(WILD, "wild", [np.zeros(1, np.int32)], [1])
    assert works(executor)


def test_a_kernel_that_traps_is_a_crash(executor):
    with pytest.raises(KernelCrashed, match=r"'trapped' ended its process: SIG(ILL|TRAP)"):
        executor.run_kernel(TRAPPED, "trapped", [], [1])
    assert works(executor)


def test_vectors_of_16_work_or_are_a_crash(executor):
    a = np.arange(64, dtype=np.float32)
    c = np.empty(16, np.float32)
    with contextlib.suppress(KernelCrashed):
        executor.run_kernel(WIDE, "wide_vectors", [a, Out(c), np.int32(4)], [1])
        assert np.array_equal(c, sum(a[i] * a[16 * i : 16 * i + 16] for i in range(4)))
    assert works(executor)


def test_a_syntax_error_brings_the_compilers_log(executor):
    with pytest.raises(KernelBuildError, match=r"expected ';'") as caught:
        executor.run_kernel("__kernel void k(void) { int x = 1 }", "k", [], [1])
    assert str(caught.value).startswith("the program does not compile:\n")
    assert "clBuildProgram" not in str(caught.value)
    assert works(executor)


def test_a_kernel_that_is_not_there_is_named_with_those_that_are(executor):
    with pytest.raises(KernelBuildError, match=r"no kernel 'nothing'; it has: doubled"):
        executor.run_kernel(DOUBLED, "nothing", [], [1])


@pytest.mark.parametrize(("global_size", "local_size"), [([8], [3, 1]), ([8], [1 << 20])])
def test_an_impossible_launch_is_refused(executor, global_size, local_size):
    x = np.zeros(8, np.float32)
    with pytest.raises(ExecutionError, match="'doubled' could not be launched"):
        executor.run_kernel(DOUBLED, "doubled", [x, Out(x.copy())], global_size, local_size)
    assert works(executor)


def test_a_python_number_has_no_width(executor):
    with pytest.raises(UsageError, match=r"argument 1 is a int; .* numpy.int32\(3\)"):
        executor.run_kernel(DOUBLED, "doubled", [np.zeros(1, np.float32), 3], [1])


def test_outputs_scalars_local_memory_and_printing(executor):
    source = """
    __kernel void rotate_(__global ushort *x, __local ushort *shared, uint by) {
        uint i = get_local_id(0), n = get_local_size(0);
        shared[i] = x[i];
        barrier(CLK_LOCAL_MEM_FENCE);
        x[i] = shared[(i + by) % n];
        if (i == 0) printf("a kernel may print\\n");
    }
    """
    x = np.arange(16).astype(ml_dtypes.bfloat16)
    (y,) = executor.run_kernel(source, "rotate_", [Out(x.copy(), reads=True), Local(32), np.uint32(3)], [16], [16])
    assert np.array_equal(y, np.roll(x, -3))


def test_large_arrays_cross(executor):
    x = np.arange(1 << 20, dtype=np.float32)
    (y,) = executor.run_kernel(DOUBLED, "doubled", [x, Out(np.empty_like(x))], [x.size])
    assert np.array_equal(y, 2 * x)


def test_operators_give_the_same_bits_in_the_worker():
    x = np.arange(65536, dtype=np.uint16).view(np.float16)
    results = [
        Executor(IEEE, isolation=isolation).run("sigmoid", [x], {}, [TensorType(dtype("float16"), x.shape)])[0]
        for isolation in Isolation
    ]
    assert results[0].tobytes() == results[1].tobytes()


def test_a_script_ends_quietly_and_leaves_no_process(tmp_path):
    script = tmp_path / "script.py"  # without a __main__ guard, which the worker must not need
    script.write_text(
        textwrap.dedent(f"""
        import os
        import numpy as np
        from npusim.executor import Executor, Out
        from npusim.executor.supervisor import supervisor
        from npusim.numerics.model import IEEE

        x = np.ones(4, np.float32)
        Executor(IEEE).run_kernel({DOUBLED!r}, "doubled", [x, Out(np.empty_like(x))], [4])
        print(supervisor(os.getpid())._worker.process.pid)
        """)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
