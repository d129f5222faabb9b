"""What a user holds while a model meets a chip: everything that was judged, refused, unknown and observed."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from npusim.call import Site
from npusim.errors import UsageError
from npusim.frontends.torch import places, vendor_ops
from npusim.frontends.torch.compilation import uncompiled
from npusim.frontends.torch.events import Listener
from npusim.frontends.torch.fake import assumptions
from npusim.frontends.torch.interception import Around, Interception, Plan, Step
from npusim.frontends.torch.lowerings import Lowering
from npusim.frontends.torch.lowerings import load as load_lowering
from npusim.frontends.torch.mapping import speaks_for
from npusim.policy import OnUnknown, UnknownVerdictWarning, error, unknown
from npusim.profiles import Profile
from npusim.profiles.words import Placement
from npusim.simulator import Verdict, Violation
from npusim.sites import warning_level

if TYPE_CHECKING:
    from npusim.devices import Device
    from npusim.frontends.torch.emulation import Emulator
    from npusim.frontends.torch.repairs import Repairs


class Mode(StrEnum):
    """What a run does with a rejected call.

    raise   raise NPUError at once
    record  cast what is refused to an allowed dtype and go on; raise at the end of the block, with everything found
    report  as record, and never raise
    """

    RAISE = "raise"
    RECORD = "record"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many operators were called: judged are accepted or rejected, free ones run nothing on the chip."""

    calls: int
    accepted: int
    rejected: int
    unknown: int
    free: int

    @property
    def judged(self) -> int:
        """The calls on which the profile had something to say."""
        return self.accepted + self.rejected


@dataclass(frozen=True, slots=True)
class Unknown:
    """A torch operator of which nothing is known, how often it was called, why, and where it was first."""

    operator: str
    calls: int
    reason: str
    site: Site


