"""The exceptions a user may catch, each also the builtin that Python code would expect in its place."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npusim.call import Site
    from npusim.simulator import Verdict, Violation


class NpusimError(Exception):
    """The root of everything that npusim raises on purpose."""


class UsageError(NpusimError, ValueError):
    """The question itself was wrong: the message names what was found, what is allowed and the nearest valid name."""


class UnknownNameError(UsageError):
    """A name that is in none of the tables asked for it."""

    what = "name"

    def __init__(self, found: str, near: Sequence[str], where: str = "") -> None:
        self.found, self.near, self.where = found, tuple(near), where
        place = f" {where}" if where else ""
        hint = f"; did you mean {' or '.join(self.near)}?" if self.near else ""
        super().__init__(f"unknown {self.what} {found!r}{place}{hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.found, self.near, self.where)


class UnknownDtypeError(UnknownNameError):
    """No dtype has this spelling."""

    what = "dtype"


class UnknownOperatorError(UnknownNameError):
    """Neither npusim nor the profile's vendor has an operator of this name."""

    what = "operator"


class UnknownProfileError(UnknownNameError):
    """No shipped profile has this id and no such file exists."""

    what = "profile"


class CallError(UsageError):
    """A call that the operator itself cannot mean, on any chip: a wrong port, attribute, arity or shape."""


class NoResultDtypeError(CallError):
    """Operands of dtypes from which it does not follow what comes out; only a chip, or a caller, can say."""


class ProbeError(UsageError):
    """What a probe is said to have written cannot be read, or is of another profile, chip or script."""


class DataReadError(UsageError):
    """Data was read of a fake tensor, which has none. `site` is the line that read, the message says what to do."""

    def __init__(self, message: str, site: "Site | None" = None) -> None:
        super().__init__(message)
        self.site = site

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.site)


class MissingExtraError(NpusimError, ImportError):
    """An optional package is missing or too old; the message names the extra of npusim that brings it."""


class ProfileError(NpusimError, ValueError):
    """A profile that cannot be read. The message begins with file:line:column."""


class ImportFormatError(UsageError):
    """A file to import or to replay that is not what it should be. The message begins with file:line:column."""


class NPUError(NpusimError, RuntimeError):
    """The simulated device refused a call.

    The first line of the message is the vendor's sentence. `violation` is the first one that the stack would report,
    `violations` all of them; the fields of the first one (profile, operator, api, port, found, allowed, code, source,
    site, origin, hint, ...) are attributes of the exception as well.
    """

    def __init__(self, message: str, verdict: "Verdict") -> None:
        super().__init__(message)
        self.verdict = verdict
        self.violations: tuple[Violation, ...] = verdict.violations
        self.violation: Violation = verdict.violations[0]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in type(self.__dict__["violation"]).__slots__:
            return getattr(self.violation, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.verdict)


class DtypeNotSupportedError(NPUError, TypeError):
    """A dtype, or a combination of dtypes, that the chip does not take there."""


class ConstraintError(NPUError, ValueError):
    """A rank, shape, range, alignment, attribute or other rule that the call breaks."""


class NotOfferedError(NPUError, NotImplementedError):
    """An operator that this chip or stack does not offer at all."""


class UnknownVerdictError(NpusimError, RuntimeError):
    """A call on which the profile has no facts, under a policy that does not let such calls pass."""


class ExecutionError(NpusimError, RuntimeError):
    """The executor could not give a result."""


class NoRuntimeError(ExecutionError):
    """No usable OpenCL runtime was found; `npusim doctor` says what was tried."""


class LaunchLimitError(ExecutionError, ValueError):
    """An OpenCL launch beyond what the profile says the chip allows."""


class KernelBuildError(ExecutionError):
    """An OpenCL program did not compile; the message holds the compiler's log."""


class KernelCrashed(ExecutionError):  # noqa: N818 - the name says what happened
    """The worker process that ran a kernel died; the caller's process was not harmed."""


class KernelTimeout(ExecutionError, TimeoutError):  # noqa: N818 - as TimeoutError reads in Python
    """A kernel did not finish in its time limit; its worker process was ended."""
