"""What a test gets to judge a PyTorch model with: the fixture, its options, and the summary of all tests."""

import json
from pathlib import Path
from shutil import copytree, ignore_patterns
from xml.etree import ElementTree

import pytest

import npusim.torch
from npusim.pytest_plugin.choices import MODES
from tests.pytest_plugin.conftest import OPTIONS
from tests.test_docs import blocks

HEAD = """
    import torch

    class Projection(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.o_proj = torch.nn.Linear(8, 4, dtype=torch.bfloat16)

        def forward(self, x, table):
            return self.o_proj(x * table)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attn = Projection()

        def forward(self, x, table):
            return self.attn(x, table)

    model, x = Model(), torch.ones(2, 8, dtype=torch.bfloat16)
    tables = {dtype: torch.ones(8, dtype=dtype) for dtype in (torch.bfloat16, torch.float32)}

    def call(table=torch.float32):
        return model(x, tables[table])

    pytestmark = pytest.mark.npu("ascend910b", lowering="lmdeploy-tp")
"""
GOOD, BAD = "torch.bfloat16", "torch.float32"
SENTENCE = "x1 not implemented for DT_FLOAT, should be in dtype support list [[]DT_FLOAT16,DT_BFLOAT16,[]]."


@pytest.fixture
def model_suite(suite):
    """Return a function that writes a test module with a model in front."""
    return lambda text, name="test_it": suite(HEAD + text, name)


def recording(table, name="test_model"):
    return f"""
    def {name}(npusim_torch):
        with npusim_torch() as run:
            call({table})
        assert run.counts.judged > 1
"""


class TestFixture:
    def test_a_rejection_fails_the_test_at_its_end_with_all_that_is_known_of_it(self, model_suite, run):
        model_suite(recording(BAD) + "        print('went on')\n")
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "1 rejected call was recorded:",
                "",
                SENTENCE,
                "  rule     NPU101 on ascend910b: matmul_all_reduce (aclnnMatmulAllReduce), port x1",
                "  at       test_it.py:12 in attn.o_proj",
                "  found    float32, born in mul(bfloat16, float32) at test_it.py:12 in attn",
                "*went on*",
            ]
        )
        result.stdout.no_fnmatch_line("*npusim/*.py*")

    def test_what_is_accepted_passes(self, model_suite, run):
        model_suite(recording(GOOD))
        run().assert_outcomes(passed=1)

    def test_raise_fails_at_the_line(self, model_suite, run):
        model_suite("""
    def test_model(npusim_torch):
        with npusim_torch(mode="raise"):
            call()
        print("went on")
""")
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                ">*return self.o_proj(x * table)*",
                f"E *DtypeNotSupportedError: {SENTENCE}",
                "E *at *test_it.py:12 in attn.o_proj",
                "test_it.py:12: DtypeNotSupportedError",
                "  npusim judge ascend910b matmul_all_reduce *",
            ]
        )
        result.stdout.no_fnmatch_line("*/torch/*.py*")
        result.stdout.no_fnmatch_line("*went on*")

    def test_a_raised_one_may_be_expected(self, model_suite, run):
        model_suite("""
    def test_model(npusim_torch):
        import npusim

        with pytest.raises(npusim.DtypeNotSupportedError), npusim_torch(mode="raise"):
            call()
""")
        run().assert_outcomes(passed=1)

    def test_report_never_fails_and_is_told(self, model_suite, run):
        model_suite("""
    def test_model(npusim_torch):
        with npusim_torch(mode="report") as run:
            call()
        assert [one.port for one in run.violations][0] == "x1"
""")
        result = run()
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(
            [
                "rejected, and only reported:",
                f"  ascend910b: NPU101 matmul_all_reduce(x1): {SENTENCE}",
                "    in attn.o_proj; at test_it.py:12",
            ]
        )

    def test_the_device_has_it_too(self, model_suite, run):
        model_suite("""
    def test_model(npu, npusim_torch):
        assert npu.torch is npusim_torch
        with npu.torch():
            call()
""")
        run().assert_outcomes(failed=1)

    def test_a_block_that_fails_is_the_test_s_own_failure(self, model_suite, run):
        model_suite("""
    def test_model(npusim_torch):
        with npusim_torch():
            raise KeyError("mine")
""")
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E *KeyError: 'mine'"])

    def test_a_run_in_a_fixture_s_teardown_counts(self, model_suite, run):
        model_suite("""
    @pytest.fixture
    def late(npusim_torch):
        yield
        with npusim_torch():
            call()

    def test_model(late):
        pass
""")
        run().assert_outcomes(passed=1, errors=1)

    def test_report_only_fails_no_mode(self, model_suite, run):
        model_suite("""
    @pytest.mark.parametrize("mode", ["raise", "record", "report"])
    def test_model(npusim_torch, mode):
        with npusim_torch(mode=mode):
            call()
""")
        run("--npu-report-only").assert_outcomes(passed=3)

    def test_an_unmodified_model_is_built_without_memory(self, model_suite, run):
        model_suite("""
    def test_model(npusim_torch):
        def build():
            x = torch.ones(2, 8, dtype=torch.bfloat16)
            return Model(), {"x": x, "table": torch.ones(8)}

        model, inputs = npusim_torch.fake(build)
        with npusim_torch(mode="report") as run:
            model(**inputs)
        assert run.counts.rejected == 1
""")
        run().assert_outcomes(passed=1)


