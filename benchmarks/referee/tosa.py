"""Ask TOSA's validator whether an operator is legal: JSON-lines cases in, one JSON answer a line out.

    $ path/to/venv/bin/python tosa.py --profiles pro_int --extensions int16 < cases.jsonl > answers.jsonl

Runs in an environment that has `tosa-tools`. Each case becomes an MLIR module with one operator; hundreds of modules go
through one run of `tosa-opt`. Shapes are TOSA's own: activations NHWC, weights of `conv2d` OHWI, of `depthwise_conv2d`
HWCM. An input of TOSA that most frameworks hold in an attribute (a shape, the pads, a zero point) may come as either:
as an attribute it becomes a constant, as an operand it is what the operand says. A zero point that the case does not
give is a constant with the zero point of the tensor's quantisation, or 0.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from itertools import chain, islice
from pathlib import Path
from typing import Any

from case import Case, CaseError, Operand, parse

SEPARATOR = "// -----"
"""What tosa-opt takes for the border between two modules."""
ERROR = re.compile(r"^<stdin>:(?P<line>\d+):\d+: error: (?P<message>.*)$")
SHAPE = "shape"
"""The dtype of an operand that is a list of sizes, TOSA's shape_t."""

TYPES: Mapping[str, str] = {
    "bool": "i1", "int4": "i4", "int8": "i8", "int16": "i16", "int32": "i32", "int48": "i48", "int64": "i64",
    "uint8": "ui8", "uint16": "ui16", "uint32": "ui32",
    "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64",
    "float8_e4m3fn": "f8E4M3FN", "float8_e5m2": "f8E5M2", "float8_e8m0fnu": "f8E8M0FNU",
    "float6_e2m3fn": "f6E2M3FN", "float6_e3m2fn": "f6E3M2FN", "float4_e2m1fn": "f4E2M1FN",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a TOSA operator: its name there, how MLIR writes it, and what it is when the case is silent."""

    name: str
    write: Callable[[Any, Case], str]
    default: Any = None


@dataclass(frozen=True, slots=True)
class Form:
    """How TOSA writes an operator; `fills` says what a missing input is, and `shapes` which inputs are shape_t."""

    name: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    fills: Mapping[str, Callable[[Case], Operand]]
    shapes: frozenset[str] = frozenset()


def _form(
    name: str,
    inputs: str,
    attributes: Mapping[str, Attribute] | None = None,
    *,
    zero_points: Mapping[str, str] | None = None,
    fills: Mapping[str, Callable[[Case], Operand]] | None = None,
    shapes: str = "",
) -> Form:
    """A form; `zero_points` says of which tensor each zero-point input is."""
    zeros = {port: _zero_point(of) for port, of in (zero_points or {}).items()}
    return Form(name, tuple(inputs.split()), attributes or {}, {**zeros, **(fills or {})}, frozenset(shapes.split()))


def _zero_point(of: str) -> Callable[[Case], Operand]:
    def fill(case: Case) -> Operand:
        ((tensor, *_),) = (ports[of] for ports in (case.operands, case.outputs) if of in ports)
        value = tensor.quant.zero_points[0] if tensor.quant is not None else 0
        return Operand(tensor.dtype, (1,), constant=True, value=value)

    return fill


def _integer(value: Any, _: Case) -> str:
    return f"{int(value)} : i32"


def _boolean(value: Any, _: Case) -> str:
    return str(bool(value)).lower()


def _integers(width: int, count: int | None = None) -> Callable[[Any, Case], str]:
    """A dense array; one number stands for `count` of them."""

    def write(value: Any, _: Case) -> str:
        many = [value] * (count or 1) if isinstance(value, int) else value
        return f"array<i{width}: {', '.join(map(str, many))}>" if many else f"array<i{width}>"

    return write


def _enum(name: str) -> Callable[[Any, Case], str]:
    return lambda value, _: f"#tosa.{name}<{str(value).upper()}>"


def _like_input(value: Any, case: Case) -> str:
    """A number with the dtype of the first operand, which is how clamp writes its bounds."""
    dtype = next(iter(case.operands.values()))[0].dtype
    return _number(value, dtype) if dtype == "bool" else f"{_number(value, dtype)} : {_element(dtype)}"


def _accumulator(value: Any, case: Case) -> str:
    """The accumulator asked for, or else the narrowest one that TOSA has for the dtype."""
    ((first, *_), *_) = case.operands.values()
    return _element(value or ACCUMULATORS[case.operator == "avg_pool2d"].get(first.dtype, "float32"))


ACCUMULATORS = (
    {"int8": "int32", "int16": "int48", "float8_e4m3fn": "float16", "float8_e5m2": "float16"},
    {"int8": "int32", "int16": "int32", "float8_e4m3fn": "float16", "float8_e5m2": "float16"},
)
"""By the dtype of the input; the second table is the one of pools."""

AXIS = {"dim": Attribute("axis", _integer, 0)}
NAN_MODE = {"nan_mode": Attribute("nan_mode", _enum("nan_mode"))}
ACC_TYPE = {"acc_type": Attribute("acc_type", _accumulator, "")}
LOCAL_BOUND = {"local_bound": Attribute("local_bound", _boolean)}
WINDOW = {
    "kernel_size": Attribute("kernel", _integers(64, 2), 1),
    "stride": Attribute("stride", _integers(64, 2), 1),
    "padding": Attribute("pad", _integers(64, 4), 0),
}
CLAMP = {"min": Attribute("min_val", _like_input), "max": Attribute("max_val", _like_input)}
TRANSPOSED = {
    "out_pad": Attribute("out_pad", _integers(64, 4), 0),
    "stride": Attribute("stride", _integers(64, 2), 1),
}
RESCALE = {
    "scale32": Attribute("scale32", _boolean, True),
    "rounding_mode": Attribute("rounding_mode", _enum("rounding_mode"), "single_round"),
    "per_channel": Attribute("per_channel", _boolean, False),
    "input_unsigned": Attribute("input_unsigned", _boolean, False),
    "output_unsigned": Attribute("output_unsigned", _boolean, False),
}
IN_OUT = {"self_zp": "self", "out_zp": "out"}
INPUT_WEIGHT = {"input_zp": "input", "weight_zp": "weight"}
SELF_MAT2 = {"self_zp": "self", "mat2_zp": "mat2"}


def _window(axes: int) -> dict[str, Attribute]:
    return {
        "padding": Attribute("pad", _integers(64, 2 * axes), 0),
        "stride": Attribute("stride", _integers(64, axes), 1),
        "dilation": Attribute("dilation", _integers(64, axes), 1),
    }


def _convolution(name: str, window: Mapping[str, Attribute]) -> Form:
    attributes = {**window, **ACC_TYPE, **LOCAL_BOUND}
    return _form(name, "input weight bias input_zp weight_zp", attributes, zero_points=INPUT_WEIGHT)


def _no_shift(_: Case) -> Operand:
    return Operand("int8", (1,), constant=True)


def _pad_with_zero(case: Case) -> Operand:
    return Operand(case.operands["self"][0].dtype, (1,), constant=True)


UNARY = ("abs", "bitwise_not", "cast", "ceil", "clz", "cos", "erf", "exp", "floor", "identity", "log", "logical_not",
         "reciprocal", "rsqrt", "sigmoid", "sin", "tanh")  # fmt: skip
BINARY = ("add", "bitwise_and", "bitwise_or", "bitwise_xor", "intdiv", "logical_and", "logical_left_shift",
          "logical_or", "logical_right_shift", "logical_xor", "pow", "sub")  # fmt: skip
COMPARISONS = {"eq": "equal", "gt": "greater", "ge": "greater_equal"}
REDUCTIONS = {"all": "reduce_all", "any": "reduce_any", "prod": "reduce_product", "sum": "reduce_sum"}
NAN_REDUCTIONS = {"amax": "reduce_max", "amin": "reduce_min", "argmax": "argmax"}

FORMS: Mapping[str, Form] = {
    **{name: _form(name, "self") for name in UNARY},
    **{name: _form(name, "self other") for name in BINARY},
    **{name: _form(theirs, "self other") for name, theirs in COMPARISONS.items()},
    **{name: _form(theirs, "self", AXIS) for name, theirs in REDUCTIONS.items()},
    **{name: _form(theirs, "self", {**AXIS, **NAN_MODE}) for name, theirs in NAN_REDUCTIONS.items()},
    "arithmetic_right_shift": _form(
        "arithmetic_right_shift", "self other", {"round": Attribute("round", _boolean, False)}
    ),
    "avg_pool2d": _form("avg_pool2d", "self self_zp out_zp", {**WINDOW, **ACC_TYPE}, zero_points=IN_OUT),
    "cat": _form("concat", "tensors", AXIS),
    "clamp": _form("clamp", "self", {**CLAMP, **NAN_MODE}),
    "conv2d": _convolution("conv2d", _window(2)),
    "conv3d": _convolution("conv3d", _window(3)),
    "conv_transpose2d": _convolution("transpose_conv2d", TRANSPOSED),
    "depthwise_conv2d": _convolution("depthwise_conv2d", _window(2)),
    "fft2d": _form("fft2d", "real imag", {"inverse": Attribute("inverse", _boolean, False), **LOCAL_BOUND}),
    "gather": _form("gather", "self index"),
    "matmul": _form("matmul", "self mat2 self_zp mat2_zp", zero_points=SELF_MAT2),
    "matmul_t": _form("matmul_t", "self mat2 self_zp mat2_zp", zero_points=SELF_MAT2),
    "max_pool2d": _form("max_pool2d", "self", {**WINDOW, **NAN_MODE}),
    "maximum": _form("maximum", "self other", NAN_MODE),
    "minimum": _form("minimum", "self other", NAN_MODE),
    "mul": _form("mul", "self other shift", fills={"shift": _no_shift}),
    "neg": _form("negate", "self self_zp out_zp", zero_points=IN_OUT),
    "pad": _form("pad", "self pad value", shapes="pad", fills={"value": _pad_with_zero}),
    "permute": _form("transpose", "self", {"dims": Attribute("perms", _integers(32))}),
    "rescale": _form("rescale", "self multiplier shift self_zp out_zp", RESCALE, zero_points=IN_OUT),
    "reshape": _form("reshape", "self shape", shapes="shape"),
    "resize": _form(
        "resize",
        "self scale offset border",
        {"mode": Attribute("mode", _enum("resize_mode"), "nearest_neighbor")},
        shapes="scale offset border",
    ),
    "reverse": _form("reverse", "self", AXIS),
    "rfft2d": _form("rfft2d", "self", LOCAL_BOUND),
    "scatter": _form("scatter", "self index src"),
    "slice": _form("slice", "self begin size", shapes="begin size"),
    "table": _form("table", "self table"),
    "tile": _form("tile", "self dims", shapes="dims"),
    "where": _form("select", "condition self other"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """The environment that the validator checks against, in the words of tosa-opt."""

    profiles: str
    extensions: str
    level: str
    version: str

    @property
    def options(self) -> tuple[str, ...]:
        """The command line that attaches the target and validates against it."""
        chosen = {"profiles": self.profiles, "extensions": self.extensions, "level": self.level,
                  "specification_version": self.version}  # fmt: skip
        attach = " ".join(f"{key}={value}" for key, value in chosen.items() if value)
        return (f"--tosa-attach-target={attach}", "--tosa-validate=strict-op-spec-alignment")


@dataclass(frozen=True, slots=True)
class Answer:
    """The validator's verdict and its messages, in the order they came."""

    id: str
    verdict: str
    text: list[str]


def module(case: Case) -> str:
    """The MLIR module whose one function holds nothing but the operator and its constants."""
    form = FORMS.get(case.operator)
    if form is None:
        raise CaseError(f"no TOSA form is known for the operator {case.operator!r}")
    _refuse_leftovers(case, form)
    operands = list(chain.from_iterable(_operands(case, form, port) for port in form.inputs))
    names = [f"%{number}" for number in range(len(operands))]
    fed = [f"{name}: {_type(o)}" for name, o in zip(names, operands, strict=True) if not o.constant]
    constants = [f"{name} = {_constant(o)}" for name, o in zip(names, operands, strict=True) if o.constant]
    results = [_type(operand) for operand in chain.from_iterable(case.outputs.values())]
    given = ", ".join(f"%r#{number}" for number in range(len(results))) if len(results) > 1 else "%r"
    bound = f"%r:{len(results)}" if len(results) > 1 else "%r"
    return "\n".join([
        f"func.func @main({', '.join(fed)}) -> ({', '.join(results)}) {{",
        *constants,
        f'{bound} = "tosa.{form.name}"({", ".join(names)}){_attributes(case, form)}'
        f" : ({', '.join(map(_type, operands))}) -> ({', '.join(results)})",
        f"return {given} : {', '.join(results)}",
        "}",
    ])  # fmt: skip


def _refuse_leftovers(case: Case, form: Form) -> None:
    """A port or an attribute that would not reach the module is a mistake in the case, not a detail."""
    ports = sorted(set(case.operands) - set(form.inputs))
    attributes = sorted(set(case.attributes) - set(form.attributes) - set(form.inputs))
    if ports or attributes:
        raise CaseError(f"{case.operator}: TOSA has no place for {', '.join(ports + attributes)}")


def _operands(case: Case, form: Form, port: str) -> tuple[Operand, ...]:
    if port in case.operands:
        return case.operands[port]
    if port in form.shapes and port in case.attributes:
        sizes = [int(size) for size in _flat(case.attributes[port])]
        return (Operand(SHAPE, (len(sizes),), constant=True, value=sizes),)
    if port in form.fills:
        filled = form.fills[port](case)
        return (replace(filled, value=case.attributes.get(port, filled.value)),)
    raise CaseError(f"{case.operator}: the input {port!r} is missing")


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Sequence):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _attributes(case: Case, form: Form) -> str:
    given = {port: case.attributes.get(port, attribute.default) for port, attribute in form.attributes.items()}
    written = [
        f"{form.attributes[port].name} = {form.attributes[port].write(value, case)}"
        for port, value in given.items()
        if value is not None
    ]
    return f" <{{{', '.join(written)}}}>" if written else ""


