"""Known rejections: a new one fails a test, a vanished one is reported, and --npu-update makes the file true again."""

import json
from textwrap import dedent

import pytest

from npusim.pytest_plugin import baseline

ONE, OTHER = ("test_it.py::test_one[ascend910b]", "ascend910b"), ("test_it.py::test_two[ascend310p]", "ascend310p")
KNOWN = {OTHER: frozenset({"NPU101 exp(self) in head"}), ONE: frozenset({"NPU101 add(self) in b", "NPU101 add in a"})}
FILE = """\
{
  "npusim-baseline": 1,
  "rejections": {
    "test_it.py::test_one[ascend910b]": {
      "ascend910b": [
        "NPU101 add in a",
        "NPU101 add(self) in b"
      ]
    },
    "test_it.py::test_two[ascend310p]": {
      "ascend310p": [
        "NPU101 exp(self) in head"
      ]
    }
  }
}
"""


class TestFile:
    def test_it_is_sorted_plain_data(self):
        assert baseline.text(KNOWN) == FILE

    def test_it_is_read_as_it_was_written(self, tmp_path):
        path = tmp_path / "known.json"
        path.write_text(FILE)
        assert baseline.read(path) == KNOWN

    def test_none_is_an_empty_one(self, tmp_path):
        assert baseline.read(tmp_path / "none.json") == {}

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("{\n<<<<<<< ours\n}", ":2:1: Expecting property name enclosed in double quotes"),
            ("[]", ': expected {"npusim-baseline": 1, "rejections": {...}}'),
            ('{"npusim-baseline": 2, "rejections": {}}', ': expected {"npusim-baseline": 1, "rejections": {...}}'),
            ('{"npusim-baseline": 1, "rejections": {}, "x": 1}', ': expected {"npusim-baseline": 1, "rejections"'),
            ('{"npusim-baseline": 1, "rejections": []}', ": rejections: expected an object, found []"),
            ('{"npusim-baseline": 1, "rejections": {"t": ["x"]}}', ": t: expected an object, found ['x']"),
            ('{"npusim-baseline": 1, "rejections": {"t": {"c": "x"}}}', ": t: c: expected a list of texts, found 'x'"),
            ('{"npusim-baseline": 1, "rejections": {"t": {"c": [1]}}}', ": t: c: expected a list of texts, found [1]"),
            ('{"npusim-baseline": 1, "rejections": {"t": {}, "t": {}}}', ": 't' is there twice"),
            (b"\xff", ": 'utf-8' codec can't decode"),
        ],
    )
    def test_a_mistake_is_named(self, tmp_path, text, problem):
        path = tmp_path / "known.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(baseline.BaselineError) as caught:
            baseline.read(path)
        assert str(caught.value).startswith(f"{path}{problem}")
        assert str(caught.value).endswith("; repair the file, or remove it and run pytest --npu-update")


class TestChanges:
    def test_a_finished_test_knows_what_it_found(self):
        found = {ONE: frozenset({"NPU101 add in a", "new"}), OTHER: frozenset()}
        assert baseline.updated(KNOWN, found, [ONE, OTHER]) == {ONE: frozenset({"NPU101 add in a", "new"})}
        assert baseline.vanished(KNOWN, found, [ONE, OTHER]) == {
            ONE: frozenset({"NPU101 add(self) in b"}),
            OTHER: KNOWN[OTHER],
        }

    def test_an_unfinished_one_may_not_have_come_that_far(self):
        found = {ONE: frozenset({"new"})}
        assert baseline.updated(KNOWN, found, []) == {ONE: KNOWN[ONE] | {"new"}, OTHER: KNOWN[OTHER]}
        assert baseline.vanished(KNOWN, found, []) == {}

    def test_one_that_did_not_run_keeps_what_it_had(self):
        assert baseline.updated(KNOWN, {}, []) == KNOWN


RECORDING = """
    pytestmark = pytest.mark.npu("ascend910b", policy="record")

    def run(npu, dtype):
        npu.run("exp", np.ones(2, dtype))

    def test_exp(npu):
        run(npu, np.uint16)
"""
KEY = "NPU101 exp(self) in test_it.py run"
TEST = "test_it.py::test_exp[ascend910b]"
SHOWN = TEST.replace("[", "[[]")


@pytest.fixture
def known(pytester):
    """Return a function that gives what the baseline file of the inner runs says of the one test."""
    path = pytester.path / "npu-baseline.json"
    return lambda: json.loads(path.read_text())["rejections"].get(TEST, {}).get("ascend910b", [])


