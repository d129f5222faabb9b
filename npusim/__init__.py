"""Low-precision accelerators in software: what a chip accepts, how it refuses, and what it computes.

Names are imported when they are first used, so that `import npusim` itself is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npusim.devices import Device, device
    from npusim.errors import (
        CallError,
        ConstraintError,
        DataReadError,
        DtypeNotSupportedError,
        ExecutionError,
        ImportFormatError,
        KernelBuildError,
        KernelCrashed,
        KernelTimeout,
        LaunchLimitError,
        MissingExtraError,
        NoRuntimeError,
        NotOfferedError,
        NPUError,
        NpusimError,
        ProbeError,
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
    "DataReadError",
    "Device",
    "DtypeNotSupportedError",
    "ExecutionError",
    "ImportFormatError",
    "KernelBuildError",
    "KernelCrashed",
    "KernelTimeout",
    "LaunchLimitError",
    "MissingExtraError",
    "NPUError",
    "NoRuntimeError",
    "NotOfferedError",
    "NpusimError",
    "OnUnknown",
    "Policy",
    "ProbeError",
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

_ELSEWHERE = {
    "Device": "devices",
    "device": "devices",
    "OnUnknown": "policy",
    "Policy": "policy",
    "UnknownVerdictWarning": "policy",
    "Status": "simulator",
    "Verdict": "simulator",
    "Violation": "simulator",
}
"""Public name -> the module that defines it; all others are exceptions."""


def __getattr__(name: str) -> Any:
    if name == "torch":  # the front end, which needs npusim[torch]; __all__ leaves it out for those without
        return import_module("npusim.torch")
    if name not in __all__:
        raise AttributeError(f"module 'npusim' has no attribute {name!r}")
    if name == "available_profiles":
        found = import_module("npusim.profiles").available
    else:
        found = getattr(import_module(f"npusim.{_ELSEWHERE.get(name, 'errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "torch"})
