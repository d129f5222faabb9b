"""Build OpenCL programs once, and keep them in memory and on disk."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import npusim
from npusim.cache import cache_folder, read_sealed, write_sealed
from npusim.errors import KernelBuildError
from npusim.executor.runtime import Session
from npusim.resources import folder

_PRELUDE = "soft_float.h"


@dataclass(frozen=True, slots=True)
class Source:
    """The text of an OpenCL program and the options to build it with.

    `trusted` is true of npusim's own: all its kernels may be compiled when one is launched, to keep them together.
    """

    text: str
    options: tuple[str, ...] = ()
    trusted: bool = False

    def key(self, runtime_identity: str) -> str:
        """Return the name under which its compiled form is kept: a hash of everything that the form depends on."""
        parts = (npusim.__version__, runtime_identity, *self.options, self.text)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def library(file: str, defines: tuple[tuple[str, str], ...] = ()) -> Source:
    """Return the program of a file in kernels/, with the prelude before it and `defines` as -D options."""
    shipped = folder("kernels")
    text = "\n".join((shipped / name).read_text(encoding="utf-8") for name in (_PRELUDE, file))
    return Source(text, tuple(f"-D{name}={value}" for name, value in defines), trusted=True)


class Program:
    """A built program. `keep` stores its compiled form."""

    def __init__(self, session: Session, program: Any, path: Path, *, trusted: bool, kept: bool) -> None:
        self._session, self._program, self._path = session, program, path
        self._trusted, self._kept = trusted, kept
        self._kernels: dict[str, Any] = {}

    def kernel(self, name: str) -> Any:
        """Return the kernel called `name`; raises KernelBuildError, naming those there are, if there is none."""
        kernel = self._kernels.get(name)
        if kernel is None:
            try:
                kernel = self._kernels[name] = self._session.cl.Kernel(self._program, name)
            except self._session.cl.Error as error:
                there = ", ".join(self._names()) or "none"
                raise KernelBuildError(f"the program has no kernel {name!r}; it has: {there}") from error
        return kernel

    def keep(self) -> None:
        """Store the compiled form, unless it is stored already or the folder cannot be written (then nothing is kept).

        To be called after a launch: the runtime compiles a kernel for real only then, or here. A program that is not
        trusted is stored when all its kernels have been launched, as compiling another one might end the process.
        """
        if self._kept or not (self._trusted or set(self._kernels) >= set(self._names())):
            return
        self._kept = True
        (binary,) = self._program.get_info(self._session.cl.program_info.BINARIES)
        write_sealed(self._path, bytes(binary))

    def _names(self) -> list[str]:
        names: str = self._program.get_info(self._session.cl.program_info.KERNEL_NAMES)
        return list(filter(None, names.split(";")))


class Programs:
    """The programs of one session; built lazily, each at most once."""

    def __init__(self, session: Session, folder: Path | None = None) -> None:
        self._session = session
        self._folder = cache_folder("programs") if folder is None else folder
        self._built: dict[Source, Program] = {}

    def get(self, source: Source) -> Program:
        """Return the built program of `source`: from memory, from disk, or compiled now.

        A stored form that is damaged or that the runtime refuses is compiled anew and replaced.
        Raises KernelBuildError, holding the compiler's log, if it does not compile.
        """
        program = self._built.get(source)
        if program is None:
            program = self._built[source] = self._restore(source) or self._build(source)
        return program

    def _restore(self, source: Source) -> Program | None:
        path = self._path(source)
        binary = read_sealed(path)
        if binary is None:
            return None
        cl = self._session.cl
        try:
            program = cl.Program(self._session.context, [self._session.device], [binary]).build(cache_dir=False)
        except cl.Error:
            return None
        return Program(self._session, program, path, trusted=source.trusted, kept=True)

    def _build(self, source: Source) -> Program:
        cl = self._session.cl
        program = cl.Program(self._session.context, source.text)
        options = list(source.options)
        if self._session.runtime.divides_exactly:
            options.append("-cl-fp32-correctly-rounded-divide-sqrt")
        try:
            program = program.build(options, cache_dir=False)
        except cl.RuntimeError as error:
            raise KernelBuildError(f"the program does not compile:\n{_log(str(error))}") from error
        return Program(self._session, program, self._path(source), trusted=source.trusted, kept=False)

    def _path(self, source: Source) -> Path:
        return self._folder / f"{source.key(self._session.runtime.identity)}.bin"


def _log(message: str) -> str:
    """Return the compiler's own words out of pyopencl's message, which repeats the status and adds the options."""
    _, _, log = message.partition("\n\n")
    return (log or message).rpartition("\n(options:")[0].strip() or message
