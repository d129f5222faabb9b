"""The cost of profiles: the largest from YAML and from the cache, beside PyYAML; listing and linting them all."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import yaml

REPEATS = 5
LOAD = """
import sys, time
import npusim.profiles, npusim.profiles.samples
begin = time.perf_counter()
npusim.profiles.load(sys.argv[1]).operators
print(time.perf_counter() - begin)
"""


def seconds(function: Callable[[], object]) -> float:
    """Return the best time of a function."""
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - begin)
    return best


def load_in_a_new_process(profile: str, cache: str) -> float:
    """Return how long a new process takes to load a profile, without the imports."""
    environment = {**os.environ, "NPUSIM_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, profile], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    from npusim.profiles import available
    from npusim.profiles.inheritance import find, layers

    sizes = {name: sum(file.stat().st_size for _, file in layers(find(name))) for name in available()}
    largest = max(sizes, key=lambda name: sizes[name])
    text = [file.read_text(encoding="utf-8") for _, file in layers(find(largest))]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    theirs = seconds(lambda: [yaml.load(one, loader) for one in text])
    with tempfile.TemporaryDirectory() as cache:
        cold = load_in_a_new_process(largest, cache)
        warm = min(load_in_a_new_process(largest, cache) for _ in range(REPEATS))
    listing = seconds(
        lambda: subprocess.run([sys.executable, "-m", "npusim", "profiles"], capture_output=True, check=True)
    )
    lint = [sys.executable, "-m", "npusim", "profile", "lint"]
    begin = time.perf_counter()
    subprocess.run(lint, capture_output=True, check=True)
    linting = time.perf_counter() - begin
    bare = seconds(lambda: subprocess.run([sys.executable, "-c", "import numpy, ml_dtypes, yaml"], check=True))
    print(f"{largest}: {sizes[largest] / 1e3:.0f} kB of YAML in {len(text)} files")
    print(f"from YAML, checked and kept                 {cold:6.3f} s    (at most 2.5)")
    print(f"ratio to PyYAML's parser alone              {cold / theirs:6.2f}")
    print(f"from the cache                              {warm:6.3f} s    (at most 0.15)")
    print(f"ratio from the cache / PyYAML's parser      {warm / theirs:6.2f}")
    print(f"npusim profiles, {len(sizes)} of them                {listing:6.3f} s    (at most 0.5)")
    print(f"ratio to importing numpy, ml_dtypes, yaml   {listing / bare:6.2f}")
    print(f"npusim profile lint, all of them            {linting:6.1f} s    (at most 60)")


if __name__ == "__main__":
    main()