def _element(dtype: str) -> str:
    if dtype not in TYPES:
        raise CaseError(f"MLIR has no dtype {dtype!r}")
    return TYPES[dtype]


def _type(operand: Operand) -> str:
    if operand.dtype == SHAPE:
        return f"!tosa.shape<{operand.shape[0]}>"
    sizes = "".join(f"{'?' if size < 0 else size}x" for size in operand.shape)
    return f"tensor<{sizes}{_element(operand.dtype)}>"


def _constant(operand: Operand) -> str:
    if operand.dtype == SHAPE:
        content = f"dense<{_dense(operand.value, 'int64')}> : tensor<{operand.shape[0]}xindex>"
        return f'"tosa.const_shape"() <{{values = {content}}}> : () -> {_type(operand)}'
    content = f"dense<{_dense(operand.value, operand.dtype)}> : {_type(operand)}"
    return f'"tosa.const"() <{{values = {content}}}> : () -> {_type(operand)}'


def _dense(value: Any, dtype: str) -> str:
    if isinstance(value, Sequence):
        return f"[{', '.join(_dense(part, dtype) for part in value)}]" if value else ""
    return _number(value, dtype)


def _number(value: Any, dtype: str) -> str:
    if dtype == "bool":
        return str(bool(value)).lower()
    return repr(float(value)) if "float" in dtype else str(int(value))


