"""`npusim doctor`: which OpenCL runtimes there are, which one is used, and whether it computes exactly."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from npusim.cli.command import FORMAT, Command, Exit
from npusim.cli.terminal import Style, as_json, columns, painted

if TYPE_CHECKING:
    from npusim.executor.doctor import Report, RuntimeReport, WorkerReport


def _run(arguments: argparse.Namespace) -> int:
    from npusim.executor.doctor import doctor

    report = doctor()
    if arguments.format == "json":
        print(as_json(asdict(report) | {"is_healthy": report.is_healthy}))
    else:
        print(*_lines(report), sep="\n")
    return Exit.ACCEPTED if report.is_healthy else Exit.REJECTED


def _lines(report: "Report") -> Iterator[str]:
    yield from _section("packages", columns([(p.name, p.version or "not installed") for p in report.packages], "  "))
    found = [line for one in report.runtimes for line in _runtime(one)]
    yield from _section("OpenCL runtimes", found or ["  none"])
    yield f"  {'chosen because' if report.used else 'no runtime:'} {report.why}"
    if report.used is not None:
        yield from _section("exactness", [_mark(p.holds, p.name, p.detail) for p in report.exactness])
    if report.worker is not None:
        yield from _section("worker process", [_worker(report.worker)])
    yield from _section("program cache", [_cache(report)])
    yield ""
    yield (
        painted("Ready: operators can be run here, exactly.", Style.GOOD)
        if report.is_healthy
        else painted("Not ready: calls can be judged here, but not run; see what is marked above.", Style.BAD)
    )


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield painted(title, Style.HEADING)
    yield from lines


def _runtime(report: "RuntimeReport") -> Iterator[str]:
    runtime = report.runtime
    yield f"{'* ' if report.is_used else '  '}{runtime}"
    yield f"    driver {runtime.driver}, {runtime.compute_units} compute units, {', '.join(report.extensions) or '-'}"


def _mark(holds: bool, name: str, detail: str) -> str:
    state = painted("ok  ", Style.GOOD) if holds else painted("FAIL", Style.BAD)
    return f"  {state}  {name}" + (f": {detail}" if detail else "")


def _worker(worker: "WorkerReport") -> str:
    timing = f"a kernel ran in {worker.first_s:.2f} s with its start, then in {worker.round_trip_s * 1e3:.1f} ms"
    return _mark(worker.works, timing if worker.works else "no kernel ran", worker.detail)


def _cache(report: "Report") -> str:
    cache = report.cache
    if not cache.exists:
        return f"  {cache.folder} (made at the first use)"
    faults = [
        said for holds, said in ((cache.is_writable, "not writable"), (cache.is_private, "not private")) if not holds
    ]
    kept = f"{cache.programs} programs, {cache.size_bytes / 1024:.0f} KiB"
    return f"  {cache.folder}: {', '.join([kept, *faults])}"


COMMAND = Command(
    name="doctor",
    summary="say whether operators can be run on this machine, and on what",
    description="Examine what npusim runs on: packages, OpenCL runtimes, whether the one in use rounds exactly as the "
    "kernels\nrely on, the worker process and the cache of compiled programs. Exit code: 0 ready, 1 not.",
    examples="  npusim doctor\n  NPUSIM_OPENCL=intel npusim doctor\n  npusim doctor --format json",
    run=_run,
    arguments=(FORMAT,),
)
