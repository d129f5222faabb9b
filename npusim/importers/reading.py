"""Read a vendor's file: of a bounded size, as UTF-8 text, with places to point at."""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from npusim.errors import ImportFormatError
from npusim.profiles.document import Mark

MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file, and the places in it."""

    file: str
    text: str

    def mark(self, offset: int) -> Mark:
        """The place of a character."""
        start = self.text.rfind("\n", 0, offset) + 1
        return Mark(self.file, self.text.count("\n", 0, offset) + 1, offset - start + 1)

    def fail(self, offset: int, message: str) -> NoReturn:
        """Raise ImportFormatError at a character."""
        fail(self.mark(offset), message)


def fail(mark: Mark, message: str) -> NoReturn:
    """Raise ImportFormatError at a place."""
    raise ImportFormatError(f"{mark}: {message}")


def read(path: Path) -> Source:
    """Return the text of a file; raises ImportFormatError for one that is too big or not UTF-8 text, OSError."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        fail(Mark(str(path), 1, 1), f"the file has {size} bytes; what is imported has at most {MAX_BYTES}")
    try:
        return Source(str(path), path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        column = error.start - before.rfind(b"\n")
        return fail(Mark(str(path), before.count(b"\n") + 1, column), "not UTF-8 text")


def shown(value: object) -> str:
    """A value as a message shows it, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
