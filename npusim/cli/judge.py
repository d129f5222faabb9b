"""`npusim judge`: the verdict of one profile on one call, written on the command line."""

import argparse
import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from npusim.call import Call, Operand
from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import Style, as_json, painted
from npusim.errors import CallError
from npusim.frontends.numpy.spelling import parse_operand
from npusim.operators import Operator, bind, known_outputs
from npusim.profiles import Profile, find_operator, load
from npusim.profiles.words import Placement
from npusim.report.text import rejection, verdict_text
from npusim.simulator import Status, Verdict, judge, wrapping

_EXITS = {Status.ACCEPTED: Exit.ACCEPTED, Status.REJECTED: Exit.REJECTED, Status.UNKNOWN: Exit.UNKNOWN}
_STYLES = {Status.ACCEPTED: Style.GOOD, Status.REJECTED: Style.BAD, Status.UNKNOWN: Style.DOUBT}
_PLACES = {
    Placement.DEVICE: "on the device",
    Placement.HOST: "on the host",
    Placement.METADATA: "nowhere: it is a view",
}
_WORDS = {"true": True, "false": False, "none": None}
_VERBATIM = {"str", "dtype"}
"""Types of attribute whose value is the text itself."""


def read_call(operator: Operator, words: Sequence[str]) -> Call:
    """Return the call that words such as `x1=float32[16,1280]`, `float32[4]` and `dim=-1` describe.

    A word without a name is the next operand; a port named several times has several operands. Raises CallError or
    UnknownDtypeError for what does not fit the operator.
    """
    ports = {port.name: port for port in operator.ports}
    attributes = {attribute.name: attribute.type for attribute in operator.attributes}
    positional: list[Operand | None] = []
    operands: defaultdict[str, list[Operand | None]] = defaultdict(list)
    named: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if "=" not in word or not name.isidentifier():  # const:int8[2]{scale=0.1} is an operand, and has no name
            positional.append(_operand(word))
        elif name in ports:
            operands[name].append(_operand(value))
        elif name in named:
            raise CallError(f"{operator.name}: attribute {name!r} is given twice")
        else:
            named[name] = _value(value, attributes.get(name, ""))
    for name, given in operands.items():
        if len(given) > 1 and not ports[name].variadic:
            raise CallError(f"{operator.name}: port {name!r} takes one operand, not {len(given)}")
        named[name] = given if ports[name].variadic else given[0]
    return bind(operator, positional, named)


def _operand(text: str) -> Operand | None:
    """The operand of a dtype and shape; `none` leaves an optional port absent."""
    return None if text.lower() == "none" else parse_operand(text)


def _value(text: str, kind: str) -> Any:
    """The value of an attribute: a Python literal, `2,3` a tuple; any other text is itself."""
    if kind in _VERBATIM:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def switches(words: Sequence[str]) -> dict[str, bool]:
    """Return the features that words such as `ext_bf16` and `no-pro_fp` switch on and off."""
    return {word.removeprefix("no-"): not word.startswith("no-") for word in words}


def _run(arguments: argparse.Namespace) -> int:
    profile = load(
        arguments.profile, stack=arguments.stack, frontend=arguments.frontend, features=switches(arguments.feature)
    )
    operator = find_operator(profile, arguments.operator)
    call = read_call(operator, arguments.operands)
    verdict = judge(profile, call)
    if arguments.format == "json":
        print(as_json(verdict.to_dict()))
    else:
        first, *rest = _lines(verdict, profile, operator, arguments.wrapped)
        print(painted(first, _STYLES[verdict.status]), *rest, sep="\n")
    return _EXITS[verdict.status]


def _lines(verdict: Verdict, profile: Profile, operator: Operator, wrapped: bool) -> list[str]:
    if verdict.status is Status.REJECTED:
        return rejection(verdict, wrapping=wrapping(profile, verdict) if wrapped else "").splitlines()
    return [*verdict_text(verdict).splitlines(), *_consequences(verdict, profile, operator)]


def _consequences(verdict: Verdict, profile: Profile, operator: Operator) -> Iterator[str]:
    """Yield what comes out of a call that nothing forbids, and where it runs."""
    results = known_outputs(operator, verdict.call)
    last = operator.outputs[-1]
    names = [port.name for port in operator.outputs] + [last.name] * (len(results) if last.variadic else 0)
    shown = ", ".join(f"{name}={result}" for name, result in zip(names, results, strict=False))
    if shown:
        yield f"  gives    {shown}"
    if verdict.status is Status.ACCEPTED:
        yield f"  runs     {_PLACES[verdict.placement]} ({profile.id}, {profile.stack.name} {profile.stack.version})"


COMMAND = Command(
    name="judge",
    summary="say whether a profile accepts a call, in the vendor's words if not",
    description="Judge one call. Operands are a dtype and a shape, on a named port or in order; attributes are "
    "name=value.\nExit code: 0 accepted, 1 rejected, 2 usage error, 3 unknown (the profile has no facts on it).",
    examples="""\
  npusim judge ascend910b matmul_all_reduce x1=float32[16,1280] x2=bfloat16[1280,1280]
  npusim judge ascend910b aclnnMatmulAllReduce x1=bf16[16,1280] x2=bf16[1280,1280] --format json
  npusim judge ascend310p mul bfloat16[4] float32[4] --stack 8.2 --wrapped
  npusim judge ascend910b cat tensors=float16[2,3] tensors=float16[4,3] dim=0
  npusim judge ./mychip.yaml layer_norm float16[8,64] normalized_shape=64 eps=1e-6""",
    run=_run,
    arguments=(
        argument(
            "profile", metavar="PROFILE", help="the id of a profile (`npusim profiles`) or the path of a YAML file"
        ),
        argument("operator", metavar="OPERATOR", help="an operator: npusim's name, or the vendor's in any case"),
        argument(
            "operands",
            metavar="WORD",
            nargs="*",
            default=(),
            help="port=dtype[size,size] or dtype[size,size]; const:dtype[size] is a constant, `none` an absent port; "
            "a variadic port is repeated. "
            "attribute=value, a value being a number, true, false, none, a tuple such as 2,3 or text",
        ),
        FORMAT,
        argument("--stack", metavar="VERSION", help="a version of the software stack, which chooses the wording"),
        argument("--frontend", metavar="NAME", help="a front end of the stack, if the profile tells several apart"),
        argument(
            "--feature", metavar="NAME", action="append", default=[], help="switch a feature on, or off with no-NAME"
        ),
        argument("--wrapped", action="store_true", help="print the sentence as the framework does, with what it adds"),
    ),
)