def judge(data: Sequence[Mapping[str, Any]], target: Target, timeout_s: float) -> Iterator[Answer]:
    """The answers to a batch of cases; `invalid` when no module can be built from one."""
    modules: dict[int, str] = {}
    answers: dict[int, Answer] = {}
    for number, described in enumerate(data):
        try:
            modules[number] = module(parse(described))
        except (ValueError, IndexError) as wrong:
            answers[number] = Answer(str(described.get("id")), "invalid", [str(wrong)])
    for number, (verdict, text) in zip(modules, _validate(list(modules.values()), target, timeout_s), strict=True):
        answers[number] = Answer(str(data[number]["id"]), verdict, text)
    yield from (answers[number] for number in range(len(data)))


def _validate(modules: Sequence[str], target: Target, timeout_s: float) -> list[tuple[str, list[str]]]:
    """Verdict and messages of each module; a batch that brings tosa-opt down is halved until the culprit is alone."""
    if not modules:
        return []
    source = f"\n{SEPARATOR}\n".join(modules)
    try:
        done = subprocess.run(
            [_tosa_opt(), "-", "--split-input-file", *target.options, "-o", "/dev/null"],
            input=source, capture_output=True, text=True, timeout=timeout_s * len(modules), check=False,
        )  # fmt: skip
        ending = f"tosa-opt ended with status {done.returncode}" if done.returncode not in {0, 1} else ""
    except subprocess.TimeoutExpired:
        ending = f"no answer within {timeout_s:g} s"
    if not ending:
        messages = map(_own, _messages(modules, done.stderr))
        return [("rejected" if text else "accepted", text) for text in messages]
    if len(modules) == 1:
        return [("error", [ending])]
    middle = len(modules) // 2
    return _validate(modules[:middle], target, timeout_s) + _validate(modules[middle:], target, timeout_s)


