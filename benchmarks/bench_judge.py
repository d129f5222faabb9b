"""The cost of judging: a call seen before, and an array function without its execution, beside array-api-strict."""

import timeit
from collections.abc import Callable

import array_api_strict
import numpy as np

import npusim

REPEATS, CALLS = 15, 20_000
ONE = np.ones(4, dtype=np.float32)


class Nothing:
    """An executor that costs nothing: it returns an array that is already there."""

    def run(self, *_: object) -> tuple[np.ndarray, ...]:
        return (ONE,)


def microseconds(*functions: Callable[[], object]) -> list[float]:
    """Return the best time of each function in turn; interleaved, so that a busy machine is busy for all."""
    best = [float("inf")] * len(functions)
    for _ in range(REPEATS):
        for i, function in enumerate(functions):
            best[i] = min(best[i], timeit.timeit(function, number=CALLS) / CALLS * 1e6)
    return best


def main() -> None:
    npu = npusim.device("ascend910b")
    x = npu.xp.asarray(ONE)
    npu.__dict__["executor"] = Nothing()
    strict = array_api_strict.asarray(ONE)
    add, judge, their_add, bare_add = microseconds(
        lambda: npu.xp.add(x, x),
        lambda: npu.judge("add", ONE, ONE),
        lambda: array_api_strict.add(strict, strict),
        lambda: np.add(ONE, ONE),
    )
    overhead = their_add - bare_add
    print(f"judge of a call seen before                 {judge:6.2f} us   (at most 3)")
    print(f"npu.xp.add without execution                {add:6.2f} us")
    print(f"array_api_strict.add without numpy's own    {overhead:6.2f} us")
    print(f"ratio npusim / array-api-strict             {add / overhead:6.2f}      (at most 0.5)")


if __name__ == "__main__":
    main()
