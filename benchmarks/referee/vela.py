"""Ask Arm's Vela where it would place an operator: JSON-lines cases in, one JSON answer a line out.

    $ path/to/venv/bin/python vela.py ethos-u55-128 < cases.jsonl > answers.jsonl

Runs in an environment that has `ethos-u-vela`, `flatbuffers` and `numpy`. The compiler is loaded once; each case is
then compiled in a fork of the process, so that one which crashes it or never ends spoils only its own answer.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, NoReturn

import tflite
from case import Case, parse
from ethosu import regor

WARNING = "Warning (supported operators)"
"""How the compiler begins to say that an operator stays on the CPU."""
CHATTER = "TfLiteReader: Built-in options type"
"""How its reader says that it skips options that hold nothing."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What Vela's command line passes to its compiler for one accelerator when nothing else is asked for."""

    architecture: str
    macs: int
    system_config: str
    memory_mode: str
    arena_size_limit: int

    @property
    def system(self) -> str:
        """The system configuration: Vela's own file, with the accelerator put before it."""
        chosen = f"[architecture]\nmacs={self.macs}\ncores=1\n"
        chosen += f"[vela]\nsystem_config_name={self.system_config}\nmemory_mode_name={self.memory_mode}\n"
        return chosen + _vela_ini()

    @property
    def options(self) -> str:
        """The compiler's options, every one at the default of the command line."""
        return (
            "[compiler]\noutput_format=TFLite\ncop_format=COP1\n"
            f"[scheduler]\noptimize=Performance\narena_size_limit={self.arena_size_limit}\n"
            "disable_feature=\ncpu_tensor_alignment=16\ntensor_allocator=HillClimb\n"
            "[graph]\nsoftmax_int16_neg_exp_range=10.0\n"
        )


@cache
def _vela_ini() -> str:
    return files("ethosu").joinpath("config_files/Arm/vela.ini").read_text(encoding="utf-8")


def _u55(macs: int) -> Accelerator:
    return Accelerator("EthosU55", macs, "Ethos_U55_High_End_Embedded", "Shared_Sram", 1 << 32)


def _u85(macs: int) -> Accelerator:
    return Accelerator("EthosU85", macs, "Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB", 384 << 10)


ACCELERATORS: Mapping[str, Accelerator] = {
    **{f"ethos-u55-{macs}": _u55(macs) for macs in (32, 64, 128, 256)},
    **{f"ethos-u85-{macs}": _u85(macs) for macs in (128, 256, 512, 1024, 2048)},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The compiler's verdict in its own words, and how many operators it put on either side."""

    id: str
    verdict: str
    text: list[str]
    cpu_operators: int | None = None
    npu_operators: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one case may take."""

    timeout_s: float
    memory_bytes: int


def judge(data: Mapping[str, Any], accelerator: Accelerator, limits: Limits) -> Answer:
    """The answer for one case; `invalid` when no model can be built from it, which is not the compiler's fault."""
    try:
        case = parse(data)
        model = tflite.build(case)
    except (ValueError, IndexError, OverflowError) as wrong:
        return Answer(str(data.get("id")), "invalid", [str(wrong)])
    log = os.memfd_create("log")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _compile_and_exit(model, accelerator, limits, log, writer)
    os.close(writer)
    found = _read(reader, child, limits.timeout_s)
    status = os.waitpid(child, 0)[1]
    printed = _lines(os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace"))
    os.close(log)
    return _answer(case, found, status, printed, limits)


def _compile_and_exit(model: bytes, accelerator: Accelerator, limits: Limits, log: int, writer: int) -> NoReturn:
    """In the fork: compile, report on the pipe, and leave without running anything of the parent's."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        compiled = regor.compile(
            accelerator.architecture, model, "TFLITE", accelerator.system, options=accelerator.options, verbose=True
        )
        report = compiled.perf_report
        found: dict[str, Any] = {"cpu": report.cpuOps, "npu": report.npuOps}
    except Exception as error:  # whatever the compiler throws is its answer, and must not run the parent's code
        found = {"error": f"{type(error).__name__}: {error}"}
    os.write(writer, json.dumps(found).encode())
    os._exit(0)


def _read(reader: int, child: int, timeout_s: float) -> dict[str, Any] | None:
    """What the fork reported before it ended or its time was up; None when it said nothing."""
    is_ready = select.select([reader], [], [], timeout_s)[0]
    if not is_ready:
        os.kill(child, signal.SIGKILL)
    with open(reader, "rb") as pipe:
        said = pipe.read()
    return json.loads(said) if said else None


def _answer(case: Case, found: dict[str, Any] | None, status: int, printed: list[str], limits: Limits) -> Answer:
    if found is None:
        return Answer(case.id, "error", [*printed, _ending(status, limits)])
    if "error" in found:
        return Answer(case.id, "error", _lines(found["error"]))
    refusal = _refusal(printed, case) or (printed if found["cpu"] and not case.inside else [])
    is_refused = bool(refusal) or (found["cpu"] > 0 and not case.inside)
    return Answer(case.id, "cpu" if is_refused else "npu", refusal, found["cpu"], found["npu"])


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith(CHATTER)]


def _refusal(printed: Sequence[str], case: Case) -> list[str]:
    """The lines of the warning about the operator of the case, known by the tensor that it writes."""
    port, operands = next(iter(case.outputs.items()))
    ending = f"ofm: '{port if len(operands) == 1 else f'{port}_0'}'"
    starts = [n for n, line in enumerate(printed) if line.startswith(WARNING)]
    warnings = [list(printed[start:end]) for start, end in pairwise([*starts, len(printed)])]
    return next((warning for warning in warnings if warning[0].endswith(ending)), [])


def _ending(status: int, limits: Limits) -> str:
    if not os.WIFSIGNALED(status):
        return f"compiler exited with status {os.waitstatus_to_exitcode(status)}"
    name = signal.Signals(os.WTERMSIG(status)).name
    return f"no answer within {limits.timeout_s:g} s" if name == "SIGKILL" else f"compiler ended by {name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accelerator", choices=ACCELERATORS)
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds that one case may take")
    parser.add_argument("--memory", type=int, default=4096, help="MiB of address space that one case may take")
    arguments = parser.parse_args()
    accelerator, limits = ACCELERATORS[arguments.accelerator], Limits(arguments.timeout, arguments.memory << 20)
    _vela_ini()  # once here, not in every fork
    begun, asked = time.monotonic(), 0
    for line in filter(str.strip, sys.stdin):
        print(json.dumps(asdict(judge(json.loads(line), accelerator, limits))), flush=True)
        asked += 1
    spent = time.monotonic() - begun
    print(f"{asked} cases in {spent:.1f} s, {asked / spent:.0f} a second", file=sys.stderr)


if __name__ == "__main__":
    main()
