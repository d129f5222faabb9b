"""A profile brought to life: what a user holds, asks and runs operators on."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from npusim.call import Call, Site, TensorType
from npusim.dtypes import DType, dtype
from npusim.errors import CallError
from npusim.frontends.numpy.array import Array, Birth, operand_of, values_of
from npusim.numerics.model import IEEE
from npusim.operators import OPERATORS, Operator, bind, infer
from npusim.policy import OF_ENFORCEMENT, OnUnknown, Policy, error, unknown
from npusim.profiles import Profile, find_operator, load
from npusim.profiles.model import Placement
from npusim.simulator import Status, Verdict, judge
from npusim.sites import caller

if TYPE_CHECKING:
    from npusim.executor import Executor
    from npusim.frontends.numpy.namespace import Namespace


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

    Made by `npusim.device`. `verdicts` holds, under Policy.RECORD, the verdict of every rejected call in order.
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
        given = values_of(operands)
        by_name = dict(zip(named, values_of(tuple(named.values())), strict=True)) if named else named
        plan = self._plan(operator, given, by_name)
        if plan.verdict.status is not Status.ACCEPTED:
            return self._enforce(plan, given, by_name)
        return self._execute(plan, _inputs(plan.operator, given, by_name), self.executor)

    def _plan(self, operator: str, operands: Sequence[Any], named: Mapping[str, Any]) -> _Plan:
        try:
            key = (operator, *[(o.dtype, o.shape) for o in operands], *named.items())
            return self._plans[key]
        except (AttributeError, KeyError, TypeError):
            return self._learn(operator, operands, named)

    def _learn(self, operator: str, operands: Sequence[Any], named: Mapping[str, Any]) -> _Plan:
        """Judge a call and remember the plan where its operands are fully described by dtype and shape."""
        found = OPERATORS[find_operator(self.profile, operator)]
        call = self._bind(found, operands, named, None)
        outputs = infer(found, call)
        plain = {port: tuple(replace(o, origin=None) for o in given) for port, given in call.operands.items()}
        verdict = judge(self.profile, replace(call, operands=MappingProxyType(plain)))
        plan = _Plan(found, verdict, outputs, *_heirs(call, outputs))
        if all(isinstance(o, np.ndarray | Array | TensorType) for o in operands):
            with suppress(TypeError):  # an unhashable value, such as an operand given by name
                self._plans[operator, *[(o.dtype, o.shape) for o in operands], *named.items()] = plan
        return plan

    def _bind(self, operator: Operator, operands: Sequence[Any], named: Mapping[str, Any], site: Site | None) -> Call:
        ports = {port.name for port in operator.inputs}
        given = {name: operand_of(value) if name in ports else value for name, value in named.items()}
        return bind(operator, [operand_of(o) for o in operands], given, site)

    def _located(self, plan: _Plan, operands: Sequence[Any], named: Mapping[str, Any]) -> Verdict:
        """Return a rejected verdict with the line of this call and the origins of its operands."""
        call = self._bind(plan.operator, operands, named, caller(plan.operator.name))
        origins = {port: next((o.origin for o in given), None) for port, given in call.operands.items()}
        violations = tuple(replace(v, site=call.site, origin=origins.get(v.port)) for v in plan.verdict.violations)
        return replace(plan.verdict, call=call, violations=violations)

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
            case Policy.FALLBACK:
                self._keep(replace(verdict, placement=Placement.HOST))
                return self._execute(plan, inputs, self._host)
            case Policy.NARROW:
                narrow = [_narrowed(o, self.profile.narrows) for o in operands]
                narrow_named = {name: _narrowed(value, self.profile.narrows) for name, value in named.items()}
                narrower = self._plan(plan.operator.name, narrow, narrow_named)
                if narrower.verdict.status is Status.ACCEPTED:
                    return self._execute(narrower, _inputs(plan.operator, narrow, narrow_named), self.executor)
        raise error(verdict, self.profile, wrapped=self.wrapped)

    def _keep(self, verdict: Verdict) -> None:
        with self._lock:
            self.verdicts.append(verdict)

    def _execute(self, plan: _Plan, inputs: Sequence[Any], executor: "Executor") -> Any:
        data = [value.numpy() if type(value) is Array else value for value in inputs]
        results = executor.run(plan.operator.name, data, plan.verdict.call.attributes, plan.outputs)
        if Array not in map(type, inputs):
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
    policy: Policy | str | None = None,
    on_unknown: OnUnknown | str = OnUnknown.WARN,
    wrapped: bool = False,
) -> Device:
    """Return a device for a shipped profile's id, a path to a YAML file, or a loaded profile.

    stack       a version of the software stack, which chooses the wording of errors; the profile's own if None
    policy      what happens on a rejection: "raise", "record", "fallback" or "narrow"; as the real stack if None
    on_unknown  what happens where the profile has no facts: "warn", "raise" or "pass"
    wrapped     whether messages begin as the framework (torch_npu) prints them around the vendor's sentence
    """
    loaded = profile if isinstance(profile, Profile) else load(profile, stack=stack)
    chosen = None if policy is None else _choice(Policy, policy, "policy")
    return Device(loaded, policy=chosen, on_unknown=_choice(OnUnknown, on_unknown, "on_unknown"), wrapped=wrapped)


def _choice(kind: Any, value: str, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise CallError(f"{name}={value!r}: allowed are {', '.join(member.value for member in kind)}") from None


def _heirs(call: Call, outputs: Sequence[TensorType]) -> tuple[tuple[int, ...], bool]:
    """Return a plan's `heirs` and `promotes`."""
    operands = [operand for found in call.operands.values() for operand in (found or (None,))]
    floats = [(i, o.type.dtype) for i, o in enumerate(operands) if o is not None and o.type.dtype.is_floating]
    heirs = tuple(i for i, found in floats if outputs and found is outputs[0].dtype)
    return heirs, bool(heirs) and len(heirs) < len(floats)


def _inherited(plan: _Plan, inputs: Sequence[Any]) -> Birth | None:
    """Return where the result's dtype was born before this call, or None if that is here.

    A dtype that all float operands share is older than the call. Where a narrower one is promoted, the wider is older
    only if a promotion made it: what is blamed is the first line where the two met.
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
            return operands or named[ports[0].name]
    elif len(operands) == len(ports):
        return operands
    values: list[Any] = []
    for index, port in enumerate(ports):
        given = operands[index] if index < len(operands) else named.get(port.name)
        values.extend(given if port.variadic and given is not None else (given,))
    return values


def _dtypes(data: Sequence[Any]) -> str:
    return ", ".join(str(dtype(array.dtype)) for array in data if array is not None)


def _narrowed(value: Any, narrows: Mapping[DType, DType]) -> Any:
    if not isinstance(value, np.ndarray | Array):
        return value
    target = narrows.get(dtype(value.dtype))
    return value if target is None or target.storage is None else value.astype(target.storage)
