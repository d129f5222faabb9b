"""Which devices a test gets, and how it fails where one refuses a call."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.pytest_plugin.conftest import OPTIONS

SENTENCE = "x1 not implemented for DT_FLOAT, should be in dtype support list [[]DT_FLOAT16,DT_BFLOAT16,[]]."
CHIP = """
    npusim: 1
    id: mychip
    operators:
      add: {ports: {self: float16}, source: a test, confidence: inferred}
"""


def ids(result):
    """The tests that ran, as module::test[id], of a verbose run."""
    return [line.split(" ")[0] for line in result.outlines if " PASSED" in line or " FAILED" in line]


NAMES = """
    def test_name(npu):
        assert npu.profile.id in {"ascend910b", "ascend310p", "mychip"}
"""


class TestMarker:
    def test_it_runs_the_test_on_every_profile_named(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b", "ascend310p")
            def test_name(npu, request):
                assert request.node.name == f"test_name[{npu.profile.id}]"
        """)
        result = run("-v")
        assert ids(result) == ["test_it.py::test_name[ascend910b]", "test_it.py::test_name[ascend310p]"]
        result.assert_outcomes(passed=2)

    def test_it_is_registered(self, suite, run):
        suite('@pytest.mark.npu("ascend910b")\n' + dedent(NAMES).strip())
        run("--strict-markers").assert_outcomes(passed=1)
        run("--markers").stdout.fnmatch_lines(["@pytest.mark.npu(*profiles, policy=None, *"])

    def test_the_closest_one_wins(self, suite, run):
        suite("""
            pytestmark = pytest.mark.npu("ascend310p", policy="record")

            def test_of_module(npu):
                assert (npu.profile.id, npu.policy.value) == ("ascend310p", "record")

            @pytest.mark.npu("ascend910b", policy="raise")
            class TestClass:
                def test_of_class(self, npu):
                    assert (npu.profile.id, npu.policy.value) == ("ascend910b", "raise")

                @pytest.mark.npu("ascend310p")
                def test_own(self, npu):
                    assert (npu.profile.id, npu.policy.value) == ("ascend310p", "raise")

                @pytest.mark.npu(policy="fallback")
                def test_only_the_policy(self, npu):
                    assert (npu.profile.id, npu.policy.value) == ("ascend910b", "fallback")
        """)
        run().assert_outcomes(passed=4)

    def test_a_test_without_the_fixture_runs_once(self, suite, run):
        suite("""
            pytestmark = pytest.mark.npu("ascend910b", "ascend310p")

            def test_plain():
                pass

            @pytest.mark.usefixtures("npu")
            def test_used():
                pass
        """)
        run().assert_outcomes(passed=3)

    def test_it_meets_other_parameters(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b", "ascend310p")
            @pytest.mark.parametrize("dtype", ["float16", "float32"])
            def test_softmax(npu, dtype):
                assert npu.judge("softmax", f"{dtype}[4]")
        """)
        run().assert_outcomes(passed=4)

    def test_arguments_reach_the_device(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b", stack="8.2", wrapped=True, on_unknown="raise")
            def test_arguments(npu):
                assert (npu.profile.stack.version, npu.wrapped, npu.on_unknown.value) == ("8.2", True, "raise")
        """)
        run().assert_outcomes(passed=1)

    @pytest.mark.parametrize(
        ("marker", "message"),
        [
            ('"ascend910c"', "test_it.py::test_it: unknown profile 'ascend910c'; did you mean ascend910b*"),
            ('"none/such.yaml"', "test_it.py::test_it: unknown profile '*none/such.yaml' (there is no such file)"),
            ('"ascend910b", polcy="record"', "test_it.py::test_it: *unexpected keyword argument 'polcy'"),
            ('"ascend910b", policy="rcord"', "test_it.py::test_it: policy='rcord': allowed are raise, record, *"),
        ],
    )
    def test_a_mistake_is_one_clear_line(self, suite, run, marker, message):
        suite(f"@pytest.mark.npu({marker})\ndef test_it(npu): ...")
        result = run()
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([message])
        assert "Traceback" not in result.stdout.str()
        result.stdout.no_fnmatch_line("*pytest_plugin.py*")


