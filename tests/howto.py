"""Follow a page of the documents: run every block in order, and keep what it printed beside what the page shows.

Run as `python -m tests.howto PAGE` in an empty directory, it prints the pairs as JSON.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

from npusim.cli import main
from npusim.errors import NpusimError

FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of every block."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def followed(found: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield what the page shows and what was printed, for every block that is run.

    A block of Python whose first line names a file is written to it; any other is run, and shows the block behind it.
    Of an error it prints what the last lines of a traceback would be.
    """
    scope: dict[str, object] = {"__name__": "__main__"}
    for number, ((kind, text), (next_kind, next_text)) in enumerate(pairwise([*found, ("end", "")])):
        if kind == "python" and (file := FILE.match(text)):
            Path(file[1]).write_text(text, encoding="utf-8")
        elif kind == "python":
            shown = next_text if next_kind == "" and not next_text.startswith("$ ") else ""
            yield shown, _of_python(text, f"block{number}.py", scope)
        elif text.startswith("$ "):
            command, _, shown = text[2:].partition("\n")
            yield shown, _of_command(command)


def shows(page: str, printed: str) -> bool:
    """Return whether a page shows what was printed, where "..." stands for anything."""
    pattern = ".*?".join(map(re.escape, page.strip().split("...")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def _of_python(text: str, name: str, scope: dict[str, object]) -> str:
    Path(name).write_text(text, encoding="utf-8")
    with redirect_stdout(StringIO()) as out:
        try:
            exec(compile(text, str(Path.cwd() / name), "exec"), scope)
        except NpusimError as error:
            print(f"{type(error).__module__}.{type(error).__name__}: {error}")
    return out.getvalue()


def _of_command(line: str) -> str:
    with redirect_stdout(StringIO()) as out:
        main(shlex.split(line)[1:])
    return out.getvalue()


if __name__ == "__main__":
    json.dump(list(followed(blocks(Path(sys.argv[1])))), sys.stdout)
