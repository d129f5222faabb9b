"""The cache: files that are private, written whole or not at all, and known to be undamaged when they are read."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

_MAGIC = b"npusim cache 1\n"
_DIGEST_BYTES = 32


def cache_folder(kind: str) -> Path:
    """Return the private folder for one kind of thing: NPUSIM_CACHE_DIR, or a part of the user's cache folder."""
    named = os.environ.get("NPUSIM_CACHE_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("npusim", appauthor=False)) / kind


def read_sealed(path: Path) -> bytes | None:
    """Return what `write_sealed` stored, or None if the file is absent, unreadable or damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = content[len(_MAGIC) + _DIGEST_BYTES :]
    return body if content == _sealed(body) else None


def write_sealed(path: Path, body: bytes) -> None:
    """Store `body` with its checksum; where the folder cannot be written nothing is stored, which is no error."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_sealed(body))
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _sealed(body: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(body).digest() + body
