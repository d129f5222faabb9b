"""Run models that nobody wrote for npusim on several chips, and write what came of it to docs/torch-models.md.

$ python benchmarks/torch_models.py    takes minutes: every model has a process of its own, whose memory is measured
"""

import platform
import resource
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from npusim.frontends.torch.check import check  # noqa: E402
from npusim.frontends.torch.run import Run  # noqa: E402
from npusim.profiles import available  # noqa: E402
from tests.frontends.torch.diffusion import unet  # noqa: E402
from tests.frontends.torch.full_models import FULL  # noqa: E402
from tests.frontends.torch.models import MODELS, Built  # noqa: E402

PAGE = ROOT / "docs" / "torch-models.md"
TINY: Mapping[str, Callable[..., Built]] = MappingProxyType({**MODELS, "unet": unet})
CHIPS: Mapping[str, torch.dtype] = MappingProxyType(
    {
        "ascend910b": torch.bfloat16,
        "ascend310p": torch.float16,
        "ascend910a": torch.float16,
        "tenstorrent-blackhole": torch.bfloat16,
    }
)
"""The chips, and the dtype in which a model is deployed there: the older Ascends have no bfloat16."""

MANNERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"full": {"fake": True}, "tiny": {}, "training": {"training": True}}
)
"""How a model is run."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one model on one chip. `refused` and `unknown_calls` count calls by what is to be said of them."""

    model: str
    chip: str
    dtype: str
    parameters: int
    judged: int
    rejected: int
    unknown: int
    free: int
    seconds: float
    refused: Mapping[str, int]
    unknown_calls: Mapping[str, int]

    @property
    def counts(self) -> str:
        """The cells of the page that do not depend on the machine."""
        counted = (self.judged, self.rejected, self.unknown, self.free)
        return f"| {' | '.join(map(str, (self.model, self.chip, self.dtype, *counted)))} |"


def run(build: Callable[..., Built], chip: str, dtype: torch.dtype, manner: str) -> tuple[int, Run]:
    """Return a model's number of parameters, and its run on a chip."""
    parameters = 0

    def made() -> Built:
        nonlocal parameters
        model, inputs = build(dtype)
        parameters = sum(one.numel() for one in model.parameters())
        return model.train(manner == "training"), inputs

    (found,) = check(made, [chip], **MANNERS[manner])
    return parameters, found


def row(name: str, build: Callable[..., Built], chip: str, manner: str) -> Row:
    """Return the row of a model on a chip."""
    parameters, found = run(build, chip, CHIPS[chip], manner)
    counts = found.counts
    refused: dict[str, int] = defaultdict(int)
    for verdict in found.verdicts:
        first = verdict.violations[0]
        refused[f"| {chip} | `{verdict.call.operator}` | {_cell(first.text)} | {_cell(first.source)} |"] += 1
    return Row(
        name,
        chip,
        str(CHIPS[chip]).removeprefix("torch."),
        parameters,
        counts.judged,
        counts.rejected,
        counts.unknown,
        counts.free,
        found.seconds,
        dict(refused),
        {f"| {chip} | `{one.operator}` |": one.calls for one in found.unknown},
    )


def rows(name: str, manner: str) -> list[Row]:
    """Return the rows of a model on every chip."""
    return [row(name, (FULL if manner == "full" else TINY)[name], chip, manner) for chip in CHIPS]


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    full = {name: _alone(name, "full") for name in FULL}
    tiny = {name: _alone(name, "tiny") for name in TINY}
    training = {name: _alone(name, "training") for name in TINY}
    yield from _INTRODUCTION
    yield f"Times and memory are of two cores of one machine ({_machine()}), Python {platform.python_version()},"
    yield f"torch {torch.__version__}; take them as a class. A process that has imported the models, and checked none,"
    yield f"takes {_alone('', 'imports')[1]:.0f} MiB."
    yield from _table("Full size, without memory", _FULL, full)
    yield from _table("Tiny, with real tensors", _TINY, tiny)
    yield from _table("Tiny, forward and backward", _TRAINING, training)
    shown = [one for part in (full, tiny, training) for found, _ in part.values() for one in found]
    yield from _sums(
        "What is rejected", _REJECTED, "| chip | operator | what it says | source | calls |", shown, "refused"
    )
    yield from _sums("What is unknown", _UNKNOWN, "| chip | torch operator | calls |", shown, "unknown_calls")
    yield from _others()


