"""The script where it runs: on old Pythons, over calls that hang or kill, and again after it was stopped."""

import ast
import json

import numpy as np
import pytest

from npusim.probe import template
from npusim.probe.script import TEMPLATE, script
from npusim.profiles import load
from tests.probe.conftest import run_script

NASTY = '''
class Nasty(Backend):
    """Accepts, but hangs, dies or stops answering where it is told to by the call's place."""

    def __init__(self):
        self.calls, self.lost = 0, False

    def tensor(self, array, dtype, details):
        if dtype == "complex64":
            raise NotCallable("no complex numbers here")
        return array.astype("float64"), dtype

    def call(self, operator, operands, attributes, outputs):
        array, dtype = operands["self"][0]
        if dtype == "int8":
            os.kill(os.getpid(), 9)
        if dtype == "int16":
            time.sleep(100)
        if dtype == "int32":
            self.lost = True
            raise RuntimeError("the core is gone")
        if dtype == "int64":
            raise ValueError("no int64")
        print("a library says something")
        return array

    def chip(self):
        return "Chip"

    def versions(self):
        return {}

    def answers(self):
        return not self.lost
'''


@pytest.fixture
def nasty(truth, tmp_path):
    """The script for one operator, with a backend that hangs and dies."""
    text = script(load(truth), ["neg"])
    text = text.replace("def open_backend(", f"{NASTY}\n\ndef open_backend(").replace(
        "return TorchNpu(about)", "return Nasty()"
    )
    path = tmp_path / "ask.py"
    path.write_text(text, encoding="utf-8")
    return path


def statuses(path):
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return {
        case["operands"]["self"][0]["type"].partition("[")[0]: case["result"] and case["result"]["status"]
        for case in cases
        if case["id"].startswith(("neg/swept", "neg/broken"))
    }


def test_calls_that_hang_or_kill_are_survived(nasty):
    done = run_script(nasty, "--limit", "1", "--out", "answer.json")
    assert done.returncode == 0, done.stderr
    found = statuses(nasty.with_name("answer.json"))
    assert found["int8"] == "killed"
    assert found["int16"] == "timed_out"
    assert found["int32"] == "killed"
    assert found["int64"] == "refused"
    assert found["complex64"] == "not_callable"
    assert found["float64"] == found["uint64"] == "accepted"
    assert "neg: " in done.stderr
    assert not nasty.with_name("answer.json.journal").exists()


def test_a_run_goes_on_where_it_was_stopped(nasty):
    out, journal = nasty.with_name("answer.json"), nasty.with_name("answer.json.journal")
    about, cases = template.read_data(nasty.read_text(encoding="utf-8").split('DATA = r"""')[1].split('"""')[0])
    head = {"version": template.VERSION, "digest": about["digest"], "backend": "torch_npu"}
    first, second = cases[0]["id"], cases[1]["id"]
    done = {"id": first, "result": {"status": "refused", "text": "said before"}}
    lines = [head, {"chip": "Chip", "versions": {}}, {"begin": first}, done, {"begin": second}]
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"id": "neg/acc', encoding="utf-8")
    assert run_script(nasty, "--limit", "1", "--out", out.name).returncode == 0
    found = [case["result"] for case in json.loads(out.read_text(encoding="utf-8"))["cases"]]
    assert found[0] == done["result"]
    assert found[1] == {"status": "killed", "text": "the run ended in this call"}
    assert None not in found


