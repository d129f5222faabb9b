"""The demonstration: `npusim demo`."""

from collections.abc import Iterator
from textwrap import TextWrapper

from npusim.demo.story import Step, tell

_WRAPPER = TextWrapper(width=118, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False)


def main() -> int:
    """Print the story, each step as soon as it is there; return an exit code of 0."""
    for number, step in enumerate(tell(), 1):
        print(*_render(number, step), sep="\n", flush=True)
    return 0


def _render(number: int, step: Step) -> Iterator[str]:
    yield f"{number}. {step.heading}"
    yield ""
    for line in step.lines:
        yield from _WRAPPER.wrap(line) or [""]
    yield ""