def _table(title: str, text: str, found: Mapping[str, tuple[list[Row], float]]) -> Iterator[str]:
    yield from ("", f"## {title}", "", text, "")
    yield "| model | chip | dtype | judged | rejected | unknown | views, bookkeeping | parameters | s | MiB |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for rows, memory in found.values():
        for one in rows:
            yield f"{one.counts} {_short(one.parameters)} | {one.seconds:.2f} | {memory:.0f} |"


def _sums(title: str, text: str, head: str, found: Iterable[Row], what: str) -> Iterator[str]:
    totals: dict[str, int] = defaultdict(int)
    for one in found:
        for key, calls in getattr(one, what).items():
            totals[key] += calls
    yield from ("", f"## {title}", "", text, "", head, "|---" * (head.count("|") - 1) + "|")
    for key, calls in sorted(totals.items(), key=lambda item: (item[0].split("|")[1], -item[1], item[0])):
        yield f"{key} {calls} |"


def _others() -> Iterator[str]:
    """Yield a table of what all other chips know of the tiny models, each in the dtype that it knows best."""
    yield from ("", "## All other chips", "", _OTHERS, "")
    yield "| chip | dtype | judged | rejected | unknown | judged, of all |"
    yield "|---|---|---|---|---|---|"
    best = []
    for chip in available():
        if not chip.startswith("ascend"):
            best.append(max((_totals(chip, dtype) for dtype in _DTYPES), key=lambda total: total[2] - total[3]))
    for chip, dtype, judged, rejected, unknown in sorted(best, key=lambda total: (total[3] - total[2], total[0])):
        yield f"| {chip} | {dtype} | {judged} | {rejected} | {unknown} | {100 * judged / (judged + unknown):.0f} % |"


def _totals(chip: str, dtype: torch.dtype) -> tuple[str, str, int, int, int]:
    counts = [run(build, chip, dtype, "tiny")[1].counts for build in TINY.values()]
    name = str(dtype).removeprefix("torch.")
    sums = (sum(one.judged for one in counts), sum(one.rejected for one in counts), sum(one.unknown for one in counts))
    return (chip, name, *sums)


def _alone(name: str, manner: str) -> tuple[list[Row], float]:
    """Return a model's rows and its peak memory in MiB, measured in a process of its own that has imported torch."""
    print(name, manner, flush=True)
    with ProcessPoolExecutor(1, get_context("fork")) as process:
        return process.submit(_measured, name, manner).result()


def _measured(name: str, manner: str) -> tuple[list[Row], float]:
    return rows(name, manner) if name else [], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _short(count: int) -> str:
    scale, unit = next((pair for pair in ((10**9, "G"), (10**6, "M"), (10**3, "k")) if count >= pair[0]), (1, ""))
    return f"{count / scale:.3g} {unit}".strip()


def _machine() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


_DTYPES = (torch.bfloat16, torch.float16)
_INTRODUCTION = (
    "# Models that nobody wrote for npusim",
    "",
    "<!-- Generated by `python benchmarks/torch_models.py`, which takes minutes; edit that instead. -->",
    "",
    "Models of transformers and diffusers, unmodified, in a run that reports. Each is called on every chip in the",
    "dtype in which it is deployed there. `judged` are the operator calls that the profile accepts or rejects,",
    "`unknown` those of which it has no facts; the rest launches no kernel. ResNet is transformers' own. `s` is the",
    "time of the check, and `MiB` the peak of the process that built and checked the model on all four chips,",
    "with its imports.",
    "",
)
_FULL = "The published sizes, made by `npusim.torch.fake`; the Qwen-VL models see a picture of 34 x 46 patches."
_TINY = "The same classes with a few layers and seeded random weights, in inference."
_TRAINING = (
    "The tiny models in training mode, forward and backward. There torch shows the operators below autograd: `mm` and\n"
    "`addmm` instead of `linear`, of which a profile made of a compiler's list may know nothing."
)
_REJECTED = (
    "All calls above, by what the vendor's stack says. Of the Ascends only the 310P, which is made for inference,\n"
    "refuses anything: the manual lists it for few backward operators, and its max_pool2d takes float32 alone."
)
_UNKNOWN = "All calls above that were not judged."
_OTHERS = (
    "Why `tenstorrent-blackhole` stands for the others: its profile judges the largest share of these calls without\n"
    "refusing most of them, and its stack takes bfloat16 as it is. The tiny models, in inference, in the 16-bit dtype\n"
    "of which a chip accepts more; a chip that takes only quantised integers judges much and refuses as much."
)


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n", encoding="utf-8")
