"""Stand between a model and torch: judge every operator that is called, then let it be computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from npusim.call import Call, Operand, Site, TensorType
from npusim.errors import CallError, UnknownDtypeError, UsageError
from npusim.frontends.torch import places
from npusim.frontends.torch.arguments import mapped, tensors_in
from npusim.frontends.torch.coercion import as_allowed, float_dtypes, in_one_dtype, undone
from npusim.frontends.torch.events import Event, Listener
from npusim.frontends.torch.fake import Hollow, is_fake
from npusim.frontends.torch.mapping import Role, Translation, speaks_for, translate
from npusim.frontends.torch.modes import Mode
from npusim.frontends.torch.operands import operands_of
from npusim.frontends.torch.origins import Descent, descent, trace
from npusim.operators import OPERATORS, bind
from npusim.profiles import Profile
from npusim.profiles.words import Placement
from npusim.report.text import show_site
from npusim.simulator import Status, Verdict, judge

if TYPE_CHECKING:
    from npusim.frontends.torch.lowerings import Lowering

_HOSTS = {"cpu", "meta", "npu"}
_TENSORS = {torch.Tensor, torch.nn.Parameter, Hollow}
_PLAIN = {int, float, bool, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format}


_OF_ONE_DTYPE = {
    *("linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "addbmm", "einsum", "scaled_dot_product_attention"),
    *("conv1d", "conv2d", "conv3d", "convolution"),
}
"""Operators that torch computes on one float dtype only, though their fake versions do not say so."""

_ATTENTION = "scaled_dot_product_attention"
"""What torch refuses in several dtypes on every device, before any part of it; only our own casts may make them."""


class Step(Enum):
    """What happens to a call once it is judged.

    COMPUTE    it is accepted, or nothing runs on the chip
    JOIN       it is accepted with operands of several dtypes, which the host takes only once they have one
    DECOMPOSE  the profile says nothing of it, but perhaps of its parts
    REFUSE     it is rejected
    ASK        it is unknown
    """

    COMPUTE = auto()
    JOIN = auto()
    DECOMPOSE = auto()
    REFUSE = auto()
    ASK = auto()


@dataclass(slots=True, eq=False)
class Plan:
    """What is known of a call from its operator, types and attributes alone, and how often it was made.

    `verdict` is None where nothing runs on the chip; `first` is the site of the first call of unknown ones.
    """

    func: Any
    operator: str | None
    verdict: Verdict | None
    step: Step
    calls: int = 0
    first: Site | None = None
    descent: Descent | None = None
    is_traced: bool = False

    @property
    def name(self) -> str:
        """The torch operator, such as aten.linear.default."""
        return str(self.func)


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds the judging of a run: everything is optional."""

    compute: Callable[..., Any] | None = None
    lowering: "Lowering | None" = None
    edits: Sequence[Any] = ()
    listeners: Sequence[Listener] = ()