class TestOptions:
    def test_the_modes_are_those_of_a_run(self):
        assert tuple(npusim.torch.Mode) == MODES

    def test_the_ini_gives_what_the_marker_leaves_open(self, suite, run, pytester):
        pytester.makeini("[pytest]\nnpu_profiles = ascend910b\nnpu_mode = report\nnpu_lowering = eager lmdeploy-tp")
        suite("""
            def test_ini(npusim_torch):
                with npusim_torch() as run:
                    pass
                assert (run.mode, run.lowering.names[-1]) == ("report", "lmdeploy-tp")

            @pytest.mark.npu(mode="raise", lowering="eager")
            def test_marker(npusim_torch):
                with npusim_torch() as run:
                    pass
                assert (run.mode, run.lowering.names) == ("raise", ("eager",))

            @pytest.mark.npu(lowering=())
            def test_none(npusim_torch):
                assert npusim_torch().lowering is None
                assert npusim_torch(lowering="eager").lowering.names == ("eager",)
        """)
        run().assert_outcomes(passed=3)

    def test_without_any_the_lowering_is_the_stack_s_own(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b")
            def test_it(npusim_torch):
                assert npusim_torch().lowering.names == ("eager",)
        """)
        run().assert_outcomes(passed=1)

    def test_a_wrong_mode_is_one_clear_line(self, suite, run, pytester):
        suite('@pytest.mark.npu("ascend910b", mode="recrd")\ndef test_it(npu): ...')
        result = run()
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["test_it.py::test_it: mode='recrd': allowed are raise, record, report"])
        pytester.makeini("[pytest]\nnpu_mode = rise")
        result = run()
        assert result.ret is pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: npu_mode: mode='rise': allowed are raise, record, report"])

    def test_a_wrong_lowering_is_shown_at_its_line(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b", lowering="lmdeploy")
            def test_it(npusim_torch):
                npusim_torch()
        """)
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["E *unknown lowering 'lmdeploy'; did you mean *lmdeploy-tp*", "test_it.py:*: *Error"]
        )


