"""Write a file whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path


def write_text(path: Path, lines: Iterable[str], *, overwrite: bool = True) -> None:
    """Write lines, which end as they should, to a file beside the path and then put it there.

    Raises FileExistsError if something is there already and may not be overwritten, OSError as files do.
    """
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} is there already, and is not overwritten")
    beside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