class Interception(Mode):
    """A dispatch mode that judges. `refuse` and `ask` are told of rejected and unknown calls and may raise."""

    def __init__(
        self,
        profile: Profile,
        around: Around,
        refuse: Callable[[Verdict], None],
        ask: Callable[[Plan], None],
        *,
        origins: bool,
        training: bool,
    ) -> None:
        super().__init__()
        self.plans: dict[Any, Plan] = {}
        self._profile = profile
        self._around = around
        self._refuse = refuse
        self._ask = ask
        self._origins = origins
        self._training = training
        self._has_coerced = False
        rewrites = around.lowering is not None and bool(around.lowering.operators)
        self._is_plain = not (around.compute or around.edits or around.listeners or rewrites)
        self._runs_views = around.lowering is None or around.lowering.views_run

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Judge one call and return its result."""
        kwargs = kwargs or {}
        if not self._is_plain:
            return self._surrounded(func, args, kwargs)
        plan = self._plan(func, args, kwargs)
        plan.calls += 1
        if plan.step is not Step.COMPUTE:
            return self._further(plan, args, kwargs)
        try:
            output = func(*args, **kwargs)
        except RuntimeError:
            return self._joined(plan, args, kwargs)
        if self._origins:
            if plan.is_traced:
                if plan.descent is not None:
                    trace(plan.descent, args, output)
            else:
                self._learn_descent(plan, args, output)
        return output

    def _plan(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan:
        key: list[Any] = [id(func)]  # built here, without a call for each argument: this is most of what judging costs
        for value in args:
            kind = type(value)
            if kind in _TENSORS:
                key += (kind, value.dtype, value.shape)
            elif kind in _PLAIN:
                key += (kind, value)
            else:
                key.append(_key(value))
        for name, value in kwargs.items():
            key += (name, _key(value))
        known = tuple(key)
        plan = self.plans.get(known)
        if plan is None:
            plan = self.plans[known] = self._learn(func, args, kwargs)
        return plan

    def _learn(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan:
        """Judge a call by the pure function, without its line: what is remembered holds for every call like it."""
        _demand_host(func, (*args, *kwargs.values()))
        if self._around.compute is not None:
            _demand_data((*args, *kwargs.values()))
        translation = translate(func, args, kwargs, self._profile)
        if translation.role is Role.FREE or (translation.role is Role.VIEW and not self._runs_views):
            return Plan(func, translation.operator, None, Step.COMPUTE)
        verdict = self._judge(func, translation, None)
        if verdict.status is Status.REJECTED:
            return Plan(func, translation.operator, verdict, Step.REFUSE)
        if verdict.status is Status.ACCEPTED:
            joins = translation.operator in _OF_ONE_DTYPE and len(float_dtypes(args, kwargs)) > 1
            return Plan(func, translation.operator, verdict, Step.JOIN if joins else Step.COMPUTE)
        if translation.role is Role.VIEW:  # a profile that says nothing of a view says nothing against it
            return Plan(func, translation.operator, None, Step.COMPUTE)
        return Plan(func, translation.operator, verdict, Step.DECOMPOSE if func._can_decompose() else Step.ASK)

    def _judge(self, func: Any, translation: Translation, site: Site | None) -> Verdict:
        """Return the verdict on a translated call; unknown, with the reason, if npusim has no operator for it."""
        if translation.operator is None:
            unknown = Call(str(func), MappingProxyType({}), site=site)
            return Verdict(Status.UNKNOWN, unknown, notes=("npusim has no operator for it",))
        operator = self._profile.operators.get(translation.operator)
        if operator is not None and not speaks_for(operator, func):
            other = Call(translation.operator, MappingProxyType({}), site=site)
            return Verdict(
                Status.UNKNOWN, other, notes=(f"{operator.api or operator.operator.name} is not what {func} becomes",)
            )
        row = OPERATORS[translation.operator] if operator is None else operator.operator
        try:
            operands = operands_of(translation, constants=not self._training, origins=site is not None)
            call = bind(row, (), {**operands, **translation.attributes}, site)
            return self._narrowed(judge(self._profile, call))
        except (CallError, UnknownDtypeError) as error:
            unknown = Call(translation.operator, MappingProxyType({}), site=site)
            return Verdict(Status.UNKNOWN, unknown, notes=(f"npusim cannot say what is called: {error}",))

    def _narrowed(self, verdict: Verdict) -> Verdict:
        """Return the verdict on what a stack that silently converts wide dtypes makes of a refused call."""
        narrows = self._profile.narrows
        if verdict.status is not Status.REJECTED or not narrows:
            return verdict

        def narrow(operand: Operand) -> Operand:
            found = operand.type.dtype
            return replace(operand, type=TensorType(narrows.get(found, found), operand.type.shape))

        operands = {port: tuple(map(narrow, given)) for port, given in verdict.call.operands.items()}
        narrower = judge(self._profile, replace(verdict.call, operands=MappingProxyType(operands)))
        return narrower if narrower.status is Status.ACCEPTED else verdict

    def _further(self, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do what follows from a verdict other than accepted, and compute."""
        match plan.step:
            case Step.JOIN:
                args, kwargs = in_one_dtype(args, kwargs, self._cast)
            case Step.DECOMPOSE:
                if self._has_coerced and plan.operator == _ATTENTION and len(float_dtypes(args, kwargs)) > 1:
                    args, kwargs = in_one_dtype(args, kwargs, self._cast)
                with self:
                    output = _in_parts(plan.func, args, kwargs)
                if output is not NotImplemented:
                    return output
                plan.step = Step.ASK
            case Step.REFUSE:
                verdict = self._located(plan, args, kwargs)
                self._refuse(verdict)
                if self._may_coerce(plan, verdict):
                    return self._coerced(plan, verdict, args, kwargs)
        if plan.step is Step.ASK:
            if plan.first is None:
                plan.first = places.site(plan.name)
            self._ask(plan)
        return self._computed(plan, args, kwargs)

    def _may_coerce(self, plan: Plan, verdict: Verdict) -> bool:
        """Whether other operands may stand in: not where a caller holds them, nor where autograd counts on dtypes."""
        return not (self._training or plan.func._schema.is_mutable or verdict.placement is Placement.HOST)

    def _coerced(self, plan: Plan, verdict: Verdict, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Compute with operands that the chip takes.

        What was refused although all operands agree comes out in the dtype it came in, as the program goes on in it;
        what names the dtype of its result, such as a conversion, gives that.
        """
        self._has_coerced = True
        translation = translate(plan.func, args, kwargs, self._profile)
        allowed = as_allowed(translation, verdict, args, kwargs, self._cast)
        try:
            output = self._computed(plan, *allowed)
        except RuntimeError:  # the host takes other dtypes than the chip, as a mask of integers
            return self._computed(plan, args, kwargs)
        if translation.attributes.get("dtype") is not None:
            return output
        back = undone((args, kwargs), allowed)
        return mapped(output, lambda one: self._cast(one, back.get(one.dtype, one.dtype)))

    def _cast(self, one: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return a tensor in another dtype. It is no call of the model, so it is not judged; listeners see it."""
        if one.dtype == dtype:
            return one
        event = Event(torch.ops.aten.to.dtype, (one, dtype), {}, None, places.site)
        for listener in self._around.listeners:
            listener.before(event)
        output = one.to(dtype)
        for listener in self._around.listeners:
            listener.after(event, output)
        return output

    def _computed(self, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        compute = self._around.compute
        listeners = self._around.listeners
        event = Event(plan.func, args, kwargs, plan.verdict, _here(plan))
        for listener in listeners:
            listener.before(event)
        try:
            output = plan.func(*args, **kwargs) if compute is None else compute(plan.func, args, kwargs)
        except RuntimeError:
            return self._joined(plan, args, kwargs)
        for listener in listeners:
            listener.after(event, output)
        if self._origins:
            self._learn_descent(plan, args, output)
        return output

    def _joined(self, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Compute what the host refused: on one dtype, if that is what the chip does not mind; else raise again."""
        if plan.verdict is None or plan.step is Step.JOIN or len(float_dtypes(args, kwargs)) < 2:
            raise  # noqa: PLE0704 - called where the host's error is handled
        if plan.step is Step.COMPUTE:
            plan.step = Step.JOIN
        return self._computed(plan, *in_one_dtype(args, kwargs, self._cast))

    def _surrounded(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """As `__torch_dispatch__`, with everything that surrounds the judging."""
        lowering = self._around.lowering
        rewritten = lowering.rewrite(func, args, kwargs, places.site) if lowering is not None else None
        if rewritten is not None:
            func, args, kwargs = rewritten
        for edit in self._around.edits:
            changed = edit.apply(self, func, args, kwargs)
            if changed is not NotImplemented:
                return changed
        return self.perform(func, args, kwargs)

    def perform(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Judge and compute a call as it is, without lowering or edits."""
        plan = self._plan(func, args, kwargs)
        plan.calls += 1
        return self._computed(plan, args, kwargs) if plan.step is Step.COMPUTE else self._further(plan, args, kwargs)

    def _learn_descent(self, plan: Plan, args: tuple[Any, ...], output: Any) -> None:
        if not plan.is_traced:
            plan.descent = descent(plan.operator or plan.name, args, output)
            plan.is_traced = True
        if plan.descent is not None:
            trace(plan.descent, args, output)

    def _located(self, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Verdict:
        """Return a rejected verdict with the line and module of this call and the origins of its operands."""
        translation = translate(plan.func, args, kwargs, self._profile)
        site = places.site(plan.name)
        verdict = self._judge(plan.func, translation, site)
        caller = places.caller()
        if not caller.file or (caller.file, caller.line) == (site.file, site.line):
            return verdict
        return replace(verdict, notes=(*verdict.notes, f"called from {show_site(caller)}"))


def _in_parts(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return what a composite operator gives, of whose parts the active modes see each.

    Attention goes by its formula, as on a device without a kernel for it, and not to the host's own kernel.
    """
    with sdpa_kernel(SDPBackend.MATH):
        return func.decompose(*args, **kwargs)


def _here(plan: Plan) -> Callable[[], Site]:
    return lambda: places.site(plan.name)


def _key(value: Any) -> Any:
    """What a plan depends on of an argument: a tensor's type; 1, 1.0 and True are three values."""
    kind = type(value)
    if kind in _TENSORS:
        return kind, value.dtype, value.shape
    if kind in _PLAIN:
        return kind, value
    if isinstance(value, list | tuple):
        kinds = tuple(map(type, value))
        return (kinds, *value) if _PLAIN.issuperset(kinds) else tuple([_key(one) for one in value])
    if isinstance(value, torch.Tensor):
        return kind, value.dtype, value.shape
    if isinstance(value, torch.Generator):
        return torch.Generator
    return kind, value


def _demand_data(values: Sequence[Any]) -> None:
    """Raise UsageError for fake tensors, of which a chip's numerics can make nothing."""
    if any(map(is_fake, tensors_in(values))):
        raise UsageError("execute=True computes, and a model made by fake() has no data: leave one of them out")


def _demand_host(func: Any, values: Sequence[Any]) -> None:
    """Raise UsageError for tensors of a real accelerator: what is simulated runs on the CPU."""
    for one in tensors_in(values):
        if one.device.type not in _HOSTS:
            raise UsageError(
                f"{func} at {show_site(places.site())} got a tensor on {one.device}; npusim simulates on the CPU: move "
                f'the model and its inputs with .to("cpu")'
            )
