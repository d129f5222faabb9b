"""The doctor reports what is there, what is used and what is broken."""

from dataclasses import replace

import pytest

from npusim.errors import ExecutionError, NoRuntimeError
from npusim.executor import doctor as examination
from npusim.executor import selftest
from npusim.executor.doctor import doctor
from npusim.executor.selection import select
from npusim.executor.supervisor import InWorker

pytestmark = pytest.mark.xdist_group("worker")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(tmp_path / "programs"))
    selftest.exactness.cache_clear()
    yield tmp_path / "programs"
    selftest.exactness.cache_clear()


def test_a_healthy_machine():
    report = doctor()
    assert report.is_healthy, report
    assert report.used == select()
    assert [one.runtime for one in report.runtimes if one.is_used] == [report.used]
    assert report.why
    assert report.worker.round_trip_s > 0
    assert {package.name for package in report.packages} >= {"numpy", "ml_dtypes", "pyopencl"}
    assert len(report.exactness) == len(selftest._CHECKS)


def test_the_self_test_is_measured_once_and_kept(cache, monkeypatch):
    first = selftest.exactness(select())
    assert list(cache.glob("selftest-*.json"))
    selftest.exactness.cache_clear()
    monkeypatch.setattr(selftest, "_measured", None)
    assert selftest.exactness(select()) == first
    assert examination._cache().is_private


def test_a_wrong_result_is_reported(cache, monkeypatch):
    wrong = replace(selftest._CHECKS["sums"], expected=lambda x, y: x - y)
    monkeypatch.setattr(selftest, "_CHECKS", {"sums": wrong, "products": selftest._CHECKS["products"]})
    sums, products = selftest.exactness(select())
    assert not sums.holds
    assert "results differ" in sums.detail
    assert products.holds
    assert not selftest.is_exact_runtime(select())


def test_a_broken_worker_is_reported_and_not_remembered(cache, monkeypatch):
    def broken(self, work):
        raise ExecutionError("no process to be had")

    monkeypatch.setattr(InWorker, "launch", broken)
    report = doctor()
    assert not report.is_healthy
    assert report.worker.detail == "no process to be had"
    assert not any(one.holds for one in report.exactness)
    assert not list(cache.glob("selftest-*"))


def test_a_machine_without_runtimes(monkeypatch):
    def nothing():
        raise NoRuntimeError("none; install one")

    monkeypatch.setattr(examination, "runtimes", nothing)
    report = doctor()
    assert (report.used, report.worker, report.exactness, report.why) == (None, None, (), "none; install one")
    assert not report.is_healthy