class TestSummary:
    def test_it_has_chips_and_tests(self, model_suite, run):
        model_suite(
            recording(GOOD)
            + """
    @pytest.mark.npu("ascend310p", "ascend910b", mode="report")
    @pytest.mark.parametrize("table", [torch.float32], ids=["wide"])
    def test_wide(npusim_torch, table):
        with npusim_torch():
            call(table)
"""
        )
        result = run()
        result.assert_outcomes(passed=3)
        result.stdout.re_match_lines(
            [
                r".*= npusim =.*",
                r"judged / rejected / unknown  ascend910b +ascend310p",
                r"test_it.py::test_wide\[wide\]  2 / 1 / 0   2 / 2 / 0",
                r"total                        4 / 1 / 0   2 / 2 / 0",
                r"slowest: test_it.py::test_\w+\[.*\] \d\.\d\d s, test.* s, test.* s",
            ]
        )
        result.stdout.no_fnmatch_line("test_it.py::test_model *")
        run("-v").stdout.re_match_lines([r"test_it.py::test_model +2 / 0 / 0 +-"])

    def test_quiet_leaves_the_numbers(self, model_suite, run):
        model_suite(recording(GOOD))
        result = run("-q")
        result.stdout.fnmatch_lines(["total * 2 / 0 / 0"])
        result.stdout.no_fnmatch_line("slowest*")

    def test_junit_has_the_numbers(self, model_suite, run, pytester):
        model_suite(recording(GOOD))
        run("--junit-xml=report.xml")
        (item,) = ElementTree.parse(pytester.path / "report.xml").iter("property")
        numbers = json.loads(item.attrib["value"])
        assert item.attrib["name"] == "npusim"
        assert (numbers["chip"], numbers["judged"], numbers["rejected"]) == ("ascend910b", 2, 0)

    def test_there_is_none_where_nothing_ran(self, suite, run):
        suite('@pytest.mark.npu("ascend910b")\ndef test_it(npu): ...')
        run().stdout.no_fnmatch_line("*= npusim =*")

    def test_workers_add_up_and_only_new_rejections_fail(self, model_suite, run, run_on_two):
        model_suite(recording(BAD) + recording(BAD, "test_second"))
        run("--npu-update").assert_outcomes(passed=2)
        model_suite(recording(BAD) + recording(GOOD, "test_second"))
        model_suite(recording(BAD), "test_other")
        result = run_on_two()
        result.assert_outcomes(failed=1, passed=2)
        result.stdout.fnmatch_lines(
            [
                "total * 6 / 2 / 0",
                "rejected, as npu-baseline.json says:",
                "    in attn.o_proj; at test_it.py:12",
                "no longer rejected; *",
                "  test_it.py::test_second[[]ascend910b]: NPU101 matmul_all_reduce(x1) in attn.o_proj",
            ]
        )


def test_torch_is_imported_only_by_a_run(suite, pytester):
    suite("""
        import sys

        @pytest.mark.npu("ascend910b", lowering="lmdeploy-tp")
        def test_numpy(npu, npusim_torch):
            npu.judge("exp", "float16[2]")
            assert "torch" not in sys.modules
    """)
    pytester.runpytest_subprocess(*OPTIONS).assert_outcomes(passed=1)


class TestExample:
    """examples/model_repo is copied, and run as its README says."""

    @pytest.fixture
    def example(self, pytester):
        source = Path(__file__).parents[2] / "examples" / "model_repo"
        copytree(source, pytester.path, ignore=ignore_patterns("__pycache__"), dirs_exist_ok=True)
        return pytester

    def test_it_passes_with_what_its_baseline_knows(self, example):
        result = example.runpytest_subprocess(*OPTIONS)
        result.assert_outcomes(passed=5)
        result.stdout.no_fnmatch_line("no longer rejected*")

    def test_the_bug_fails_it_with_text_module_line_and_origin_as_the_readme_shows(self, example, monkeypatch):
        monkeypatch.setenv("ROTARY_BUG", "1")
        result = example.runpytest_subprocess(*OPTIONS, "--npu", "ascend910b")
        result.assert_outcomes(failed=1, passed=2)
        (printed,) = (block for block in blocks("examples/model_repo/README.md", "") if block.startswith("x1 not"))
        assert "in model.visual.blocks.0.attn.proj" in printed
        assert "born in mul(bfloat16, float32) at" in printed
        result.stdout.fnmatch_lines(printed.replace("[", "[[]").replace("...", "*").splitlines())
