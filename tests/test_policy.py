"""What follows from a verdict: an exception, a record, the host, or a narrower dtype."""

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import npusim
from npusim import (
    CallError,
    ConstraintError,
    DtypeNotSupportedError,
    NotOfferedError,
    NPUError,
    NpusimError,
    UnknownVerdictError,
    UnknownVerdictWarning,
    UsageError,
)
from npusim import errors as all_errors
from npusim.profiles.words import Placement

Make = Callable[..., npusim.Device]
Write = Callable[..., Path]
BODY = """operators:
  add:
    api: vendorAdd
    ports:
      self, other: [float16, float32, int32]
    rules: [rank: {self: ..2}]
    source: a document
    confidence: documented
  exp: {rules: [not_offered: no kernel]}
  cat: {ports: {tensors: [int32, float32]}}
  cast: {ports: {self: [int32, float32]}}
"""
NARROW = "enforcement: narrow\nnarrows: {int64: int32, float64: float32}\n"
WIDE = np.arange(3, dtype=np.int64)


@pytest.fixture
def chip(make_device: Make, write_profile: Write) -> Callable[..., npusim.Device]:
    return lambda head="", **options: make_device(write_profile(head + BODY), **options)


@pytest.mark.parametrize(
    ("operator", "operands", "kind", "builtin"),
    [
        ("add", [WIDE, WIDE], DtypeNotSupportedError, TypeError),
        ("add", [np.zeros((1, 1, 1), np.float16)] * 2, ConstraintError, ValueError),
        ("exp", [np.zeros(1, np.float16)], NotOfferedError, NotImplementedError),
    ],
)
def test_a_rejection_raises_the_exception_of_its_rule(
    operator: str, operands: list[Any], kind: type[NPUError], builtin: type[Exception], chip: Make
):
    npu = chip()
    for expected in (kind, builtin, NPUError, RuntimeError, NpusimError):
        with pytest.raises(expected) as caught:
            npu.run(operator, *operands)
        assert type(caught.value) is kind
    assert npu.executor.ran == []
    assert npu.verdicts == []


def test_an_exception_carries_the_fields_of_its_first_violation(chip: Make):
    with pytest.raises(NPUError) as caught:
        chip().run("add", WIDE, WIDE)
    error = caught.value
    assert error.violation is error.violations[0] is error.verdict.violations[0]
    assert (error.code, error.profile, error.operator, error.api) == ("NPU101", "chip", "add", "vendorAdd")
    assert (error.port, error.found, error.allowed) == ("self", "int64", ("float16", "float32", "int32"))
    assert (error.source, error.confidence, error.hint) == ("a document", "documented", "cast self to int32")
    assert error.text == str(error).splitlines()[0]
    assert error.site.file == __file__
    assert error.origin is None
    assert [v.port for v in error.violations] == ["self", "other"]
    with pytest.raises(AttributeError, match="'DtypeNotSupportedError' object has no attribute 'colour'"):
        _ = error.colour


def test_every_exception_is_ours_and_survives_a_pickle():
    kinds = [found for found in vars(all_errors).values() if isinstance(found, type) and issubclass(found, Exception)]
    plain = [kind for kind in kinds if not issubclass(kind, (NPUError, all_errors.UnknownNameError))]
    raised = [kind("words") for kind in plain]
    raised += [kind("fuond", ("found",), "here") for kind in kinds if issubclass(kind, all_errors.UnknownNameError)]
    assert all(issubclass(kind, NpusimError) for kind in kinds)
    for error in raised:
        for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (UsageError, ValueError),
        (CallError, UsageError),
        (npusim.UnknownDtypeError, UsageError),
        (npusim.UnknownOperatorError, UsageError),
        (npusim.UnknownProfileError, UsageError),
        (npusim.ProfileError, ValueError),
        (UnknownVerdictError, RuntimeError),
        (npusim.ExecutionError, RuntimeError),
        (npusim.KernelTimeout, TimeoutError),
        (npusim.KernelTimeout, npusim.ExecutionError),
        (npusim.KernelCrashed, npusim.ExecutionError),
        (npusim.NoRuntimeError, npusim.ExecutionError),
        (npusim.KernelBuildError, npusim.ExecutionError),
    ],
)
def test_an_exception_is_also_the_builtin_one_would_expect(kind: type[Exception], builtin: type[Exception]):
    assert issubclass(kind, builtin)
    assert issubclass(kind, NpusimError)


