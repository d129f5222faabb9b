"""Time 16-bit matmul on the executor beside numpy's own fp16 matmul and its float32 BLAS, all in one run."""

import argparse
import time
from collections.abc import Callable

import ml_dtypes
import numpy as np

from npusim.call import TensorType
from npusim.dtypes import DTYPES
from npusim.executor import Executor
from npusim.numerics.model import IEEE


def best_s(work: Callable[[], object], repeats: int) -> float:
    """Return the shortest of `repeats` runs, in seconds: the one least disturbed by others on the machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="rows, columns and depth (default 512)")
    parser.add_argument("--repeats", type=int, default=20, help="runs of which the best counts (default 20)")
    options = parser.parse_args()
    size, operations = options.size, 2 * options.size**3
    generator = np.random.default_rng(0)
    wide = [generator.standard_normal((size, size)).astype(np.float32) for _ in range(2)]
    halves = [array.astype(np.float16) for array in wide]

    numpy_half = best_s(lambda: halves[0] @ halves[1], 2)
    blas = best_s(lambda: wide[0] @ wide[1], options.repeats)
    print(f"{size} x {size} x {size}")
    print(f"{'':28}{'ms':>9}{'GFLOP/s':>10}{'x numpy fp16':>14}{'of BLAS fp32':>14}")

    def report(name: str, seconds: float) -> None:
        rate = operations / seconds / 1e9
        print(f"{name:28}{seconds * 1e3:9.2f}{rate:10.1f}{numpy_half / seconds:14.0f}{blas / seconds:14.2f}")

    report("numpy float16", numpy_half)
    report("numpy float32 (BLAS)", blas)
    executor = Executor(IEEE)
    for name, kind in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16), ("float32", np.float32)):
        operands = [array.astype(kind) for array in wide]
        output = [TensorType(DTYPES[name], (size, size))]
        executor.run("matmul", operands, {}, output)
        work = lambda given=operands, wanted=output: executor.run("matmul", given, {}, wanted)  # noqa: E731
        report(f"npusim {name}", best_s(work, options.repeats))


if __name__ == "__main__":
    main()