class TestConfiguration:
    def test_without_any_profile_it_says_what_to_do(self, suite, run):
        suite(NAMES)
        result = run()
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["the fixture npu needs a profile: mark the test with @pytest.mark.npu(*--npu *"])

    def test_the_ini_names_the_default(self, suite, run, pytester):
        pytester.makeini("[pytest]\nnpu_profiles = ascend910b, ascend310p")
        suite(NAMES)
        assert ids(run("-v")) == ["test_it.py::test_name[ascend910b]", "test_it.py::test_name[ascend310p]"]

    def test_the_ini_may_be_a_list_in_toml(self, suite, run, pytester):
        pytester.makepyprojecttoml('[tool.pytest.ini_options]\nnpu_profiles = ["ascend910b", "ascend310p"]')
        suite(NAMES)
        run().assert_outcomes(passed=2)

    def test_a_marker_wins_over_the_ini(self, suite, run, pytester):
        pytester.makeini("[pytest]\nnpu_profiles = ascend910b")
        suite('@pytest.mark.npu("ascend310p")\n' + dedent(NAMES).strip())
        assert ids(run("-v")) == ["test_it.py::test_name[ascend310p]"]

    def test_a_marker_with_only_arguments_keeps_the_ini(self, suite, run, pytester):
        pytester.makeini("[pytest]\nnpu_profiles = ascend910b")
        suite('@pytest.mark.npu(policy="record")\ndef test_it(npu):\n    assert npu.policy.value == "record"')
        assert ids(run("-v")) == ["test_it.py::test_it[ascend910b]"]

    def test_a_path_starts_from_the_root_directory(self, suite, run, pytester):
        pytester.mkdir("chips").joinpath("mychip.yaml").write_text(dedent(CHIP))
        pytester.makeini("[pytest]\nnpu_profiles = chips/mychip.yaml")
        inner = pytester.mkdir("inner")
        inner.joinpath("test_inner.py").write_text(dedent(NAMES))
        suite('@pytest.mark.npu("chips/mychip.yaml")\n' + dedent(NAMES).strip())
        result = run("-v", "test_it.py", "inner")
        assert ids(result) == ["test_it.py::test_name[mychip]", "inner/test_inner.py::test_name[mychip]"]

    def test_a_broken_profile_gives_its_line_and_column(self, suite, run, pytester):
        pytester.path.joinpath("mychip.yaml").write_text(dedent(CHIP).replace("operators", "operatrs"))
        pytester.makeini("[pytest]\nnpu_profiles = ./mychip.yaml")
        suite(NAMES)
        run().stdout.fnmatch_lines(
            ["npu_profiles, for *: *mychip.yaml:4:*: unknown key 'operatrs'*did you mean operators*"]
        )

    def test_a_fixture_of_the_same_name_replaces_ours(self, suite, run):
        suite("""
            @pytest.fixture
            def npu():
                return "mine"

            def test_mine(npu):
                assert npu == "mine"
        """)
        run().assert_outcomes(passed=1)


class TestOption:
    def test_it_replaces_the_ini(self, suite, run, pytester):
        pytester.makeini("[pytest]\nnpu_profiles = ascend910b")
        suite(NAMES)
        assert ids(run("-v", "--npu", "ascend310p")) == ["test_it.py::test_name[ascend310p]"]

    @pytest.mark.parametrize(
        "options", [("--npu=ascend910b,ascend310p",), ("--npu", "ascend910b", "--npu", "ascend310p")]
    )
    def test_it_takes_several(self, suite, run, options):
        suite(NAMES)
        result = run(*options)
        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(["npusim: profiles ascend910b, ascend310p"])

    def test_it_selects_among_a_marker_s_profiles(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b", "ascend310p")
            def test_both(npu):
                assert npu.profile.id == "ascend310p"

            @pytest.mark.npu("ascend910b")
            def test_other(npu):
                raise AssertionError

            def test_plain():
                pass
        """)
        result = run("--npu", "ascend310p")
        result.assert_outcomes(passed=2, deselected=2)

    def test_it_takes_a_path(self, suite, run, pytester):
        pytester.path.joinpath("mychip.yaml").write_text(dedent(CHIP))
        suite('@pytest.mark.npu("./mychip.yaml", "ascend910b")\n' + dedent(NAMES).strip())
        result = run("-v", "--npu", "mychip.yaml")
        assert ids(result) == ["test_it.py::test_name[mychip]"]

    def test_an_unknown_profile_is_a_usage_error(self, suite, run):
        suite(NAMES)
        result = run("--npu", "ascend310c")
        assert result.ret is pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: --npu: unknown profile 'ascend310c'; did you mean ascend310p*"])

    def test_nothing_is_said_where_nothing_is_selected(self, suite, run):
        suite("def test_plain(): ...")
        run().stdout.no_fnmatch_line("*npusim: profiles*")


REJECTED = """
    def project(npu, x, weight):
        return npu.run("matmul_all_reduce", x, weight)

    @pytest.mark.npu("ascend910b")
    def test_projection(npu):
        x = npu.xp.asarray(np.ones((4, 8), np.float32))
        weight = npu.xp.asarray(np.ones((8, 4), np.float16))
        project(npu, x, weight)
"""


class TestRejection:
    def test_it_fails_at_the_user_s_line_in_the_vendor_s_words(self, suite, run):
        suite(REJECTED)
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                ">*return npu.run(*",
                f"E *DtypeNotSupportedError: {SENTENCE}",
                "E *rule *NPU101 on ascend910b: matmul_all_reduce (aclnnMatmulAllReduce), port x1",
                "E *at *test_it.py:5 in project",
                "E *found *float32, born in * at test_it.py:9 in test_projection",
                "test_it.py:5: DtypeNotSupportedError",
            ]
        )

    def test_no_frame_of_ours_is_shown(self, suite, run):
        suite(REJECTED)
        run().stdout.no_fnmatch_line("*npusim/*.py*")
        run("--tb=native").stdout.no_fnmatch_line("*npusim/*.py*")
        run("--full-trace").stdout.fnmatch_lines(["*npusim/devices.py*"])

    def test_the_report_says_how_to_judge_the_call_again(self, suite, run):
        suite(REJECTED)
        run().stdout.fnmatch_lines(
            ["*- npusim -*", "  npusim judge ascend910b matmul_all_reduce 'x1=float32[[]4,8]' 'x2=float16[[]8,4]'"]
        )

    def test_the_command_keeps_the_stack_and_the_path(self, suite, run, pytester):
        path = pytester.path / "mychip.yaml"
        path.write_text(dedent(CHIP))
        suite("""
            @pytest.mark.npu("./mychip.yaml", stack="9")
            def test_add(npu):
                npu.run("add", np.ones(2, np.float32), np.ones(2, np.float32), alpha=2)
        """)
        run().stdout.fnmatch_lines(
            [f"  npusim judge {path} add 'self=float32[[]2]' 'other=float32[[]2]' alpha=2 --stack 9"]
        )

    def test_junit_has_the_sentence(self, suite, run, pytester):
        suite(REJECTED)
        run("--junit-xml=report.xml")
        assert SENTENCE.replace("[[]", "[").replace("[]]", "]") in (pytester.path / "report.xml").read_text()

    def test_a_call_that_no_chip_could_mean_is_shown_at_its_line(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b")
            def test_softmax(npu):
                npu.judge("softmax", slef="float16[4]")
        """)
        result = run()
        result.stdout.fnmatch_lines(
            ["E *CallError: softmax has no port or attribute 'slef'*", "test_it.py:*: CallError"]
        )
        result.stdout.no_fnmatch_line("*npusim/*.py*")
        result.stdout.no_fnmatch_line("*During handling*")

    def test_other_failures_are_left_alone(self, suite, run):
        suite("""
            @pytest.mark.npu("ascend910b")
            def test_own(npu):
                assert npu.profile.id == "ascend310p"
        """)
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.no_fnmatch_line("*- npusim -*")

    def test_one_failure_harms_no_other_test(self, suite, run):
        suite(
            REJECTED
            + """
    @pytest.mark.npu("ascend910b")
    def test_repaired(npu):
        assert npu.judge("matmul_all_reduce", x1="float16[4,8]", x2="float16[8,4]")
"""
        )
        run().assert_outcomes(failed=1, passed=1)


