"""The cost of judging a PyTorch model: per operator, over one forward pass, and for 72 billion parameters."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

WITHOUT_MEMORY = "--72b"
"""The option with which this script checks the model of 72 billion parameters and prints what that took as JSON."""

ROUNDS, ROUNDS_VIT, ROUNDS_72B = 60, 7, 3
MICRO = 1e6
ADDS = 200
TINY: Mapping[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
IMAGE, START, END, WORDS = 151655, 151652, 151653, 200
GRID = (1, 34, 46)


def main() -> None:
    if WITHOUT_MEMORY in sys.argv:
        print(json.dumps(check_72b()))
        return
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.inference_mode():
        report_operators()
        report_vit()
    report_72b()


def ways(npu: Any) -> Mapping[str, Callable[[], AbstractContextManager[Any]]]:
    """Return what to run a model in, by name: nothing, a mode as anyone would write it, and runs of ours."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class PassThrough(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as torch's __init__ is
        def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func(*args, **(kwargs or {}))

    return {
        "plain": torch.inference_mode,
        "pass-through": PassThrough,
        "judging": lambda: npu.torch("report", origins=False),
        "with origins": lambda: npu.torch("report"),
    }


def best_s(
    work: Callable[[], object], within: Mapping[str, AbstractContextManager[Any]], rounds: int
) -> dict[str, float]:
    """Return the shortest time of the work within each way, in seconds of this process; they take turns."""
    best = dict.fromkeys(within, float("inf"))
    for _ in range(rounds):
        for name, way in within.items():
            with way:
                work()
                begin = time.process_time()
                work()
                best[name] = min(best[name], time.process_time() - begin)
    return best


def report_operators() -> None:
    """Print what judging adds to an operator: in microseconds, in tiny adds, and over what a pass-through costs."""
    import torch
    from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel

    import npusim

    one, ids = torch.ones(4), torch.arange(6)[None]
    bert = BertModel(BertConfig(**TINY)).eval()
    llama = LlamaModel(LlamaConfig(**TINY)).eval()

    def adds() -> None:
        result = one
        for _ in range(ADDS):
            result = result + one

    npu = npusim.device("ascend910b")
    add_us = 0.0
    print(f"{'us per operator':<24}{'calls':>6}{'plain':>8}{'pass-through':>14}{'judging':>9}{'with origins':>14}")
    for name, work in {"tiny adds": adds, "tiny BERT": lambda: bert(ids), "tiny Llama": lambda: llama(ids)}.items():
        within = {way: make() for way, make in ways(npu).items()}
        with npu.torch("report") as run:
            work()
        calls = run.counts.calls
        us = {way: MICRO * best / calls for way, best in best_s(work, within, ROUNDS).items()}
        add_us = add_us or us["plain"]
        print(f"{name:<24}{calls:>6}{us['plain']:8.2f}{us['pass-through']:14.2f}", end="")
        print(f"{us['judging']:9.2f}{us['with origins']:14.2f}")
        for way, most_us in (("judging", 1.5), ("with origins", 2.5)):
            added = us[way] - us["pass-through"]
            print(
                f"    {way:<13} adds {added:5.2f} us = {added / add_us:5.2f} tiny adds (at most {most_us / 1.3:.2f}) "
                f"= {added / us['pass-through']:5.2f} pass-throughs"
            )


def report_vit() -> None:
    """Print how much longer a forward pass of ViT-B takes when it is judged."""
    import torch
    from transformers import ViTConfig, ViTModel

    import npusim

    npu = npusim.device("ascend910b")
    model, pixels = ViTModel(ViTConfig()).eval(), torch.randn(1, 3, 224, 224)
    within = {way: make() for way, make in ways(npu).items()}
    best = best_s(lambda: model(pixel_values=pixels), within, ROUNDS_VIT)
    first = float("inf")
    for _ in range(ROUNDS_VIT):
        begin = time.process_time()
        with npu.torch("report"):
            model(pixel_values=pixels)
        first = min(first, time.process_time() - begin)
    for way, seconds in (*best.items(), ("with origins, in a new run", first)):
        most = "" if way in {"plain", "pass-through"} else "   (at most 1.05)"
        print(f"ViT-B forward, {way:<28} {seconds * 1e3:7.1f} ms   ratio {seconds / best['plain']:6.3f}{most}")


def report_72b() -> None:
    """Print the time and memory of a process that checks Qwen2.5-VL 72B with an image."""
    command = [sys.executable, str(Path(__file__)), WITHOUT_MEMORY]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(ROUNDS_72B)]
    best = {name: min(one[name] for one in found) for name in found[0]}
    print(
        f"Qwen2.5-VL 72B with an image, {best['calls']} calls: {best['seconds']:.2f} s after imports (at most 5), "
        f"of which the check {best['checking']:.2f} s; {best['mib']:.0f} MiB in all (at most 450)"
    )


def check_72b() -> dict[str, float]:
    """Check the model without memory and return the seconds after imports, the calls and the peak memory."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    import npusim
    import npusim.torch

    torch.set_num_threads(1)
    begin = time.perf_counter()
    npu = npusim.device("ascend910b")
    config = config_72b()
    model, inputs = npusim.torch.fake(
        lambda: (Qwen2_5_VLForConditionalGeneration._from_config(config, dtype=torch.bfloat16), picture_and_words())
    )
    made = time.perf_counter()
    with npu.torch("report") as run:
        model(**inputs)
    end = time.perf_counter()
    return {"seconds": end - begin, "checking": end - made, "calls": run.counts.calls, "mib": peak_mib()}


def config_72b() -> Any:
    """Return a configuration of the size of Qwen2.5-VL 72B."""
    from transformers import Qwen2_5_VLConfig

    text = {
        "hidden_size": 8192,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "intermediate_size": 29568,
        "vocab_size": 152064,
        "rope_parameters": {"mrope_section": [16, 24, 24], "rope_type": "default", "rope_theta": 1e6},
    }
    vision = {"depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "out_hidden_size": 8192}
    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, image_token_id=IMAGE)


def picture_and_words() -> Mapping[str, Any]:
    """Return a picture of 34 x 46 patches, merged two by two, and some words."""
    import torch

    patches = GRID[0] * GRID[1] * GRID[2]
    ids = torch.tensor([[START, *[IMAGE] * (patches // 4), END, *range(WORDS)]])
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": torch.randn(patches, 3 * 2 * 14 * 14, dtype=torch.bfloat16),
        "image_grid_thw": torch.tensor([GRID]),
        "mm_token_type_ids": (ids == IMAGE).int(),
    }


def peak_mib() -> float:
    """Return the most memory that this process has had resident, from Linux' own account, in MiB.

    Not from getrusage: a process starts with its parent's value there.
    """
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return float(fields["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main()