class Run:
    """One stretch of PyTorch code on a simulated chip: `with npu.torch() as run: model(**inputs)`.

    verdicts    the verdict of every rejected call, in order, with its line, module path and the origin of its dtypes
    violations  the violations of all of them
    unknown     the operators that were not judged, and why
    counts      how many calls were judged, rejected, unknown, or nothing to the chip
    notes       what else a reader of the result should know, such as routing that was stubbed
    seconds     how long the block took
    again       what `repairs` calls: the outermost module of the first refusal with its arguments, unless set before
    """

    def __init__(
        self,
        device: "Device",
        mode: Mode,
        *,
        training: bool = False,
        origins: bool = True,
        lowering: Lowering | None = None,
        emulator: "Emulator | None" = None,
        listeners: Sequence[Listener] = (),
        edits: Sequence[Any] = (),
    ) -> None:
        self.device = device
        self.mode = mode
        self.training = training
        self.lowering = lowering
        self.emulator = emulator
        self.listeners = tuple(listeners)
        self.verdicts: list[Verdict] = []
        self.seconds = 0.0
        compute = None if emulator is None else emulator.compute
        around = Around(compute, lowering, tuple(edits), self.listeners)
        self._mode = Interception(
            device.profile, around, self._refused, self._asked, origins=origins, training=training
        )
        self._open: ExitStack | None = None
        self._assumed: Counter[str] = Counter()
        self.again: Callable[[], Any] | None = None

    @property
    def profile(self) -> Profile:
        """The profile that judges."""
        return self.device.profile

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every violation of every rejected call."""
        return tuple(violation for verdict in self.verdicts for violation in verdict.violations)

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        """What was not judged, the most frequent first."""
        found: dict[str, Unknown] = {}
        for plan in self._plans(Step.ASK):
            name = plan.name
            reason = plan.verdict.notes[-1] if plan.verdict is not None else ""
            before = found.get(name)
            calls = plan.calls + (before.calls if before else 0)
            found[name] = replace(before or Unknown(name, 0, reason, plan.first or Site()), calls=calls)
        return tuple(sorted(found.values(), key=lambda one: -one.calls))

    @property
    def counts(self) -> Counts:
        """The number of calls by what became of them; a decomposed one counts as its pieces."""
        free = sum(plan.calls for plan in self._plans(Step.COMPUTE) if plan.verdict is None)
        accepted = sum(plan.calls for plan in (*self._plans(Step.COMPUTE), *self._plans(Step.JOIN))) - free
        rejected = sum(plan.calls for plan in self._plans(Step.REFUSE))
        unknown = sum(plan.calls for plan in self._plans(Step.ASK))
        return Counts(accepted + rejected + unknown + free, accepted, rejected, unknown, free)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know besides the verdicts."""
        judged = (*self._plans(Step.COMPUTE), *self._plans(Step.JOIN))
        accepted = (note for plan in judged if plan.verdict is not None for note in plan.verdict.notes)
        lowered = self.lowering.notes if self.lowering is not None and self._mixes_floats() else ()
        assumed = (f"{what} ({times} times)" for what, times in self._assumed.items())
        return tuple(dict.fromkeys((*assumed, *lowered, *accepted)))

    def __enter__(self) -> Self:
        if self._open is not None:
            raise UsageError("this run is open already: a block within it, or another thread, needs one of its own")
        vendor_ops.register()
        self._started = time.perf_counter()
        with ExitStack() as opened:
            if not self.training:
                opened.enter_context(torch.inference_mode())
            elif not _has_attention(self.profile):
                opened.enter_context(sdpa_kernel(SDPBackend.MATH))  # in inference it arrives whole, and is decomposed
            if self.lowering is not None:
                opened.enter_context(self.lowering.applied())
            self._assumed = opened.enter_context(assumptions())
            opened.enter_context(vendor_ops.importable())
            opened.enter_context(uncompiled())
            opened.enter_context(self._mode)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        opened, self._open = self._open or ExitStack(), None
        opened.close()
        self.seconds += time.perf_counter() - self._started
        if raised is not None:
            self._annotate(raised)
        elif self.mode is Mode.RECORD and self._refusals():
            raise self._everything()
        elif self.mode is Mode.RAISE and self.unknown and self.device.on_unknown is OnUnknown.WARN:
            names = ", ".join(one.operator for one in self.unknown)
            message = f"{self.counts.unknown} calls were not judged on {self.profile.id}, see run.unknown: {names}"
            warnings.warn(message, UnknownVerdictWarning, stacklevel=warning_level())

    def __repr__(self) -> str:
        counts = self.counts
        return (
            f"<npusim run on {self.profile.id}: {counts.judged} calls judged, {counts.rejected} rejected, "
            f"{counts.unknown} unknown>"
        )

    def __str__(self) -> str:
        from npusim.report.run import run_text

        return run_text(self)

    def repairs(
        self, again: Callable[[], Any] | None = None, *, of: Sequence[Verdict] | None = None
    ) -> "list[Repairs]":
        """Return the repairs of what was refused or overflowed, each tried in a re-run, the best first.

        again  calls the model once more; the call of the outermost module in which something was refused if None
        of     rejected verdicts of this run: only these are repaired; None is everything, overflows included

        Raises UsageError if nothing can be called again.
        """
        from npusim.frontends.torch.repairs import repairs

        call = again or self.again
        if call is None:
            raise UsageError(
                "nothing was refused within a module; pass repairs() a function that calls the model again"
            )
        return repairs(
            self.device,
            call,
            lowering=None if self.lowering is None else self.lowering.names,
            training=self.training,
            execute=self.emulator is not None,
            of=of,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        return {
            "profile": self.profile.id,
            "mode": self.mode.value,
            "counts": asdict(self.counts) | {"judged": self.counts.judged},
            "seconds": self.seconds,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "unknown": [asdict(one) for one in self.unknown],
            "notes": list(self.notes),
        }

    def _mixes_floats(self) -> bool:
        """Whether tensors of several float dtypes were computed with, of which a lowering's notes speak."""
        calls = (plan.verdict.call for plan in self._mode.plans.values() if plan.verdict is not None)
        types = (operand.type for call in calls for given in call.operands.values() for operand in given)
        return len({one.dtype for one in types if one.dtype.is_floating and one.rank}) > 1

    def _plans(self, step: Step) -> Iterable[Plan]:
        return [plan for plan in self._mode.plans.values() if plan.step is step]

    def _refusals(self) -> list[Verdict]:
        """The rejected calls that the stack does not run on the host instead."""
        return [verdict for verdict in self.verdicts if verdict.placement is not Placement.HOST]

    def _refused(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        self.again = self.again or places.outermost_call()
        if self.mode is Mode.RAISE and verdict.placement is not Placement.HOST:
            raise error(verdict, self.profile, wrapped=self.device.wrapped)

    def _asked(self, plan: Plan) -> None:
        if self.device.on_unknown is OnUnknown.RAISE and plan.verdict is not None:
            unknown(plan.verdict, OnUnknown.RAISE)

    def _everything(self) -> Exception:
        """Return the exception for all that was recorded: of the first refusal's type, with every violation."""
        first, *others = self._refusals()
        violations = (v for verdict in (first, *others) for v in verdict.violations)
        message = f"\n{self}" if others else ""
        found = error(first, self.profile, wrapped=self.device.wrapped)
        return type(found)(f"{found}{message}", replace(first, violations=tuple(violations)))

    def _annotate(self, raised: BaseException) -> None:
        """Say, on an exception that ends the block, what the run has to do with it."""
        if isinstance(raised, AttributeError) and (clear := vendor_ops.explained(raised)) is not None:
            raise clear from raised
        if not self.training and "does not require grad" in str(raised):
            raise UsageError(
                "backward() in a run made for inference, in which no operator is recorded for it: "
                "use npu.torch(training=True)"
            ) from raised
        if self.mode is not Mode.RAISE and self.verdicts:
            raised.add_note(f"npusim had recorded {len(self.verdicts)} rejected calls before:\n{self}")


def start(
    device: "Device",
    mode: Mode,
    *,
    training: bool,
    lowering: str | Sequence[str] | None,
    execute: "bool | Emulator",
    listeners: Sequence[Listener],
    edits: Sequence[Any],
    origins: bool,
) -> Run:
    """Return a run on a device, as `Device.torch` describes it."""
    names = _usual(device.profile) if lowering is None else lowering
    emulator = None
    if execute:
        from npusim.frontends.torch.emulation import Emulator

        emulator = execute if isinstance(execute, Emulator) else Emulator(device.profile)
    return Run(
        device,
        mode,
        training=training,
        origins=origins,
        lowering=load_lowering(names) if names else None,
        emulator=emulator,
        listeners=listeners,
        edits=edits,
    )


def _has_attention(profile: Profile) -> bool:
    """Return whether a stack computes torch's attention by a kernel rather than by its formula."""
    entry = profile.operators.get("scaled_dot_product_attention")
    whole = torch.ops.aten.scaled_dot_product_attention.default
    return entry is not None and not entry.unknown and speaks_for(entry, whole)


def _usual(profile: Profile) -> tuple[str, ...]:
    """Return the lowering of a stack that runs PyTorch eagerly; a compiler's has none, and sees views as operators."""
    return ("eager",) if profile.stack.frontend.startswith("torch") else ()
