"""Time a ViT-B forward under emulated bf16 and fp16 arithmetic beside torch's own on this CPU, all in one run."""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from npusim.frontends.torch.emulation import Emulator
from npusim.numerics.measures import sqnr_db
from npusim.numerics.model import IEEE, Numerics, Overflow, Subnormals
from npusim.profiles import load

DEVICES: Mapping[str, Numerics] = MappingProxyType(
    {
        "emulated": IEEE,
        "emulated, saturating, flushing": replace(IEEE, overflow=Overflow.SATURATE, subnormals=Subnormals.FLUSH),
    }
)

KERNELS = "emulated, all by kernels"


class Emulated(TorchDispatchMode):
    """Hands every operator to an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self.emulator = emulator

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.emulator.compute(func, args, kwargs)


def best_s(works: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the shortest of `repeats` runs of each work, in seconds; they take turns under the same load."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=12, help="layers of the model (default 12)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of which the best counts (default 5)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    options = parser.parse_args()
    from transformers import ViTConfig, ViTModel

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = ViTModel(ViTConfig(num_hidden_layers=options.layers), add_pooling_layer=False).eval()
    pixels = torch.randn(1, 3, 224, 224)

    def forward() -> torch.Tensor:
        result: torch.Tensor = model(pixel_values=pixels.to(model.dtype)).last_hidden_state
        return result

    def emulated(emulator: Emulator) -> torch.Tensor:
        with Emulated(emulator):
            return forward()

    profile = load("ascend910b")
    with torch.inference_mode():
        truth = forward().numpy()
        print(f"ViT-B, {options.layers} layers, batch 1, {options.threads} threads")
        print(f"{'':40}{'ms':>9}{'x native':>10}{'dB to fp32':>12}{'to kernels':>12}")
        print(f"{'float32':40}{best_s({'': forward}, options.repeats)[''] * 1e3:9.1f}")
        for dtype in (torch.bfloat16, torch.float16):
            model = model.float().to(dtype)
            emulators = {name: Emulator(replace(profile, numerics=numerics)) for name, numerics in DEVICES.items()}
            emulators[KERNELS] = Emulator(replace(profile, numerics=IEEE), kernels=True)
            works: dict[str, Callable[[], torch.Tensor]] = {"native": forward}
            for name, emulator in emulators.items():
                works[name] = lambda given=emulator: emulated(given)  # type: ignore[misc]
            outputs = {name: work().float().numpy() for name, work in works.items()}
            seconds = best_s(works, options.repeats)
            for name, value in seconds.items():
                distances = [sqnr_db(outputs[name], one) for one in (truth, outputs[KERNELS])]
                print(f"{f'{dtype} {name}':40}{value * 1e3:9.1f}{value / seconds['native']:10.2f}", end="")
                print("".join(f"{distance:12.1f}" for distance in distances))
            paths = Counter[str]()
            for (_, path), count in emulators["emulated"].paths.items():
                paths[path] += count
            print(f"{'':4}paths: {', '.join(f'{path} {count}' for path, count in paths.most_common())}")


if __name__ == "__main__":
    main()
