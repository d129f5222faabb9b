"""The cost of `import npusim` over importing what it must: numpy, ml_dtypes and yaml."""

import subprocess
import sys
import time

REPEATS = 15
NOTHING = "pass"
BARE = "import numpy, ml_dtypes, yaml"
OURS = "import npusim"
USED = "import npusim; npusim.device('ascend910b')"


def seconds(statement: str) -> float:
    """Return the time of one fresh interpreter that runs a statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    statements = (NOTHING, BARE, OURS, USED)
    best = dict.fromkeys(statements, float("inf"))
    for _ in range(REPEATS):
        for statement in statements:
            best[statement] = min(best[statement], seconds(statement))
    bare, ours, used = (best[statement] - best[NOTHING] for statement in (BARE, OURS, USED))
    print(f"ratio import npusim / import numpy, ml_dtypes, yaml              {ours / bare:.2f}   (at most 1.3)")
    print(f"ratio import npusim and the first device / import of the three   {used / bare:.2f}")


if __name__ == "__main__":
    main()
