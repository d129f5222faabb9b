"""The shipped profiles: every rule can be met and broken, lists are the YAML's, messages are the vendor's."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

import npusim
from npusim.call import Call, TensorType
from npusim.dtypes import DTYPES, dtype
from npusim.errors import ConstraintError, DtypeNotSupportedError, NPUError
from npusim.operators import COMPUTED, OPERATORS, infer
from npusim.profiles import Profile, available, find_operator, load
from npusim.profiles.rules import KINDS
from npusim.profiles.samples import accepted
from npusim.profiles.trials import Known, Trial, trials
from npusim.profiles.words import Confidence
from npusim.resources import folder
from npusim.simulator import Status, Violation, judge

PROFILES = available()
THROUGH = [(name, frontend) for name in PROFILES for frontend in load(name).frontends or (None,)]
_KNOWN: Known = {}


@pytest.mark.parametrize(("profile", "frontend"), THROUGH)
def test_what_is_offered_has_an_accepted_call_and_every_rule_one_that_breaks_it(profile: str, frontend: str | None):
    """All at once: the trials take long, and an entry that several chips share is tried once."""
    loaded = load(profile, frontend=frontend)
    amiss = [complaint for trial in trials(loaded, 3, _KNOWN) for complaint in _complaints(loaded, trial)]
    assert amiss == []


def _complaints(profile: Profile, trial: Trial) -> Iterator[str]:
    if trial.accepts_nothing:
        yield f"{trial.entry.mark}: nothing was found that {trial.operator} accepts"
    for negative in trial.unbroken:
        rule, port = negative.check.rule.key, negative.port or "any port"
        yield f"{negative.check.mark}: nothing was found that breaks this {rule} of {trial.operator} on {port}"
    entries = (trial.entry, *(variant for _, variant in trial.entry.variants))
    tried = {(negative.check.mark, negative.check.rule.key) for negative in trial.negatives}
    for check in (check for one in entries for check in one.checks):
        # a check on a port may be moot in a variant that says that the port is absent
        if check.rule.targets and not trial.entry.variants and (check.mark, check.rule.key) not in tried:
            yield f"{check.mark}: this {check.rule.key} was not tried"
    if any(judge(profile, call).status is Status.REJECTED for call in trial.positives):
        yield f"{trial.entry.mark}: a call of {trial.operator} was said to be accepted and is not"
    for negative in trial.negatives:
        if negative.call is not None:
            verdict = judge(profile, negative.call)
            broken = {v.port for v in verdict.violations if v.code == negative.check.rule.code}
            if not broken or negative.port not in {"", *broken}:
                yield f"{negative.check.mark}: the call was said to break this and does not"
            yield from (f"{negative.check.mark}: {v}" for v in verdict.violations if not _is_whole(v, profile))


_CODES = {kind.code for kind in KINDS.values()}


def _is_whole(violation: Violation, profile: Profile) -> bool:
    return (
        all((violation.text, violation.hint, violation.source))
        and re.search(r"\{\w+\}", violation.text) is None
        and violation.profile == profile.id
        and violation.confidence in set(Confidence) - {Confidence.UNKNOWN}
        and violation.code in _CODES
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_every_entry_names_its_source_and_confidence(profile: str):
    for name, entry in load(profile).operators.items():
        assert entry.unknown or entry.source, name
        assert entry.unknown or entry.confidence is not Confidence.UNKNOWN, name


@pytest.mark.parametrize("profile", PROFILES)
def test_a_vendors_name_leads_to_the_operator_whose_name_it_is(profile: str):
    loaded = load(profile)
    for name, operator in loaded.names.items():
        entry = loaded.operators[operator]
        names = {n.lower() for one in (entry, *(v for _, v in entry.variants)) for n in (one.api, *one.aliases)}
        assert name in names


@pytest.mark.parametrize(
    ("api", "operator"),
    [("aclnnMm", "mm"), ("aclnnAddmm", "addmm"), ("aclnnPermute", "permute"), ("ACLNNCAST", "cast"),
     ("aclnnGeluV2", "gelu"), ("aclnnMatmulAllReduceV2", "matmul_all_reduce"), ("aclnnBatchMatMul", "bmm"),
     ("aclnnInplaceAdd", "add"), ("concat", "cat")],
)  # fmt: skip
def test_names_that_several_operators_use_lead_to_the_plain_one(api: str, operator: str):
    assert find_operator(load("ascend910b"), api).name == operator


# An independent reading of the YAML: no code of the loader.


def _layers(name: str) -> list[dict[str, Any]]:
    """The files of a profile, whatever is laid over another after it."""
    root = folder("device_profiles")
    file = next(path for path in (root / f"{name}.yaml", root / "families" / f"{name}.yaml") if path.exists())
    layer = yaml.safe_load(file.read_text())
    parents = layer.get("extends", [])
    return [one for parent in ([parents] if isinstance(parents, str) else parents) for one in _layers(parent)] + [layer]


@cache
def _raw(profile: str) -> tuple[dict[str, Any], dict[str, bool]]:
    operators: dict[str, Any] = {}
    features: dict[str, bool] = {}
    for layer in _layers(profile):
        features |= layer.get("features", {})
        for keys, entry in layer.get("operators", {}).items():
            for name in keys.split(", "):
                whole = isinstance(entry, dict) and isinstance(operators.get(name), dict)
                operators[name] = {**operators[name], **entry} if whole else entry
    return operators, features


def _gated(items: Any, features: dict[str, bool]) -> list[str]:
    kept = []
    for item in items if isinstance(items, list) else [items]:
        name, *gate = item.split(" ")
        if not gate or features[gate[1]] is (gate[0] == "if"):
            kept.append(name)
    return kept


def _lists(profile: str) -> list[tuple[str, str, list[str]]]:
    """Operator, port and listed dtypes, for every list of `ports`."""
    operators, features = _raw(profile)
    found = []
    for operator, entry in operators.items():
        for ports, value in entry.get("ports", {}).items() if isinstance(entry, dict) else ():
            dtypes = value["dtypes"] if isinstance(value, dict) else value
            if dtypes != "unknown":
                found += [(operator, port, _gated(dtypes, features)) for port in ports.split(", ")]
    return found


LISTS = [(p, *row) for p in ("ascend910b", "ascend310p") for row in _lists(p) if row[0] in COMPUTED]


def _forbidden(profile: str, operator: str, port: str) -> set[str]:
    return {
        row.name
        for check in load(profile).operators[operator].checks
        if check.rule.key == "forbid_dtype"
        for where, rows in check.rule.lists
        if where == port
        for row in rows
    }


@cache
def _samples(profile: str, operator: str) -> tuple[Call, ...]:
    return tuple(islice(accepted(load(profile), operator), 40))


@pytest.mark.parametrize(("profile", "operator", "port", "listed"), LISTS)
def test_a_dtype_is_taken_if_and_only_if_it_is_listed(profile: str, operator: str, port: str, listed: list[str]):
    loaded, row = load(profile), OPERATORS[operator]
    if port not in {p.name for p in row.inputs}:
        return  # an output's dtype follows from the inputs; the negatives cover it
    taken = {o.type.dtype.name for call in _samples(profile, operator) for o in call.operands[port]}
    assert taken <= set(listed) - _forbidden(profile, operator, port)
    sample = max(_samples(profile, operator), key=lambda call: bool(call.operands[port]))
    (result, *_) = infer(row, sample)
    npu = npusim.device(loaded)
    for name in DTYPES:
        operands = {p: tuple(o.type for o in found) for p, found in sample.operands.items()}
        operands[port] = tuple(TensorType(dtype(name), t.shape) for t in operands[port] or (result,))
        given = {p: (types if p == "tensors" else types[0]) for p, types in operands.items() if types}
        try:
            verdict = npu.judge(operator, **given, **sample.attributes)
        except npusim.CallError:
            continue  # no common dtype with the other operands, on any chip
        refused = [v for v in verdict.violations if v.code == "NPU101" and v.port == port]
        assert bool(refused) is (name not in listed), name
        for violation in refused:
            assert violation.found == name
            assert violation.allowed == tuple(listed)


def test_the_two_chips_differ_where_the_sources_say():
    a2, p = load("ascend910b"), load("ascend310p")
    assert (a2.numerics.overflow, p.numerics.overflow) == ("inf_nan", "saturate")
    assert (a2.numerics.matmul, dict(p.numerics.matmul)) == ({}, {"float32": "float16"})
    assert (a2.soc, p.soc) == ("Ascend910B", "Ascend310P")
    assert a2.ancestors == p.ancestors
    assert a2.ancestors[-1] == "ascend"


# Golden messages. Real ones, from public issues, are quoted with their source.

SELF = (
    "[DT_FLOAT16,DT_FLOAT,DT_DOUBLE,DT_INT8,DT_UINT8,DT_INT16,DT_INT32,DT_INT64,DT_UINT16,DT_UINT32,DT_UINT64,DT_BOOL,"
)
SELF += "DT_COMPLEX64,DT_COMPLEX128,]"
F16, BF16, F32 = "float16[2,4]", "bfloat16[2,4]", "float32[2,4]"
NINE = "float16[1,1,1,1,1,1,1,1,2]"
MC2 = {"x1": "float32[16,1280]", "x2": "bfloat16[1280,1280]"}
MC2_310P = {"x1": "bfloat16[16,1280]", "x2": "float16[1280,1280]"}

# stack, chip, operator, operands and attributes, port, sentence
GOLDEN: list[tuple[str, str, str, dict[str, Any], str, str]] = [
    # LlamaFactory#4165 (1) and #7522 (4): aclnnCast of a bfloat16 tensor where the chip has none
    ("8.1.RC1", "ascend310p", "aclnnCast", {"self": BF16, "dtype": "float32"}, "self",
     f"self not implemented for DT_BFLOAT16, should be in dtype support list {SELF}."),
    ("8.5", "ascend310p", "aclnnCast", {"self": BF16, "dtype": "float32"}, "self",
     f"Tensor self not implemented for DT_BFLOAT16, should be in dtype support list {SELF}."),
    # LlamaFactory#4165 (2), with the three unsigned dtypes that the list has gained since (aclnn_cast.cpp:133)
    ("8.1.RC1", "ascend310p", "aclnnCast", {"self": F32, "dtype": "bfloat16"}, "dtype",
     f"The param dtype not implemented for DT_BFLOAT16, should be in dtype support list {SELF}."),
    # InternLM/lmdeploy#3237: the founding case, on both chips and in both generations
    ("8.1.RC1", "ascend910b", "aclnnMatmulAllReduce", MC2, "x1",
     "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]."),
    ("8.5", "ascend910b", "aclnnMatmulAllReduce", MC2, "x1",
     "Tensor x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]."),
    ("8.1.RC1", "ascend310p", "aclnnMatmulAllReduce", MC2, "x1",
     "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,]."),
    ("8.1.RC1", "ascend310p", "aclnnMatmulAllReduce", MC2_310P, "x1",
     "x1 not implemented for DT_BFLOAT16, should be in dtype support list [DT_FLOAT16,]."),
    ("8.5", "ascend310p", "aclnnMatmulAllReduce", MC2_310P, "x1",
     "Tensor x1 not implemented for DT_BFLOAT16, should be in dtype support list [DT_FLOAT16,]."),
    # sgl-project/sglang#14159 (6): more than 8 dimensions
    ("8.1.RC1", "ascend910b", "add", {"self": NINE, "other": F16[:10] + "2]"}, "self",
     "the self tensor cannot be larger than 8 dimensions."),
    ("8.5", "ascend910b", "add", {"self": NINE, "other": F16[:10] + "2]"}, "self",
     "The self tensor cannot be larger than 8 dimensions."),
    ("8.1.RC1", "ascend910b", "cos", {"self": NINE}, "self", "the input tensor cannot be larger than 8 dimensions."),
    ("8.1.RC1", "ascend910b", "rotary_position_embedding", {"x": F16, "cos": F16, "sin": F16}, "x",
     "the x tensor must have at least 3 dimensions."),
    ("8.1.RC1", "ascend910b", "matmul_all_reduce", {"x1": "float16[2,4]", "x2": "float16[4]"}, "x2",
     "expected 2 dimensions input, but got x2 with sizes [4]."),
    ("8.5", "ascend910b", "matmul_all_reduce", {"x1": "float16[2,4]", "x2": "float16[4]"}, "x2",
     "Expected 2 dimension input, but got x2 with sizes [4]."),
    # same dtype
    ("8.1.RC1", "ascend910b", "matmul_all_reduce", {"x1": "float16[2,4]", "x2": "bfloat16[4,4]"}, "x2",
     "expected both tensors to have same dtype, but found x1 DT_FLOAT16 and x2 DT_BFLOAT16."),
    ("8.5", "ascend910b", "matmul_all_reduce", {"x1": "float16[2,4]", "x2": "bfloat16[4,4]"}, "x2",
     "Expected both tensors to have same dtype, but found x1 DT_FLOAT16 and x2 DT_BFLOAT16."),
    ("8.1.RC1", "ascend910b", "layer_norm",
     {"input": F16, "weight": "float16[4]", "bias": "float32[4]", "normalized_shape": 4}, "bias",
     "expected both tensors to have same dtype, but found weightOptional DT_FLOAT16 and biasOptional DT_FLOAT."),
    # bfloat16 guards: the list shows it, the chip has none
    ("8.1.RC1", "ascend310p", "rsqrt", {"self": BF16}, "self",
     "Self dtype DT_BFLOAT16 is unsupported by the current SOC version [Ascend310P]."),
    ("8.5", "ascend310p", "sigmoid", {"self": BF16}, "self",
     "Self dtype DT_BFLOAT16 is unsupported by the current SOC version [Ascend310P]."),
    ("8.1.RC1", "ascend310p", "pow", {"self": F16, "exponent": BF16}, "exponent",
     "Input dtype of pow is not support bfloat16 in current socversion."),
    ("8.1.RC1", "ascend310p", "gelu", {"self": BF16, "approximate": "tanh"}, "self",
     "Input dtype of gelu_v2 is not support bfloat16 in current socversion."),
    ("8.1.RC1", "ascend310p", "matmul", {"self": "bfloat16[2,4]", "mat2": "float32[4,4]"}, "self",
     "self not implemented for DT_BFLOAT16, should be in dtype support list [DT_FLOAT,DT_FLOAT16,]."),
    ("8.1.RC1", "ascend310p", "relu", {"self": BF16}, "self",
     "Self dtype DT_BFLOAT16 should be in dtype support list "
     "[DT_FLOAT,DT_FLOAT16,DT_INT8,DT_UINT8,DT_INT32,DT_INT64,]."),
    # vllm-project/vllm-ascend#6490 (12): a generated entry prints the whole row
    ("8.5", "ascend310p", "rms_norm", {"input": BF16, "weight": "bfloat16[4]", "normalized_shape": 4}, "input",
     "Io input dtype or format is not supported, get io input info is x(DT_BFLOAT16, ND) gamma(DT_BFLOAT16, ND) "
     "yOut(DT_BFLOAT16, ND) rstdOut(DT_FLOAT, ND) but supported list is:"),
    ("8.1.RC1", "ascend910b", "rms_norm", {"input": F16, "weight": "bfloat16[4]", "normalized_shape": 4}, "weight",
     "Io input dtype or format is not supported, get io input info is x(DT_FLOAT16, ND) gamma(DT_BFLOAT16, ND) "
     "yOut(DT_FLOAT16, ND) rstdOut(DT_FLOAT, ND) but supported list is:"),
    # tensor lists
    ("8.1.RC1", "ascend310p", "cat", {"tensors": [F16, BF16]}, "tensors",
     "tensor 1 not implemented for DT_BFLOAT16, should be in dtype support list [DT_FLOAT,DT_INT32,DT_INT64,DT_FLOAT16,"
     "DT_INT16,DT_INT8,DT_UINT8,DT_DOUBLE,DT_COMPLEX64,DT_BOOL,]."),
    # comparisons print what the operands promote to
    ("8.1.RC1", "ascend910b", "eq", {"self": "uint16[2]", "other": "uint16[2]"}, "self",
     "Self dtype DT_UINT16 and other dtype DT_UINT16 get promoteType dtype DT_UINT16 should be in dtype support list "
     "[[DT_FLOAT,DT_INT32,DT_INT64,DT_FLOAT16,DT_INT16,DT_INT8,DT_UINT8,DT_BFLOAT16,DT_BOOL,DT_DOUBLE,DT_COMPLEX64,"
     "DT_COMPLEX128,]]."),
]  # fmt: skip


@pytest.mark.parametrize(("stack", "chip", "operator", "given", "port", "sentence"), GOLDEN)
def test_the_sentence_is_the_vendors_to_the_character(
    stack: str, chip: str, operator: str, given: dict[str, Any], port: str, sentence: str
):
    npu = npusim.device(chip, stack=stack)
    verdict = npu.judge(operator, **given)
    first = verdict.violations[0]
    assert (first.port, first.text) == (port, sentence)


def test_the_default_stack_speaks_as_8_1_rc1():
    assert load("ascend910b").stack.version == "8.1.RC1"
    first = npusim.device("ascend910b").judge("matmul_all_reduce", **MC2).violations[0]
    assert first.text == GOLDEN[3][-1]


def _caught(npu: npusim.Device, operator: str, *operands: Any, **named: Any) -> NPUError:
    with pytest.raises(NPUError) as caught:
        npu.run(operator, *operands, **named)
    return caught.value


def _masked(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d\.\d{3}\.\d{3}", "TIME", text)
    return re.sub(r"\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d", "DATE", re.sub(r"PID: ?\d+", "PID", text))


def test_wrapped_messages_begin_as_torch_npu_prints_them(zeros: Any):
    sentence = GOLDEN[0][-1]
    old = _caught(npusim.device("ascend310p", wrapped=True), "cast", zeros("bfloat16", 2), dtype="float32")
    assert _masked(str(old)).splitlines()[0] == f"call aclnnCast failed, detail:EZ1001: [PID] TIME {sentence}"
    new = _caught(npusim.device("ascend310p", wrapped=True, stack="8.5"), "cast", zeros("bfloat16", 2), dtype="float32")
    assert _masked(str(new)).splitlines()[:3] == [
        "cast:build/CMakeFiles/torch_npu.dir/compiler_depend.ts:0 NPU function error: call aclnnCast failed, "
        "error code is 161002",
        "[ERROR] DATE (PID, Device:0, RankID:-1) ERR00100 PTA call acl api failed.",
        f"[PID] TIME AclNN_Parameter_Error(EZ1001): Tensor {sentence}",
    ]


def test_unwrapped_messages_begin_with_the_sentence_and_go_on_in_our_words(zeros: Any):
    error = _caught(npusim.device("ascend910b"), "matmul_all_reduce", zeros("float32", 2, 4), zeros("bfloat16", 4, 4))
    lines = str(error).splitlines()
    assert lines[0] == GOLDEN[3][-1]
    assert lines[1] == "  rule     NPU101 on ascend910b: matmul_all_reduce (aclnnMatmulAllReduce), port x1"
    assert lines[2].startswith(f"  at       {Path(__file__).relative_to(Path.cwd())}:")
    rest = "\n".join(lines[3:])
    assert "  found    float32\n" in rest
    assert "  allowed  float16, bfloat16\n" in rest
    assert "  repair   cast x1 to bfloat16\n" in rest
    assert "aclnn_matmul_all_reduce.cpp:33 (documented)" in rest
    assert "  and 1 more:\n    NPU103 x2: expected both tensors to have same dtype" in rest


def test_the_exception_is_of_the_kind_of_the_rule(zeros: Any):
    npu = npusim.device("ascend910b")
    dtype_error = _caught(npu, "matmul_all_reduce", zeros("float32", 2, 4), zeros("float32", 4, 4))
    rank_error = _caught(npu, "add", zeros("float16", *[1] * 9), zeros("float16", 1))
    assert type(dtype_error) is DtypeNotSupportedError
    assert type(rank_error) is ConstraintError
