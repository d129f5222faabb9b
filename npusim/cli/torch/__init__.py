"""`npusim torch`: what npusim knows of the operators of a PyTorch model."""

from npusim.cli.command import Group, Modules

COMMAND = Group(
    name="torch",
    summary="see which operators a PyTorch model calls, and what npusim makes of them",
    description="What npusim makes of a PyTorch model. Needs npusim[torch].",
    examples="  npusim torch coverage models.vision:build --on ascend910b",
    commands=Modules("npusim.cli.torch", ("coverage",)),
)
