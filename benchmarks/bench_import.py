"""The cost of `import npusim` over importing what it must: numpy, ml_dtypes and yaml."""

import subprocess
import sys
import time

REPEATS = 15
BARE = "import numpy, ml_dtypes, yaml"
OURS = "import npusim"


def seconds(statement: str) -> float:
    """Return the time of one fresh interpreter that runs a statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    seconds(OURS)
    bare, ours, nothing = (min(times) for times in zip(*((seconds(BARE), seconds(OURS), seconds("pass")) for _ in range(REPEATS))))
    print(f"ratio import npusim / import numpy, ml_dtypes, yaml   {(ours - nothing) / (bare - nothing):.2f}   (at most 1.3)")


if __name__ == "__main__":
    main()
