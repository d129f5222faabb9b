"""`npusim judge`: verdicts, exit codes, operands and attributes as people type them."""

import json

import pytest

from npusim.cli import main
from npusim.cli.judge import read_call
from npusim.errors import CallError
from npusim.operators import OPERATORS

SENTENCE = "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]"
FOUNDING = ("x1=float32[16,1280]", "x2=bfloat16[1280,1280]")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("ascend910b", "aclnnMatmulAllReduce", *FOUNDING), 1, SENTENCE),
        (("ascend910b", "matmul_all_reduce", *FOUNDING), 1, "DT_FLOAT16,DT_BFLOAT16,]"),
        (("ascend910b", "ACLNNMATMULALLREDUCE", *FOUNDING), 1, SENTENCE),
        (("ascend910b", "aclnnMatmulAllReduce", "x1=bf16[16,1280]", "x2=bf16[1280,1280]"), 0, "accepted"),
        (("ascend310p", "aclnnMatmulAllReduce", "x1=bf16[16,1280]", "x2=bf16[1280,1280]"), 1, "DT_BFLOAT16"),
        (("ascend910b", "matmul", "self=float32[4,8]", "mat2=float32[8,4]"), 0, "out=float32[4,4]"),
        (("ascend310p", "matmul", "self=float32[4,8]", "mat2=float32[8,4]"), 0, "rounded to float16 first"),
        (("ascend910b", "mul", "self=bfloat16[4]", "other=float32[4]"), 0, "gives    out=float32[4]"),
        (("ascend910b", "reshape", "float16[2,3]", "shape=6"), 0, "nowhere: it is a view"),
        (("ascend910b", "scaled_dot_product_attention", *["float16[1,4,8]"] * 3, "bool[4,4]"), 0, "no facts on"),
        (("ascend910b", "split", "float16[6]", "split_size=2,4"), 0, "gives    out=float16[2], out=float16[4]"),
    ],
)
def test_a_verdict(capsys, words, code, said):
    assert main(["judge", *words]) == code
    out, err = capsys.readouterr()
    assert said in out
    assert err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ascend910b", "frobnicate", "self=float16[4]"), "frobnicate"),
        (("ascend910b", "aclnnSoftmx", "self=float16[4]"), "did you mean aclnnSoftmax"),
        (("ascend999", "softmax", "self=float16[4]"), "did you mean ascend"),
        (("./nowhere.yaml", "softmax", "self=float16[4]"), "there is no such file"),
        (("ascend910b", "softmax", "self=float17[4]"), "float17"),
        (("ascend910b", "softmax", "slef=float16[4]"), "did you mean self?"),
        (("ascend910b", "softmax", "float16[4"), "expected a dtype and a shape"),
        (("ascend910b", "softmax", "self="), "expected a dtype and a shape"),
        (("ascend910b", "softmax", f"float16[{'9' * 5000}]"), "expected a dtype and a shape"),
        (("ascend910b", "softmax", "float16[4]", "float16[4]"), "takes 1 operands, not 2"),
        (("ascend910b", "softmax", "float16[4]", "self=float16[4]"), "two operands for port 'self'"),
        (("ascend910b", "softmax", "self=float16[4]", "self=float16[4]"), "takes one operand, not 2"),
        (("ascend910b", "softmax", "float16[4]", "dim=0", "dim=0"), "attribute 'dim' is given twice"),
        (("ascend910b", "softmax", "float16[4]", "dim=first"), "of type int, not 'first'"),
        (("ascend910b", "softmax", "float16[4]", "dim=" + "(" * 9999), "of type int"),
        (("ascend910b", "softmax", "float16[4]", "dim={1: 2}"), "of type int"),
        (("ascend910b", "softmax", "float16[4]", "dim=7"), "dim=7"),
        (("ascend910b", "softmax"), "lacks self"),
        (("ascend910b",), "OPERATOR"),
        (("ascend910b", "softmax", "float16[4]", "--frobnicate"), "--frobnicate"),
        (("ascend910b", "softmax", "float16[4]", "--format", "xml"), "'xml'"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(capsys, words, said):
    assert main(["judge", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("npusim: ")
    assert said in err
    assert err.count("\n") == 1


def test_an_unknown_verdict_has_its_own_exit_code(capsys, tmp_path):
    path = tmp_path / "mychip.yaml"
    path.write_text("npusim: 1\nid: mychip\noperators: {add: unknown}\n")
    assert main(["judge", str(path), "add", "float16[4]", "float16[4]"]) == 3
    out, _ = capsys.readouterr()
    assert out.startswith("unknown: add(")
    assert "no facts" in out
    assert "runs" not in out


def test_a_broken_profile_gives_file_line_and_column(capsys, tmp_path):
    path = tmp_path / "mychip.yaml"
    path.write_text("npusim: 1\nid: mychip\noperatrs: {}\n")
    assert main(["judge", str(path), "add", "float16[4]", "float16[4]"]) == 2
    assert f"{path}:3:" in capsys.readouterr().err


def test_options_may_stand_between_the_words(capsys):
    assert main(["judge", "--format", "json", "ascend910b", "softmax", "--stack", "8.2", "float16[4]", "dim=0"]) == 0
    assert json.loads(capsys.readouterr().out)["call"]["attributes"] == {"dim": 0}


class TestJson:
    def test_it_has_the_fields_of_a_verdict_and_of_a_violation(self, capsys):
        assert main(["judge", "ascend910b", "aclnnMatmulAllReduce", *FOUNDING, "--format", "json"]) == 1
        verdict = json.loads(capsys.readouterr().out)
        assert list(verdict) == ["status", "call", "violations", "placement", "notes"]
        fields = "code profile operator api port found allowed text hint source confidence site origin"
        assert list(verdict["violations"][0]) == fields.split()
        assert verdict["status"] == "rejected"
        assert verdict["violations"][0]["allowed"] == ["float16", "bfloat16"]
        assert verdict["violations"][0]["text"].startswith(SENTENCE)

    def test_it_is_the_same_every_time(self, capsys):
        runs = []
        for _ in range(2):
            main(["judge", "ascend910b", "aclnnMatmulAllReduce", *FOUNDING, "--format", "json"])
            runs.append(capsys.readouterr().out)
        assert runs[0] == runs[1]

    def test_there_is_no_site_on_a_command_line(self, capsys):
        main(["judge", "ascend910b", "aclnnMatmulAllReduce", *FOUNDING, "--format", "json"])
        assert json.loads(capsys.readouterr().out)["violations"][0]["site"] is None


class TestWording:
    def test_the_stack_version_chooses_it(self, capsys):
        words = ["judge", "ascend910b", "aclnnMatmulAllReduce", *FOUNDING]
        main([*words, "--stack", "8.1.RC1"])
        main([*words, "--stack", "8.2"])
        old, new = [line for line in capsys.readouterr().out.splitlines() if "DT_FLOAT," in line and "x1" in line[:10]]
        assert old.startswith("x1 not implemented for DT_FLOAT")
        assert new.startswith("Tensor x1 not implemented for DT_FLOAT")

    def test_the_framework_wraps_it_if_asked(self, capsys):
        main(["judge", "ascend910b", "aclnnMatmulAllReduce", *FOUNDING, "--wrapped"])
        first = capsys.readouterr().out.splitlines()[0]
        assert first.startswith("call aclnnMatmulAllReduce failed, detail:EZ1001: [PID: ")
        assert SENTENCE in first


class TestReading:
    @pytest.mark.parametrize(
        ("operator", "words", "attributes"),
        [
            ("softmax", ("float16[4,4]", "dim=-1"), {"dim": -1}),
            ("sum", ("float16[4,4]", "dim=0,1", "keepdim=true"), {"dim": (0, 1), "keepdim": True, "dtype": None}),
            ("sum", ("float16[4,4]", "dim=(1,)", "dtype=fp32"), {"dim": (1,), "keepdim": False, "dtype": "float32"}),
            ("sum", ("float16[4,4]", "dim=none", "keepdim=False"), {"dim": None, "keepdim": False, "dtype": None}),
            ("add", ("float16[4]", "float16[4]", "alpha=2.5"), {"alpha": 2.5}),
            ("gelu", ("float16[4]", "approximate=none"), {"approximate": "none"}),
            ("gelu", ("float16[4]", "approximate=tanh"), {"approximate": "tanh"}),
        ],
    )
    def test_attributes(self, operator, words, attributes):
        assert dict(read_call(OPERATORS[operator], words).attributes) == attributes

    def test_a_variadic_port_is_repeated(self):
        named = read_call(OPERATORS["cat"], ("tensors=float16[2,3]", "tensors=float16[4,3]"))
        assert named == read_call(OPERATORS["cat"], ("float16[2,3]", "float16[4,3]"))
        assert [str(o.type) for o in named.operands["tensors"]] == ["float16[2,3]", "float16[4,3]"]

    @pytest.mark.parametrize(
        "words", [("float16[2,4]", "float16[3,4]", "none"), ("float16[2,4]", "float16[3,4]", "bias=None")]
    )
    def test_none_leaves_a_port_out(self, words):
        assert read_call(OPERATORS["linear"], words).operands["bias"] == ()

    def test_nothing_is_evaluated(self):
        with pytest.raises(CallError, match="of type int"):
            read_call(OPERATORS["softmax"], ("float16[4]", "dim=__import__('os').getpid()"))


def test_an_operand_can_be_a_constant(capsys, tmp_path):
    profile = tmp_path / "mychip.yaml"
    profile.write_text("npusim: 1\nid: mychip\noperators: {matmul: {rules: [{constant: mat2}]}}\n")
    assert main(["judge", str(profile), "matmul", "float16[2,3]", "float16[3,4]"]) == 1
    assert "mat2 must be a constant" in capsys.readouterr().out
    assert main(["judge", str(profile), "matmul", "float16[2,3]", "const:float16[3,4]"]) == 0


def test_an_operand_by_position_may_have_details(capsys):
    assert main(["judge", "rk3588", "relu", "int8[1,8,4,4]{scale=0.1,zero=0}"]) == 0
    assert capsys.readouterr().out.startswith("accepted: relu(self=int8[1,8,4,4])")
    assert main(["judge", "rk3588", "relu", "int8[1,8,4,4]{scale=x}"]) == 2
    assert "scale='x' of an operand" in capsys.readouterr().err


def test_near_names_are_said_once(capsys):
    assert main(["judge", "ascend910b", "matmool", "float16[2]"]) == 2
    err = capsys.readouterr().err
    assert "matmul" in err
    assert err.count("matmul ") + err.count("matmul?") <= 1
