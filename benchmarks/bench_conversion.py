"""Compare float32 <-> 16-bit conversion on the executor with numpy's and ml_dtypes' astype, in one run."""

import time
from collections.abc import Callable

import ml_dtypes
import numpy as np

from npusim.call import TensorType
from npusim.dtypes import dtype
from npusim.executor import Executor
from npusim.numerics.model import IEEE

ELEMENTS = 1 << 24
ROUNDS = 7


def seconds(convert: Callable[[], object]) -> float:
    begin = time.perf_counter()
    convert()
    return time.perf_counter() - begin


def main() -> None:
    executor = Executor(IEEE)
    floats = np.random.default_rng(0).standard_normal(ELEMENTS, dtype=np.float32)
    print(f"{ELEMENTS} elements; median of {ROUNDS} rounds in turn; ratio above 1 means the executor is faster")
    for low in (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)):
        for source, target in ((floats, low), (floats.astype(low), np.dtype(np.float32))):
            outputs = [TensorType(dtype(target), source.shape)]

            def ours(source: np.ndarray = source, outputs: list[TensorType] = outputs) -> object:
                return executor.run("cast", [source], {"dtype": outputs[0].dtype.name}, outputs)

            def theirs(source: np.ndarray = source, target: np.dtype = target) -> object:
                return source.astype(target)

            ours()
            pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
            mine, library = (float(np.median(column)) for column in zip(*pairs, strict=True))
            print(
                f"{source.dtype.name:>8} -> {target.name:<8}  executor {mine * 1e3:7.1f} ms   "
                f"astype {library * 1e3:7.1f} ms   ratio {library / mine:5.2f}"
            )


if __name__ == "__main__":
    main()
