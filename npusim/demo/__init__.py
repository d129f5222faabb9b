"""The demonstration: `npusim demo`."""

from collections.abc import Iterator
from textwrap import wrap

from npusim.demo import pytorch
from npusim.demo.story import Step, tell

_WIDTH = 118


def main() -> int:
    """Print the story, each step as soon as it is there, then the PyTorch chapter or how to get it; return 0."""
    last = 0
    for last, step in enumerate(tell(), 1):
        print(*_render(last, step), sep="\n", flush=True)
    if reason := pytorch.missing():
        print(reason)
        return 0
    for number, step in enumerate(pytorch.tell(), last + 1):
        print(*_render(number, step), sep="\n", flush=True)
    return 0


def _render(number: int, step: Step) -> Iterator[str]:
    yield f"{number}. {step.heading}"
    yield ""
    for line in step.lines:
        text = line.lstrip()
        indent = " " * (3 + len(line) - len(text))
        yield from wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False) or [""]
    yield ""
