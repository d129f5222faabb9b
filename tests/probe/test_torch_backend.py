"""The script on an Ascend machine, as far as that can be shown without one: stand-ins for torch and torch_npu."""

import json

import pytest

from npusim.probe.confirm import Kind
from npusim.probe.script import script
from npusim.profiles import load
from tests.probe.conftest import confirmed, run_script

PROFILE = """\
npusim: 1
id: chip
name: A chip
soc: Ascend1
stack: {name: CANN, version: "8.1.RC1", frontend: torch_npu}
dialects:
  - sentences: {dtype: "{name} not implemented for {found}"}
operators:
  neg:
    frameworks: {torch: [aten.neg_, aten.neg]}
    ports: {self: [float16, float32, int8]}
    source: the manual
    confidence: documented
  mul:
    frameworks: {torch: [aten.mul.Tensor]}
    ports: {self: [float16, float32], other: [float16, float32]}
    source: the manual
    confidence: documented
  rms_norm:
    frameworks: {torch: [npu.npu_rms_norm]}
    ports: {input: [float16], weight: [float16]}
    source: the manual
    confidence: documented
  abs:
    ports: {self: [float16]}
    source: the manual
    confidence: documented
"""

TORCH = '''
"""As much of torch as the script touches, on numpy."""
from types import SimpleNamespace as Space

import warnings
import numpy as np

__version__ = "2.1.0"
DTYPES = {"float16", "float32", "float64", "bfloat16", "bool", "int8", "int16", "int32", "int64", "uint8"}
globals().update({name: name for name in DTYPES})


class Tensor:
    def __init__(self, array, dtype="float64"):
        self.array, self.dtype = array, dtype

    def to(self, where):
        if where == "npu" and self.dtype == "float64":
            raise RuntimeError("no float64 here")
        kind = "float32" if where == "bfloat16" else where
        return self if where == "npu" else Tensor(self.array.astype(kind), where)

    def is_complex(self):
        return False

    def detach(self):
        return self

    cpu = sum = detach

    def numpy(self):
        return self.array

    def item(self):
        return self.array.sum()

    def __add__(self, other):
        return Tensor(self.array + other, self.dtype)


def ones(count):
    return Tensor(np.ones(count), "float32")


def from_numpy(array):
    return Tensor(array)


def set_warn_always(flag):
    assert flag


def operator(function, allowed, *arguments):
    def call(**given):
        if given["self"].dtype not in allowed:
            text = f"self not implemented for {given['self'].dtype}"
            raise RuntimeError(f"call aclnnX failed, detail:EZ1001: {text}\\n  and more")
        if given["self"].dtype == "int8":
            warnings.warn("'aten::neg' will fall back to run on the CPU", stacklevel=1)
        return function(**given)

    names = [Space(name=name, type="Tensor", has_default_value=lambda: False) for name in arguments]
    call._schema = Space(arguments=names)
    return call


def packet(**overloads):
    return Space(overloads=lambda: list(overloads), **overloads)


def norm(self, gamma):
    return Tensor(self.array * gamma.array), Tensor(self.array)


neg = operator(lambda self: Tensor(-self.array), {"float16", "float32", "int8"}, "self")
mul = operator(lambda self, other: Tensor((self.array * other.array).astype("float16")), {"float16"}, "self", "other")
rms = operator(norm, {"float16"}, "self", "gamma")
ops = Space(
    aten=Space(neg_=None, neg=packet(out=operator(None, set(), "self", "out"), default=neg), mul=packet(Tensor=mul)),
    npu=Space(npu_rms_norm=packet(default=rms)),
)
npu = Space(get_device_name=lambda index: "Ascend1B2", synchronize=lambda: None)
'''


@pytest.fixture
def answer_of_torch(tmp_path):
    """The profile, and what the script learnt through the stand-ins."""
    (tmp_path / "chip.yaml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "torch.py").write_text(TORCH, encoding="utf-8")
    (tmp_path / "torch_npu.py").write_text('__version__ = "2.1.0.post8"\n', encoding="utf-8")
    profile = load(tmp_path / "chip.yaml")
    (tmp_path / "ask.py").write_text(script(profile, list(profile.operators)), encoding="utf-8")
    done = run_script(tmp_path / "ask.py", "--out", "answer.json")
    assert done.returncode == 0, done.stderr
    return profile, tmp_path / "answer.json"


def test_functions_of_torch_are_asked(answer_of_torch):
    _, path = answer_of_torch
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["chip"], found["versions"]["torch_npu"]) == ("Ascend1B2", "2.1.0.post8")
    results = {}
    for case in found["cases"]:
        dtypes = tuple(one["type"].partition("[")[0] for given in case["operands"].values() for one in given)
        results.setdefault((case["operator"], *dtypes), case["result"])
    assert results["neg", "float16"] == {"status": "accepted"}
    assert "not implemented for int16" in results["neg", "int16"]["text"]
    assert results["neg", "int8"]["text"].endswith("will fall back to run on the CPU")
    assert results["neg", "complex64"]["text"] == "torch has no dtype complex64"
    assert results["neg", "float64"]["text"] == "no tensor of float64 on the device: no float64 here"
    assert results["mul", "float32", "float32"]["status"] == "refused"
    assert results["rms_norm", "float16", "float16"] == {"status": "accepted"}
    assert "nothing is known to give for gamma" in results["rms_norm", "float16"]["text"]
    assert results["abs", "float16"]["text"] == "the profile names no function of torch for it"


def test_the_sentence_is_found_in_what_torch_prints_around_it(answer_of_torch):
    found = confirmed(*answer_of_torch)
    wrong = {outcome.about for outcome in found.of(Kind.CONTRADICTS)}
    assert "mul self=float32[2,2] other=float32[2,2]" in wrong
    assert "mul self=float16[2,2] other=int8[2,2]" in wrong
    assert {about.split()[0] for about in wrong} == {"mul", "rms_norm"}
    assert "neg" in found.confirmed
    assert "numerics.overflow" in {claim.name for claim, _ in found.settled}