def test_recording_runs_on_the_device_and_keeps_the_verdict(chip: Make):
    npu = chip(policy="record")
    result = npu.run("add", WIDE, WIDE)
    assert result.tolist() == [0, 2, 4]
    assert npu.run("add", np.ones(1, np.float32), np.ones(1, np.float32)).tolist() == [2]
    assert npu.executor.ran == ["add", "add"]
    (verdict,) = npu.verdicts
    assert verdict.status == "rejected"
    assert verdict.call.site.file == __file__


def test_falling_back_runs_on_the_host_and_says_so(chip: Make):
    npu = chip("enforcement: fallback\n")
    assert npu.policy is npusim.Policy.FALLBACK
    assert npu.run("add", WIDE, WIDE).dtype == np.int64
    assert (npu.executor.ran, npu._host.ran) == ([], ["add"])
    assert [verdict.placement for verdict in npu.verdicts] == [Placement.HOST]


def test_narrowing_converts_silently(chip: Make):
    npu = chip(NARROW)
    assert npu.policy is npusim.Policy.NARROW
    result = npu.run("add", WIDE, WIDE)
    assert result.dtype == np.int32
    assert result.tolist() == [0, 2, 4]
    assert npu.run("add", WIDE, other=WIDE).dtype == np.int32
    assert npu.run("add", np.full(1, 1e300), np.zeros(1)).tolist() == [np.inf]
    assert npu.verdicts == []


@pytest.mark.parametrize("spread", [True, False])
def test_narrowing_reaches_the_tensors_of_a_list(chip: Make, spread: bool):
    operands = (WIDE, WIDE.astype(np.int32))
    result = chip(NARROW).run("cat", *operands) if spread else chip(NARROW).run("cat", list(operands))
    assert result.dtype == np.int32


def test_narrowing_arrays_runs_no_cast_and_remembers_its_line(chip: Make):
    npu = chip(NARROW)
    x = npu.xp.asarray(WIDE)
    result = x + x
    assert npu.executor.ran == ["add"]
    assert (result.dtype.name, result.birth.origin.operator) == ("int32", "narrow(int64)")
    assert result.birth.origin.file == __file__
    assert x.astype("float32").dtype.name == "float32"


def test_narrowing_that_does_not_help_raises_what_was_found(chip: Make):
    with pytest.raises(ConstraintError, match="self has 3 dimensions"):
        chip(NARROW).run("add", np.zeros((1, 1, 1), np.float32), np.zeros(1, np.float32))
    with pytest.raises(DtypeNotSupportedError, match="self does not take uint8"):
        chip(NARROW).run("add", np.zeros(1, np.uint8), np.zeros(1, np.uint8))


def test_an_explicit_policy_wins_over_the_stacks(chip: Make):
    with pytest.raises(DtypeNotSupportedError):
        chip(NARROW, policy=npusim.Policy.RAISE).run("add", WIDE, WIDE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "rise"}, "policy='rise': allowed are raise, record, fallback, narrow"),
        ({"on_unknown": None}, "on_unknown=None: allowed are warn, raise, pass"),
    ],
)
def test_a_wrong_option_names_what_is_allowed(options: dict[str, Any], message: str):
    with pytest.raises(CallError) as caught:
        npusim.device("ascend910b", **options)
    assert str(caught.value) == message


def test_an_unknown_verdict_warns_at_the_users_line(chip: Make):
    npu = chip()
    x = npu.xp.asarray(np.zeros(2, np.float32))
    calls: list[Callable[[], Any]] = [
        lambda: npu.run("sin", np.zeros(2)),
        lambda: npu.xp.sin(x),
        lambda: x * x,
        lambda: 2 * x,
        lambda: x.mT if x.ndim > 1 else npu.xp.cos(x),
    ]
    for made in calls:
        with pytest.warns(UnknownVerdictWarning, match="chip has no facts on") as caught:
            made()
        (warning,) = caught
        assert (warning.filename, warning.lineno) == (__file__, made.__code__.co_firstlineno)


def test_an_unknown_verdict_raises_or_passes_if_told_to(chip: Make):
    with pytest.raises(UnknownVerdictError, match="sin: chip has no facts on sin"):
        chip(on_unknown="raise").run("sin", np.zeros(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chip(on_unknown=npusim.OnUnknown.PASS).run("sin", np.zeros(2)).tolist() == [0, 0]


def test_judging_never_runs_warns_or_raises_for_a_verdict(chip: Make):
    npu = chip(on_unknown="raise")
    assert npu.judge("sin", "float32[2]").status == "unknown"
    assert npu.judge("add", "int64[2]", "int64[2]").status == "rejected"
    assert npu.executor.ran == []


def test_a_bfloat16_result_keeps_its_type(make_device: Make):
    result = make_device("ascend910b").run("mul", np.ones(2, ml_dtypes.bfloat16), 2.0)
    assert result.dtype == ml_dtypes.bfloat16
