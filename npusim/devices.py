"""A profile brought to life: what a user holds, asks and runs operators on."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npusim.call import Call, Operand, Site, TensorType
from npusim.dtypes import DType, Kind, dtype, promote
from npusim.errors import CallError, ExecutionError
from npusim.frontends.numpy.array import Array, Birth, operand_of, values_of
from npusim.numerics.model import IEEE
from npusim.operators import Operator, bind, infer, known_outputs
from npusim.policy import OF_ENFORCEMENT, OnUnknown, Policy, error, unknown
from npusim.profiles import Profile, find_operator, load
from npusim.profiles.words import Enforcement, Placement
from npusim.simulator import Status, Verdict, judge
from npusim.sites import caller

if TYPE_CHECKING:
    from npusim import torch as npusim_torch
    from npusim.executor import Executor
    from npusim.executor.buffers import Argument
    from npusim.frontends.numpy.namespace import Namespace


MAX_PLANS = 100_000
"""How many different calls a device remembers before it starts anew."""
_DATA = {Array, np.ndarray, type(None)}
_WITH_ORIGIN = frozenset({Array, Operand, list, tuple})
"""Types of operands that may know where their dtype was born."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a call from its operator, types and attributes alone: everything but data and lines.

    `heirs` are the positions of the operands that had the result's dtype before; `promotes` says that others had
    narrower float dtypes, so that the result's dtype may be born here.
    """

    operator: Operator
    verdict: Verdict
    outputs: tuple[TensorType, ...]
    heirs: tuple[int, ...]
    promotes: bool


class Device:
    """One simulated chip: judges calls, runs them, and keeps what its policy says to keep.

    Made by `npusim.device`. `verdicts` holds, under Policy.RECORD, the verdict of every rejected call in order; `runs`
    holds what came of every `torch` block.
    Devices may be used from several threads; each call is judged and run on its own.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        policy: Policy | None = None,
        on_unknown: OnUnknown = OnUnknown.WARN,
        wrapped: bool = False,
    ) -> None:
        self.profile = profile
        self.policy = OF_ENFORCEMENT[profile.enforcement] if policy is None else policy
        self.on_unknown = on_unknown
        self.wrapped = wrapped
        self.verdicts: list[Verdict] = []
        self.runs: list[npusim_torch.Run] = []
        self._plans: dict[Any, _Plan] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<npusim device {self.profile.id}: {self.profile.name}>"

    @cached_property
    def xp(self) -> "Namespace":
        """The array namespace of this device, in the manner of the Python array API standard."""
        from npusim.frontends.numpy.namespace import Namespace

        return Namespace(self)

    @cached_property
    def executor(self) -> "Executor":
        """What runs operators with this device's numerics; made, and OpenCL loaded, at the first use."""
        from npusim.executor import Executor

        return Executor(self.profile.numerics)

    @cached_property
    def _host(self) -> "Executor":
        from npusim.executor import Executor

        return Executor(IEEE)

    def torch(
        self,
        mode: "npusim_torch.Mode | str" = "raise",
        *,
        training: bool = False,
        lowering: str | Sequence[str] | None = None,
        execute: "bool | npusim_torch.Emulator" = False,
        observe: "Sequence[npusim_torch.Listener]" = (),
        edits: "Sequence[npusim_torch.Edit]" = (),
        origins: bool = True,
    ) -> "npusim_torch.Run":
        """Return a context manager that judges every operator PyTorch code calls: `with npu.torch() as run: ...`.

        mode      what happens on a rejection: "raise", "record" (go on, raise at the end) or "report" (never raise)
        training  see the operators of forward and backward rather than those of inference, composites whole
        lowering  names of lowering sets: what runs on the chip in place of what the model says; None is the one that
                  belongs to the profile's stack
        execute   compute with the device's numerics instead of the CPU's; an Emulator says how, if not as usual
        observe   listeners that see every call, such as npusim.torch.Finiteness
        edits     changes made to single calls, as a repair would make them
        origins   remember where every dtype was born

        Raises MissingExtraError without torch, UsageError for a mode or lowering that does not exist.
        """
        from npusim import torch as npusim_torch

        run = npusim_torch.start(
            self,
            _choice(npusim_torch.Mode, mode, "mode"),
            training=training,
            lowering=lowering,
            execute=execute,
            listeners=observe,
            edits=edits,
            origins=origins,
        )
        self.runs.append(run)
        return run

    def judge(self, operator: str, /, *operands: Any, **named: Any) -> Verdict:
        """Return the verdict on one call.

        An operand is a numpy array, an Array, an Operand, a TensorType, or text such as "float32[16,1280]"; by position
        or by port name. Attributes are given by name. The verdict of a call that was seen before comes from a cache;
        only a rejected one carries the site. Raises UnknownOperatorError or CallError for what no chip could mean.
        """
        plan = self._plan(operator, operands, named)
        return self._located(plan, operands, named) if plan.verdict.violations else plan.verdict

    def run(self, operator: str, /, *operands: Any, **named: Any) -> Any:
        """Judge a call and, as the policy says, run it: on the device's numerics, or on the host.

        Operands are numpy arrays, Arrays or Python scalars. Returns an Array if any operand is one, else a numpy array;
        a tuple where the operator has several outputs. Raises NPUError for a rejected call under Policy.RAISE,
        ExecutionError if the kernels fail.
        """
        given = values_of(operands, named.values())
        plan = self._plan(operator, given, named)
        if plan.verdict.status is not Status.ACCEPTED:
            return self._enforce(plan, given, named)
        return self._execute(plan, _inputs(plan.operator, given, named), self.executor)

    def run_kernel(
        self,
        source: str,
        name: str,
        arguments: "Sequence[Argument]",
        global_size: Sequence[int],
        local_size: Sequence[int] | None = None,
        *,
        options: Sequence[str] = (),
        timeout_s: float | None = None,
    ) -> tuple[NDArray[Any], ...]:
        """Run an OpenCL C kernel of the user's, within the profile's OpenCL limits, in a process of its own.

        Arrays are read, an `npusim.executor.Out` is written and returned, a `Local` is __local memory, numpy scalars
        are passed by value. Raises LaunchLimitError before anything runs, and what `Executor.run_kernel` raises.
        """
        from npusim.executor import Local
        from npusim.limits import check_launch

        local_bytes = sum(argument.size_bytes for argument in arguments if isinstance(argument, Local))
        check_launch(self.profile.opencl, local_size, local_bytes, self.profile.id)
        return self.executor.run_kernel(
            source, name, arguments, global_size, local_size, options=options, timeout_s=timeout_s
        )

    def run_arrays(self, operator: str, arrays: tuple[Array, ...]) -> Any:
        """As `run`, at the least cost, for one Array on every port of an operator and default attributes."""
        plan = self._plans.get((operator, *[(array.dtype, array.shape) for array in arrays]))
        if plan is None or plan.verdict.status is not Status.ACCEPTED:
            return self.run(operator, *arrays)
        return self._execute(plan, arrays, self.executor)

    def _plan(self, operator: str, operands: Sequence[Any], named: Mapping[str, Any]) -> _Plan:
        attributes = [(name, _key(value)) for name, value in named.items()] if named else ()
        try:  # arrays by position, the common case, at the least cost
            return self._plans[operator, *[(o.dtype, o.shape) for o in operands], *attributes]
        except (AttributeError, KeyError, TypeError):
            key = (operator, *map(_key, operands), *attributes)
        try:
            plan = self._plans.get(key)
        except TypeError:  # a value that cannot be hashed, which no operator takes: it will be named
            return self._learn(operator, operands, named)
        if plan is None:
            plan = self._learn(operator, operands, named)
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def _learn(self, operator: str, operands: Sequence[Any], named: Mapping[str, Any]) -> _Plan:
        """Judge a call by the pure function, without its lines: what is remembered holds for every call like it."""
        found = find_operator(self.profile, operator)
        call = self._bind(found, operands, named, None)
        outputs = known_outputs(found, call)
        plain = {port: tuple(replace(o, origin=None) for o in given) for port, given in call.operands.items()}
        verdict = judge(self.profile, replace(call, operands=MappingProxyType(plain)))
        return _Plan(found, verdict, outputs, *_heirs(call, outputs))

    def _bind(self, operator: Operator, operands: Sequence[Any], named: Mapping[str, Any], site: Site | None) -> Call:
        ports = {port.name: named[port.name] for port in operator.ports if port.name in named}
        given = [operand_of(o) for o in values_of(operands, ports.values())]
        by_port = map(operand_of, values_of(tuple(ports.values()), operands))
        return bind(operator, given, {**named, **dict(zip(ports, by_port, strict=True))}, site)

    def _located(self, plan: _Plan, operands: Sequence[Any], named: Mapping[str, Any]) -> Verdict:
        """Return a rejected verdict with the line of this call and the origins of its operands."""
        site = caller(plan.operator.name)
        if not _WITH_ORIGIN.isdisjoint(map(type, (*operands, *named.values()))):
            return judge(self.profile, self._bind(plan.operator, operands, named, site))
        violations = tuple(replace(violation, site=site) for violation in plan.verdict.violations)
        return replace(plan.verdict, call=replace(plan.verdict.call, site=site), violations=violations)

    def _enforce(self, plan: _Plan, operands: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Do what the policy says with a call that was not accepted: raise, or return a result all the same."""
        inputs = _inputs(plan.operator, operands, named)
        if plan.verdict.status is Status.UNKNOWN:
            unknown(plan.verdict, self.on_unknown)
            return self._execute(plan, inputs, self.executor)
        verdict = self._located(plan, operands, named)
        match self.policy:
            case Policy.RECORD:
                self._keep(verdict)
                return self._execute(plan, inputs, self.executor)
            case Policy.FALLBACK if self._falls_back(verdict):
                self._keep(replace(verdict, placement=Placement.HOST))
                return self._execute(plan, inputs, self._host)
            case Policy.NARROW:
                narrow = [_narrowed(o, self.profile.narrows) for o in operands]
                narrow_named = {name: _narrowed(value, self.profile.narrows) for name, value in named.items()}
                narrower = self._plan(plan.operator.name, narrow, narrow_named)
                if narrower.verdict.status is Status.ACCEPTED:
                    return self._execute(narrower, _inputs(plan.operator, narrow, narrow_named), self.executor)
        raise error(verdict, self.profile, wrapped=self.wrapped)

    def _falls_back(self, verdict: Verdict) -> bool:
        """Whether a rejected call runs on the host: always if only the user asks for it, else where the stack does."""
        return self.profile.enforcement is not Enforcement.FALLBACK or verdict.placement is Placement.HOST

    def _keep(self, verdict: Verdict) -> None:
        with self._lock:
            self.verdicts.append(verdict)

    def _execute(self, plan: _Plan, inputs: Sequence[Any], executor: "Executor") -> Any:
        kinds = set(map(type, inputs))
        if not kinds <= _DATA:
            _demand_data(plan.operator, inputs)
        if not plan.outputs:
            infer(plan.operator, plan.verdict.call)  # says why, if it was asked for dtypes that do not go together
            raise ExecutionError(f"{plan.operator.name} is only judged; npusim does not compute it")
        data = [value.numpy() if type(value) is Array else value for value in inputs]
        results = executor.run(plan.operator.name, data, plan.verdict.call.attributes, plan.outputs)
        if Array not in kinds:
            return results if plan.operator.outputs[-1].variadic else results[0]
        birth = _inherited(plan, inputs)
        if birth is None:
            birth = Birth(caller(f"{plan.operator.name}({_dtypes(data)})"), plan.promotes)
        if plan.operator.outputs[-1].variadic:
            return tuple(Array(result, self, birth) for result in results)
        return Array(results[0], self, birth)


def device(
    profile: str | Path | Profile,
    *,
    stack: str | None = None,
    frontend: str | None = None,
    features: Mapping[str, bool] | None = None,
    policy: Policy | str | None = None,
    on_unknown: OnUnknown | str = OnUnknown.WARN,
    wrapped: bool = False,
) -> Device:
    """Return a device for a shipped profile's id, a path to a YAML file, or a loaded profile.

    stack       a version of the software stack, which chooses the wording of errors; the profile's own if None
    frontend    one of the profile's front ends, if it tells several apart; the first if None
    features    features of the profile to be switched on or off, such as an extension: {"ext_bf16": True}
    policy      what happens on a rejection: "raise", "record", "fallback" or "narrow"; as the real stack if None
    on_unknown  what happens where the profile has no facts: "warn", "raise" or "pass"
    wrapped     whether messages begin as the framework (torch_npu) prints them around the vendor's sentence
    """
    if isinstance(profile, Profile):
        changed = stack is not None or frontend is not None or features
        loaded = load(profile.file, stack=stack, frontend=frontend, features=features) if changed else profile
    else:
        loaded = load(profile, stack=stack, frontend=frontend, features=features)
    chosen = None if policy is None else _choice(Policy, policy, "policy")
    return Device(loaded, policy=chosen, on_unknown=_choice(OnUnknown, on_unknown, "on_unknown"), wrapped=wrapped)


def _choice(kind: Any, value: str, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise CallError(f"{name}={value!r}: allowed are {', '.join(member.value for member in kind)}") from None


def _key(value: Any) -> Any:
    """What a plan depends on of an operand or attribute: an array's type, everything else as it is.

    1, 1.0 and True are equal in Python and three values here, as are 0.0 and -0.0.
    """
    match value:
        case np.ndarray() | Array():
            return value.dtype, value.shape
        case Operand():
            return replace(value, origin=None)
        case list() | tuple():
            return tuple(map(_key, value))
        case float() | np.floating():
            return type(value), float(value).hex()
        case _:
            return type(value), value


def _heirs(call: Call, outputs: Sequence[TensorType]) -> tuple[tuple[int, ...], bool]:
    """Return a plan's `heirs` and `promotes`."""
    operands = [operand for found in call.operands.values() for operand in (found or (None,))]
    if not outputs:
        return (), False
    wanted = outputs[0].dtype
    given = [(i, o.type) for i, o in enumerate(operands) if o is not None and o.type.dtype.kind is wanted.kind]
    deciding = [(i, t) for i, t in given if t.shape] or given  # a 0-d operand changes no dtype of its own kind
    heirs = tuple(i for i, t in deciding if t.dtype is wanted and wanted.kind is not Kind.BOOL)
    return heirs, bool(heirs) and any(t.dtype is not wanted is promote(t.dtype, wanted) for _, t in deciding)


def _inherited(plan: _Plan, inputs: Sequence[Any]) -> Birth | None:
    """Return where the result's dtype was born before this call, or None if that is here.

    A dtype that all operands of its kind share is older than the call. Where a narrower one is promoted, the wider is
    older only if a promotion made it: what is blamed is the first line where the two met.
    """
    for position in plan.heirs:
        if isinstance(inputs[position], Array):
            birth: Birth = inputs[position].birth
            if birth.promoted or not plan.promotes:
                return birth
    return None


def _inputs(operator: Operator, operands: Sequence[Any], named: Mapping[str, Any]) -> Sequence[Any]:
    """Return one value a port, in the operator's order, the operands of a variadic port in its place."""
    ports = operator.inputs
    if ports[0].variadic:
        if all(isinstance(o, np.ndarray | Array) for o in operands):
            return operands or values_of(named[ports[0].name])
    elif len(operands) == len(ports):
        return operands
    values: list[Any] = []
    for index, port in enumerate(ports):
        given = operands[index] if index < len(operands) else named.get(port.name)
        values.extend(given if port.variadic and given is not None else (given,))
    return values_of(values)


def _demand_data(operator: Operator, inputs: Sequence[Any]) -> None:
    for value in inputs:
        if not isinstance(value, np.ndarray | Array | None):
            raise CallError(f"{operator.name} runs on arrays; {value!r} holds no data and can only be judged")


def _dtypes(data: Sequence[Any]) -> str:
    return ", ".join(str(dtype(array.dtype)) for array in data if array is not None)


def _narrowed(value: Any, narrows: Mapping[DType, DType]) -> Any:
    """Return a tensor, or a list of them, as the stack silently converts it; no operator runs."""
    if isinstance(value, list | tuple):
        return type(value)(_narrowed(item, narrows) for item in value)
    if not isinstance(value, np.ndarray | Array):
        return value
    found = dtype(value.dtype)
    target = narrows.get(found)
    if target is None or target.storage is None:
        return value
    with np.errstate(all="ignore"):
        data = np.asarray(value).astype(target.storage)
    return Array(data, value.device, Birth(caller(f"narrow({found})"))) if isinstance(value, Array) else data
