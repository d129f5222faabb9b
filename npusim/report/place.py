"""Places in files as people read them: relative to the working directory where they are below it."""

from pathlib import Path

from npusim.profiles.document import Mark


def show_file(file: str) -> str:
    """Return a file's path, relative to the working directory where it is below it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def show_mark(mark: Mark) -> str:
    """Return file:line:column."""
    return f"{show_file(mark.file)}:{mark.line}:{mark.column}"
