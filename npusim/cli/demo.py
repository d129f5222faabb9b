"""`npusim demo`: the founding story, end to end."""

import argparse

from npusim.cli.command import Command


def _run(_: argparse.Namespace) -> int:
    from npusim.demo import main

    return main()


COMMAND = Command(
    name="demo",
    summary="show the founding story: a rejection, where it was born, and two repairs, run and measured",
    description="One attention block of Qwen2.5-VL meets an Ascend 910B: the call that the chip refuses, in its words; "
    "the line\nwhere the wrong dtype was born; the two published repairs, each run on OpenCL kernels, with what each "
    "costs in\naccuracy; and the same block on a 310P. With npusim[torch] also Qwen2.5-VL of transformers, small with "
    "weights\nand of 72 billion parameters without.",
    examples="  npusim demo\n  npusim demo | less",
    run=_run,
)