class TestSession:
    def test_update_records_and_then_the_test_passes(self, suite, run, known):
        suite(RECORDING)
        run().assert_outcomes(failed=1)
        result = run("--npu-update")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["npu-baseline.json: 1 added, 0 removed"])
        assert known() == [KEY]
        result = run()
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(
            [
                "rejected, as npu-baseline.json says:",
                "  ascend910b: NPU101 exp(self): self not implemented for DT_UINT16, *",
                "    in test_it.py run; at test_it.py:7",
            ]
        )
        run("--npu-update").stdout.fnmatch_lines(["npu-baseline.json: unchanged"])

    def test_a_new_one_fails_and_only_it_is_shown(self, suite, run):
        suite(RECORDING)
        run("--npu-update")
        suite(RECORDING + "\n        npu.run('sin', np.ones(2, np.uint32))\n")
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["1 rejected call was recorded, besides 1 known before:", "", "*DT_UINT32*"])
        result.stdout.no_fnmatch_line("  rule *exp*")

    def test_another_line_is_no_change(self, suite, run):
        suite(RECORDING)
        run("--npu-update")
        suite("\n\n# a comment\n" + dedent(RECORDING))
        run().assert_outcomes(passed=1)

    def test_a_vanished_one_is_reported_and_then_removed(self, suite, run, known):
        suite(RECORDING)
        run("--npu-update")
        suite(RECORDING.replace("uint16", "float16"))
        result = run()
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(
            ["no longer rejected; `pytest --npu-update` takes these out of npu-baseline.json:", f"  {SHOWN}: {KEY}"]
        )
        run("--npu-update").stdout.fnmatch_lines(["npu-baseline.json: 0 added, 1 removed"])
        assert known() == []

    def test_a_test_that_fails_before_loses_none(self, suite, run, known):
        suite(RECORDING)
        run("--npu-update")
        suite(RECORDING.replace("run(npu, np.uint16)", "raise AssertionError"))
        result = run("--npu-update")
        result.assert_outcomes(failed=1)
        assert known() == [KEY]
        result.stdout.no_fnmatch_line("no longer rejected*")

    def test_a_test_that_is_not_run_keeps_its_own(self, suite, run, known):
        suite(RECORDING)
        run("--npu-update")
        run("--npu-update", "-k", "none")
        assert known() == [KEY]

    def test_the_ini_names_the_file(self, suite, run, pytester):
        pytester.makeini("[pytest]\nnpu_baseline = chips/known.json")
        pytester.mkdir("chips")
        suite(RECORDING)
        run("--npu-update").stdout.fnmatch_lines(["known.json: 1 added, 0 removed"])
        assert KEY in (pytester.path / "chips" / "known.json").read_text()

    def test_a_broken_file_is_one_clear_line_and_is_left_alone(self, suite, run, pytester):
        path = pytester.path / "npu-baseline.json"
        path.write_text("{]")
        suite(RECORDING)
        for options in ((), ("--npu-update",)):
            result = run(*options)
            assert result.ret is pytest.ExitCode.USAGE_ERROR
            result.stderr.fnmatch_lines(["ERROR: *npu-baseline.json:1:2: Expecting property name *; repair the file*"])
        assert path.read_text() == "{]"

    def test_a_folder_that_is_not_there_is_one_clear_line(self, suite, run, pytester):
        pytester.makeini("[pytest]\nnpu_baseline = none/known.json")
        suite(RECORDING)
        result = run("--npu-update")
        assert result.ret is pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["Exit: --npu-update: *No such file or directory: *"])

    def test_report_only_fails_no_test(self, suite, run):
        suite(
            RECORDING
            + """
    @pytest.mark.npu(policy="raise")
    def test_raise(npu):
        run(npu, np.uint32)
"""
        )
        result = run("--npu-report-only")
        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(
            [
                "rejected, and new:",
                "  ascend910b: NPU101 exp(self): self not implemented for DT_UINT16, *",
                "rejected, and only reported:",
                "  ascend910b: NPU101 exp(self): self not implemented for DT_UINT32, *",
            ]
        )

    def test_workers_send_what_they_found_and_the_controller_writes(self, suite, run_on_two, known):
        suite(RECORDING)
        suite(RECORDING.replace("def test", '@pytest.mark.xdist_group("one")\n    def test'), "test_other")
        first = run_on_two("--dist", "loadgroup", "--npu-update")
        first.assert_outcomes(passed=2)
        first.stdout.fnmatch_lines(["npu-baseline.json: 2 added, 0 removed"])
        assert known() == [KEY]
        suite(RECORDING.replace("uint16", "float16"))
        second = run_on_two("--dist", "loadgroup")
        second.assert_outcomes(passed=2)
        second.stdout.fnmatch_lines(["no longer rejected; *", f"  {SHOWN}: {KEY}"])