@pytest.mark.parametrize("text", ['{"version": 0}\n', "nonsense\n"])
def test_a_foreign_journal_is_not_gone_on_with(nasty, text):
    journal = nasty.with_name("answer.json.journal")
    journal.write_text(text, encoding="utf-8")
    done = run_script(nasty, "--out", "answer.json")
    assert done.returncode == 2
    assert f"{journal.name} is " in done.stderr
    assert "delete it to begin anew" in done.stderr
    assert not nasty.with_name("answer.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "abacus"], "unknown backend 'abacus'"),
        (["--backend", "npusim:abacus"], "unknown profile 'abacus'"),
        (["--only", "matmul"], "no cases of matmul in this script; it has abs, neg"),
    ],
)
def test_what_cannot_begin_says_why(truth, tmp_path, words, said):
    path = tmp_path / "ask.py"
    path.write_text(script(load(truth), ["abs", "neg"]), encoding="utf-8")
    done = run_script(path, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_some_operators_first(truth, tmp_path):
    path = tmp_path / "ask.py"
    path.write_text(script(load(truth), ["abs", "neg"]), encoding="utf-8")
    words = ("--backend", f"npusim:{truth}", "--out", "answer.json")
    assert run_script(path, *words, "--only", "neg").returncode == 0
    tried = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))["cases"]
    assert {case["operator"] for case in tried if case["result"] is None} == {"abs"}
    assert run_script(path, *words).returncode == 0
    tried = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))["cases"]
    assert all(case["result"] for case in tried)


def test_the_script_is_of_python_3_8():
    ast.parse(TEMPLATE.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_script_imports_only_numpy_and_the_standard_library():
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(TEMPLATE.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    }
    assert "npusim" not in imported
    assert "torch" not in imported
    assert "numpy" in imported


def test_operands_are_read():
    assert template.type_of("float16[2,3]") == ("float16", "")
    assert template.type_of("const:int8[2]{scale=0.5}") == ("int8", "const:int8[2]{scale=0.5}")
    found = template.numbers_of({"type": "float16[2,3]", "numbers": [[1.5, 1], [0, 5]]})
    assert np.array_equal(found, [[1.5, 0, 0], [0, 0, 0]])
    assert template.numbers_of({"type": "float16", "numbers": [[2, 1]]}).shape == ()


ADD = [("self", "Tensor", True), ("other", "Tensor", True), ("alpha", "number", False)]
SOFTMAX = [("self", "Tensor", True), ("dim", "int", True), ("half_to_float", "bool", True)]
NORM = [("input", "Tensor", True), ("weight", "Optional[Tensor]", True), ("eps", "float", True)]
POW = [("self", "Tensor", True), ("exponent", "number", True)]
AMAX = [("self", "Tensor", True), ("dim", "List[int]", False)]
MATMUL = [("self", "Tensor", True), ("other", "Tensor", True)]
RMS = [("self", "Tensor", True), ("gamma", "Tensor", True), ("epsilon", "float", False)]


@pytest.mark.parametrize(
    ("name", "schema", "operands", "attributes", "expected"),
    [
        ("add", ADD, {"self": 1, "other": 2}, {"alpha": 3}, {"self": 1, "other": 2, "alpha": 3}),
        ("_softmax", SOFTMAX, {"self": 1}, {"dim": -1}, {"self": 1, "dim": -1, "half_to_float": False}),
        ("norm", NORM, {"input": 1}, {"eps": 0.1}, {"input": 1, "weight": None, "eps": 0.1}),
        ("add", ADD, {"self": 1, "other": 2}, {"mode": 0}, {"self": 1, "other": 2}),
        ("amax", AMAX, {"self": 1}, {"dim": None}, {"self": 1}),
        ("matmul", MATMUL, {"self": 1, "mat2": 2}, {}, {"self": 1, "other": 2}),
        (
            "npu_rms_norm",
            RMS,
            {"input": 1, "weight": 2},
            {"eps": 0.1, "normalized_shape": [4]},
            {"self": 1, "gamma": 2, "epsilon": 0.1},
        ),
    ],
)
def test_arguments_go_by_name(name, schema, operands, attributes, expected):
    assert template.fitted(name, schema, operands, attributes, {"mode": 0}) == (expected, "")


@pytest.mark.parametrize(
    ("schema", "operands", "attributes", "reason"),
    [
        (ADD, {"self": 1, "mat2": 2}, {}, "it has no argument for mat2"),
        (ADD, {"self": 1, "other": 2}, {"mode": 1}, "it has no argument for mode"),
        (ADD, {"self": 1}, {}, "nothing is known to give for other"),
        (POW, {"self": 1, "exponent": 2}, {}, "it has no argument for exponent"),
    ],
)
def test_a_function_that_does_not_fit_is_not_called(schema, operands, attributes, reason):
    assert template.fitted("add", schema, operands, attributes, {"mode": 0}) == ({}, reason)