def _messages(modules: Sequence[str], printed: str) -> list[list[str]]:
    """The errors of each module, told apart by the line of the input that they point to."""
    owners = [number for number, text in enumerate(modules) for _ in (SEPARATOR, *text.split("\n"))][1:]
    messages: list[list[str]] = [[] for _ in modules]
    for found in filter(None, map(ERROR.match, printed.splitlines())):
        messages[owners[int(found["line"]) - 1]].append(found["message"])
    return messages


def _own(messages: Sequence[str]) -> list[str]:
    """What is said of the operator itself, where anything is, and not of the constants or the function around it."""
    around = ("'tosa.const", "'func.func'")
    return [message for message in messages if not message.startswith(around)] or list(messages)


def _tosa_opt() -> Path:
    return Path(str(metadata.distribution("tosa-tools").locate_file("bin/tosa-opt")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", default="pro_int,pro_fp")
    parser.add_argument("--extensions", default="")
    parser.add_argument("--level", default="8k", choices=("8k", "none"))
    parser.add_argument("--version", default="1.0", choices=("1.0", "1.1.draft"))
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds that one case may take")
    parser.add_argument("--batch", type=int, default=500, help="cases that go through one run of tosa-opt")
    arguments = parser.parse_args()
    target = Target(arguments.profiles, arguments.extensions, arguments.level, arguments.version)
    begun, asked = time.monotonic(), 0
    asking = filter(str.strip, sys.stdin)
    while lines := list(islice(asking, arguments.batch)):
        for answer in judge([json.loads(line) for line in lines], target, arguments.timeout):
            print(json.dumps(asdict(answer)), flush=True)
            asked += 1
    spent = time.monotonic() - begun
    print(f"{asked} cases in {spent:.1f} s, {asked / spent:.0f} a second", file=sys.stderr)


if __name__ == "__main__":
    main()
