"""Ask the vendors' own tools what the profiles claim, compare, and write down every disagreement.

$ python benchmarks/referee .                the run, with the tools in .venvs-referee (see `make referee`)
$ python benchmarks/referee . --venvs DIR    the same with other environments: DIR/vela and DIR/tosa
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import tflite_cases  # noqa: E402 - the folder is a program, not a package
import tosa_cases  # noqa: E402
from calls import Meaning, call_of, of_tflite, of_tosa  # noqa: E402
from case import CaseError, parse  # noqa: E402
from compare import Comparison, compare  # noqa: E402
from page import page  # noqa: E402
from sample import write_sample  # noqa: E402

from npusim.errors import CallError  # noqa: E402
from npusim.profiles import load  # noqa: E402
from npusim.profiles.model import Profile  # noqa: E402
from npusim.simulator import judge  # noqa: E402

Data = Mapping[str, Any]
EXTENSIONS = ("int16", "int4", "int64", "bf16", "fp8e4m3", "fp8e5m2", "fft", "doubleround", "inexactround")


@dataclass(frozen=True, slots=True)
class Referee:
    """A tool that knows what a profile claims, and how to ask it."""

    profile: Profile
    title: str
    tool: str
    venv: str
    command: tuple[str, ...]
    questions: Callable[[], Iterator[Data]]
    meaning: Callable[[Any], Meaning]


def referees() -> Iterator[Referee]:
    """Every referee, one a target of its tool."""
    for chip, macs in (("ethos-u55", "ethos-u55-128"), ("ethos-u85", "ethos-u85-256")):
        yield Referee(
            load(chip), chip, "ethos-u-vela 5.2.0", "vela", ("vela.py", macs), tflite_cases.questions, of_tflite
        )
    tosa = "tosa-tools 2026.8.0, tosa-opt"
    base = load("tosa-1.1")
    command = ("tosa.py", "--version", "1.1.draft")
    yield Referee(base, "tosa-1.1", tosa, "tosa", command, lambda: tosa_cases.questions(base), of_tosa)
    whole = load("tosa-1.1", features=dict.fromkeys((f"ext_{name}" for name in EXTENSIONS), True))
    yield Referee(
        whole,
        "tosa-1.1 with extensions",
        tosa,
        "tosa",
        (*command, "--extensions", ",".join(EXTENSIONS)),
        lambda: tosa_cases.questions(whole),
        of_tosa,
    )


def answers(venv: Path, command: Sequence[str], cases: Iterable[Data]) -> list[dict[str, Any]]:
    """What a tool says to the cases, in order."""
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    script, *arguments = command
    done = subprocess.run(
        [str(venv / "bin/python"), str(HERE / script), *arguments],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def asked(referee: Referee, venvs: Path) -> Iterator[Comparison]:
    """Every case on which the tool and the profile both have something to say."""
    meant = []
    for data in referee.questions():
        try:
            call = call_of(referee.profile, referee.meaning(parse(data)))
            meant.append((data, call, judge(referee.profile, call)))
        except (CaseError, CallError):
            continue  # what npusim calls a mistake of the caller has no verdict
    said = answers(venvs / referee.venv, referee.command, (data for data, *_ in meant))
    for (data, call, verdict), answer in zip(meant, said, strict=True):
        if answer["verdict"] != "invalid":
            yield compare(data, call, answer, verdict)


def main() -> None:
    """Run every referee; write docs/referee.md and the sample for the tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="the repository")
    parser.add_argument("--venvs", type=Path, help="where the tools' environments are")
    parser.add_argument("--only", help="run one referee and write nothing")
    arguments = parser.parse_args()
    venvs = arguments.venvs or arguments.root / ".venvs-referee"
    found = {}
    for referee in referees():
        if arguments.only in {None, referee.title}:
            comparisons = found[referee] = tuple(asked(referee, venvs))
            agreed = sum(one.agrees for one in comparisons)
            print(f"{referee.title}: {agreed} of {len(comparisons)} agree, {agreed / len(comparisons):.2%}")
            if arguments.only:
                for one in comparisons:
                    if not (one.agrees and one.says_the_same):
                        print(f"  {one.line}")
    if not arguments.only:
        (arguments.root / "docs/referee.md").write_text(page({r.title: (r.tool, c) for r, c in found.items()}))
        for referee, comparisons in found.items():
            write_sample(arguments.root / "tests/referee", referee.title, referee.profile, comparisons)


if __name__ == "__main__":
    main()
