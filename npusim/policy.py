"""What follows from a verdict: an exception, a record, the host, or a narrower dtype."""

import warnings
from enum import StrEnum

from npusim.errors import ConstraintError, DtypeNotSupportedError, NotOfferedError, NPUError, UnknownVerdictError
from npusim.profiles import Profile
from npusim.profiles.words import Enforcement
from npusim.report.text import rejection
from npusim.simulator import Verdict, wrapping
from npusim.sites import warning_level


class Policy(StrEnum):
    """What a device does with a rejected call."""

    RAISE = "raise"
    RECORD = "record"
    FALLBACK = "fallback"
    NARROW = "narrow"


class OnUnknown(StrEnum):
    """What a device does with a call on which its profile has no facts."""

    WARN = "warn"
    RAISE = "raise"
    PASS = "pass"


class UnknownVerdictWarning(UserWarning):
    """A call ran although the profile has no facts on it."""


OF_ENFORCEMENT = {
    Enforcement.ERROR: Policy.RAISE,
    Enforcement.FALLBACK: Policy.FALLBACK,
    Enforcement.NARROW: Policy.NARROW,
}
"""What the real stack would do, as a policy: the default of a device."""

_EXCEPTIONS: dict[str, type[NPUError]] = {"1": DtypeNotSupportedError, "5": NotOfferedError}
"""First digit of a rule code -> exception; every other code is a ConstraintError."""


def error(verdict: Verdict, profile: Profile, *, wrapped: bool = False) -> NPUError:
    """Return the exception for a rejected verdict, with the framework's wrapping of the sentence if asked for."""
    kind = _EXCEPTIONS.get(verdict.violations[0].code[3], ConstraintError)
    return kind(rejection(verdict, wrapping=wrapping(profile, verdict) if wrapped else ""), verdict)


def unknown(verdict: Verdict, how: OnUnknown) -> None:
    """Raise UnknownVerdictError, warn, or let an unknown verdict pass."""
    message = f"{verdict.call.operator}: {'; '.join(verdict.notes)}"
    if how is OnUnknown.RAISE:
        raise UnknownVerdictError(message)
    if how is OnUnknown.WARN:
        warnings.warn(message, UnknownVerdictWarning, stacklevel=warning_level())
