"""What observing costs: ViT-B plain, with its range watched, and with a shadow in float32 and float64, in turn."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

from npusim.call import Site
from npusim.frontends.torch.events import Event, Listener
from npusim.frontends.torch.observation import Finiteness, Shadow
from npusim.numerics.model import IEEE, Numerics, Overflow

ROUNDS = 9
PLACE = Site("vit.py", 1)
PLAIN, PASSING, WIDE = "plain", "pass-through mode", "the model in float32"


class Passing(TorchDispatchMode):
    """Does nothing."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # as a run does
        return False

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


class Observing(Passing):
    """Hands every operator to a listener; judges nothing."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self.listener = listener

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        event = Event(func, args, kwargs or {}, None, lambda: PLACE)
        self.listener.before(event)
        output = func(*args, **(kwargs or {}))
        self.listener.after(event, output)
        return output


def seconds(model: torch.nn.Module, pixels: torch.Tensor, mode: TorchDispatchMode | None) -> float:
    begin = time.perf_counter()
    if mode is None:
        model(pixels)
    else:
        with mode:
            model(pixels)
    return time.perf_counter() - begin


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    saturating = Numerics(overflow=Overflow.SATURATE)
    ways: dict[str, tuple[Callable[[], TorchDispatchMode | None], str]] = {
        PLAIN: (lambda: None, ""),
        PASSING: (Passing, ""),
        "Finiteness, infinities": (lambda: Observing(Finiteness(IEEE)), "at most 1.1 of plain"),
        "Finiteness, saturating": (lambda: Observing(Finiteness(saturating)), ""),
        "Shadow(float32)": (lambda: Observing(Shadow()), "at most 4 of plain"),
        "Shadow(float32), all": (lambda: Observing(Shadow(sample=None)), ""),
        "Shadow(float64)": (lambda: Observing(Shadow(torch.float64)), ""),
    }
    model = transformers.ViTModel(transformers.ViTConfig()).to(torch.bfloat16).eval()
    pixels = torch.randn(1, 3, 224, 224).to(torch.bfloat16)
    wide = transformers.ViTModel(transformers.ViTConfig()).eval()
    best = dict.fromkeys((*ways, WIDE), float("inf"))
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for name, (mode, _) in ways.items():
                best[name] = min(best[name], seconds(model, pixels, mode()))
            best[WIDE] = min(best[WIDE], seconds(wide, pixels.float(), None))
    print(f"ViT-B, one picture, bfloat16, one thread; best of {ROUNDS} rounds in turn")
    print(f"{'':<24} {'ms':>8} {'of plain':>9} {'of mode':>8} {'of float32':>11}")
    for name in best:
        bound = ways[name][1] if name in ways else ""
        ratios = (best[name] / best[other] for other in (PLAIN, PASSING, WIDE))
        print("{:<24} {:8.1f} {:9.2f} {:8.2f} {:11.2f}  {}".format(name, best[name] * 1e3, *ratios, bound).rstrip())


if __name__ == "__main__":
    main()