RECORDING = """
    pytestmark = pytest.mark.npu("ascend910b", policy="record")

    def add(npu, dtype):
        npu.run("add", np.ones(2, dtype), np.ones(2, dtype))
"""


class TestRecord:
    def test_recorded_rejections_fail_the_test_at_its_end(self, suite, run):
        suite(
            RECORDING
            + """
    def test_two(npu):
        add(npu, np.uint16)
        add(npu, np.uint32)
        assert len(npu.verdicts) == 2
"""
        )
        result = run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "2 rejected calls were recorded:",
                "self not implemented for DT_UINT16, *",
                "*at *test_it.py:* in add",
                "self not implemented for DT_UINT32, *",
            ]
        )

    def test_cleared_rejections_do_not(self, suite, run):
        suite(
            RECORDING
            + """
    def test_cleared(npu):
        add(npu, np.uint16)
        npu.verdicts.clear()
"""
        )
        run().assert_outcomes(passed=1)

    def test_every_test_starts_with_none(self, suite, run):
        suite(
            RECORDING
            + """
    @pytest.mark.parametrize("turn", [1, 2])
    def test_fresh(npu, turn):
        assert not npu.verdicts
        add(npu, np.uint16)
"""
        )
        run().assert_outcomes(failed=2)


def test_it_works_under_xdist(suite, run_on_two):
    suite(REJECTED)
    suite('pytestmark = pytest.mark.npu("ascend910b", "ascend310p")\n' + dedent(NAMES), "test_names")
    result = run_on_two("--npu", "ascend910b")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"E *DtypeNotSupportedError: {SENTENCE}", "test_it.py:5: DtypeNotSupportedError"])
    result.stdout.fnmatch_lines(["*- npusim -*", "  npusim judge ascend910b *"])


def test_a_run_that_does_not_use_it_does_not_pay_for_it(pytester):
    pytester.makepyfile("""
        import sys

        def test_plain():
            loaded = {name.split(".")[0] for name in sys.modules}
            assert not loaded & {"numpy", "ml_dtypes", "yaml", "pyopencl", "torch"}
            assert not [name for name in sys.modules if name.startswith("npusim.") and "pytest_plugin" not in name]
    """)
    pytester.runpytest_subprocess(*OPTIONS).assert_outcomes(passed=1)


def test_it_is_found_by_itself_and_can_be_switched_off(suite, pytester, monkeypatch):
    suite(NAMES)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--npu", "ascend910b").assert_outcomes(passed=1)
    result = pytester.runpytest_subprocess("-p", "no:npusim", "-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'npu' not found"])


def test_the_example_passes(run):
    example = Path(__file__).parents[2] / "examples" / "pytest_usage"
    result = run("--rootdir", example, "-c", example / "pytest.ini", example)
    result.assert_outcomes(passed=6)
