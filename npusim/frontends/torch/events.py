"""What a run tells its listeners: one call of a torch operator, before and after it was computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from npusim.call import Site
from npusim.simulator import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One call of a torch operator.

    func     the torch.ops overload
    args     its positional arguments as the operator gets them, after every cast that a run makes
    verdict  what the profile says of it; None where nothing runs on the chip or npusim knows no such operator
    where    returns the site of the call; walks the stack, so it is asked only for what is reported
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    verdict: Verdict | None
    where: Callable[[], Site]


class Listener(Protocol):
    """Something that watches a run."""

    def before(self, event: Event) -> None:
        """See a call that is about to be computed."""

    def after(self, event: Event, output: Any) -> None:
        """See its result: a tensor, a list or tuple of them, or None."""
