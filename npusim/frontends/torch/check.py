"""Check one model on several chips, each run in report mode, so that everything is found."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from npusim.errors import NpusimError
from npusim.frontends.torch.run import Mode, Run
from npusim.frontends.torch.target import Build, TargetError, call, describe, find_target, made

if TYPE_CHECKING:
    from npusim.devices import Device


def check(
    target: str | Build,
    on: "Sequence[str | Device]",
    *,
    fake: bool = False,
    lowering: str | Sequence[str] | None = None,
    training: bool = False,
    execute: bool = False,
) -> Iterator[Run]:
    """Yield a run for each chip: the model of a function that returns (model, inputs), called once on each.

    target    the function, or its name as package.module:function
    on        profile ids, paths of YAML files, or devices
    fake      without memory for weights and activations
    training  forward and backward, of the sum of the outputs that have a gradient

    The function is called anew for each chip, so that no state is carried over. Raises TargetError if it, or the model,
    fails; the message names the line.
    """
    import npusim

    build = find_target(target) if isinstance(target, str) else target
    devices = [npusim.device(one) if not isinstance(one, npusim.Device) else one for one in on]
    for npu in devices:
        model, inputs = made(build, fake=fake)
        run = npu.torch(Mode.REPORT, lowering=lowering, training=training, execute=execute)
        run.again = partial(call, model, inputs, training=training)
        try:
            with run:
                run.again()
        except NpusimError:
            raise
        except Exception as error:
            raise TargetError(f"the model failed under npusim on {npu.profile.id}: {describe(error)}") from error
        yield run
