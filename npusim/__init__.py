"""Low-precision accelerators in software: what a chip accepts, how it refuses, and what it computes."""

from npusim.devices import Device, device
from npusim.errors import (
    CallError,
    ConstraintError,
    DtypeNotSupportedError,
    ExecutionError,
    KernelBuildError,
    KernelCrashed,
    KernelTimeout,
    NoRuntimeError,
    NotOfferedError,
    NPUError,
    NpusimError,
    ProfileError,
    UnknownDtypeError,
    UnknownOperatorError,
    UnknownProfileError,
    UnknownVerdictError,
    UsageError,
)
from npusim.policy import OnUnknown, Policy, UnknownVerdictWarning
from npusim.profiles import available as available_profiles
from npusim.simulator import Status, Verdict, Violation

__version__ = "0.1.0"

__all__ = [
    "CallError",
    "ConstraintError",
    "Device",
    "DtypeNotSupportedError",
    "ExecutionError",
    "KernelBuildError",
    "KernelCrashed",
    "KernelTimeout",
    "NPUError",
    "NoRuntimeError",
    "NotOfferedError",
    "NpusimError",
    "OnUnknown",
    "Policy",
    "ProfileError",
    "Status",
    "UnknownDtypeError",
    "UnknownOperatorError",
    "UnknownProfileError",
    "UnknownVerdictError",
    "UnknownVerdictWarning",
    "UsageError",
    "Verdict",
    "Violation",
    "available_profiles",
    "device",
]
