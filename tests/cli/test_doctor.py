"""`npusim doctor`: the report in words and as JSON."""

import json
from dataclasses import replace

import pytest

from npusim.cli import main
from npusim.executor import doctor as examination
from npusim.executor.doctor import CacheReport, PackageVersion, Report, RuntimeReport, WorkerReport
from npusim.executor.runtime import Runtime
from npusim.executor.selftest import Property

RUNTIME = Runtime(
    platform="Acme CL",
    vendor="Acme",
    version="OpenCL 3.0",
    device="Acme CPU",
    target="OpenCL 3.0 acme-v2",
    driver="1.2",
    is_cpu=True,
    has_fp64=True,
    has_fp16=False,
    divides_exactly=True,
    compute_units=8,
    extensions=("cl_khr_fp64",),
)
OTHER = replace(RUNTIME, platform="Other CL")


@pytest.fixture
def report(tmp_path):
    return Report(
        packages=(PackageVersion("numpy", "2.4"), PackageVersion("pyopencl", None)),
        runtimes=(RuntimeReport(RUNTIME, True, ("cl_khr_fp64",)), RuntimeReport(OTHER, False, ())),
        used=RUNTIME,
        why="it is the best there is",
        cache=CacheReport(tmp_path, True, True, True, 3, 4096),
        exactness=(Property("float32 + rounds to nearest even", True),),
        worker=WorkerReport(True, "", 0.5, 0.002),
    )


@pytest.fixture
def found(monkeypatch):
    """Return a function that makes the examination find a report."""
    return lambda report: monkeypatch.setattr(examination, "doctor", lambda: report)


def test_a_healthy_machine_in_words(capsys, found, report):
    found(report)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for said in (
        "* Acme CL (OpenCL 3.0) on Acme CPU",
        "  Other CL (OpenCL 3.0) on Acme CPU",
        "chosen because it is the best there is",
        "ok    float32 + rounds to nearest even",
        "pyopencl  not installed",
        "3 programs, 4 KiB",
        "a kernel ran in 0.50 s with its start, then in 2.0 ms",
        "Ready",
    ):
        assert said in out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"exactness": (Property("float32 / rounds", False, "7 of 9 results differ"),)},
            "FAIL  float32 / rounds: 7 of 9",
        ),
        ({"worker": WorkerReport(False, "no process to be had", 0, 0)}, "FAIL  no kernel ran: no process to be had"),
        ({"used": None, "worker": None, "exactness": (), "why": "none; install one"}, "no runtime: none; install one"),
    ],
)
def test_what_is_broken_is_said_and_gives_exit_code_1(capsys, found, report, change, said):
    found(replace(report, **change))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert said in out
    assert "Not ready" in out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exists": False}, "made at the first use"),
        ({"is_writable": False}, "not writable"),
        ({"is_private": False}, "not private"),
    ],
)
def test_the_cache(capsys, found, report, change, said):
    found(replace(report, cache=replace(report.cache, **change)))
    main(["doctor"])
    assert said in capsys.readouterr().out


def test_json(capsys, found, report):
    found(report)
    assert main(["doctor", "--format", "json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["is_healthy"] is True
    assert plain["used"]["platform"] == "Acme CL"
    assert plain["cache"]["folder"] == str(report.cache.folder)


@pytest.mark.xdist_group("worker")
def test_this_machine(capsys):
    assert main(["doctor"]) == 0
    assert "Ready" in capsys.readouterr().out
