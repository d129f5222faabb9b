"""Turn a case, written in a vendor tool's own terms, into the npusim call that means the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from types import MappingProxyType
from typing import Any

from case import Case, CaseError, Operand

from npusim.call import Call, Quantisation, TensorType
from npusim.call import Operand as CallOperand
from npusim.dtypes import dtype
from npusim.operators.binding import bind
from npusim.profiles.building import find_operator
from npusim.profiles.model import Profile

MAX_VALUES = 1 << 20
"""Constants with more elements than this are given without their content."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The same case in npusim's terms: its operator, its ports and attributes under npusim's names."""

    operator: str
    ports: Mapping[str, tuple[Operand, ...]]
    outputs: Mapping[str, tuple[Operand, ...]]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def call_of(profile: Profile, meaning: Meaning) -> Call:
    """The bound call; raises CallError for what no chip could mean."""
    operator = find_operator(profile, meaning.operator)
    variadic = {port.name for port in operator.ports if port.variadic}
    given = {**meaning.ports, **meaning.outputs}
    operands = {name: tuple(map(_operand, held)) for name, held in given.items() if held}
    ready = {name: held if name in variadic else held[0] for name, held in operands.items()}
    return bind(operator, (), {**ready, **meaning.attributes})


def _operand(given: Operand) -> CallOperand:
    dynamic = frozenset(axis for axis, size in enumerate(given.shape) if size < 0)
    shape = tuple(max(size, 1) for size in given.shape)
    quant = given.quant and Quantisation(given.quant.scales, given.quant.zero_points, given.quant.axis)
    value = _flat(given.value, prod(shape)) if given.constant else None
    row = dtype("int64" if given.dtype == "shape" else given.dtype)
    return CallOperand(TensorType(row, shape), constant=given.constant, quant=quant, value=value, dynamic=dynamic)


def _flat(value: Any, count: int) -> tuple[float, ...] | None:
    if count > MAX_VALUES:
        return None
    return tuple(_elements(value)) if isinstance(value, Sequence) else (value,) * count


def _elements(value: Any) -> list[Any]:
    return [part for item in value for part in _elements(item)] if isinstance(value, Sequence) else [value]


# ---- TFLite: NHWC becomes NCHW where the vocabulary's operator is so, parameter tensors become attributes ----

NCHW, OIHW = (0, 3, 1, 2), (0, 3, 1, 2)


def _moved(operand: Operand, order: tuple[int, ...]) -> Operand:
    """The operand with its axes in another order; its content only where that has no order."""
    quant = operand.quant
    if quant is not None and quant.axis is not None:
        quant = replace(quant, axis=order.index(quant.axis))
    return replace(operand, shape=tuple(operand.shape[axis] for axis in order), quant=quant)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _padding(case: Case, kernel: tuple[int, int], source: Operand, result: Operand) -> tuple[int, ...]:
    """What a named padding pads on each side of the height and the width, the greater side of the two."""
    if case.attributes.get("padding", "valid") != "same":
        return (0, 0)
    strides, dilations = (_pair(case.attributes.get(name, 1)) for name in ("stride", "dilation"))
    totals = (
        max((out - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        for size, out, k, stride, dilation in zip(
            source.shape[1:3], result.shape[1:3], kernel, strides, dilations, strict=True
        )
    )
    return tuple((total + 1) // 2 for total in totals)


def _convolution(case: Case) -> Meaning:
    (source,), (weight,), (result,) = case.operands["input"], case.operands["weight"], case.outputs["out"]
    deep = case.operator == "depthwise_conv2d"
    attributes = {
        "stride": _pair(case.attributes.get("stride", 1)),
        "dilation": _pair(case.attributes.get("dilation", 1)),
        "padding": _padding(case, weight.shape[1:3], source, result),
    }
    if not deep:
        attributes["groups"] = source.shape[3] // max(weight.shape[3], 1) or 1
    ports = {
        "input": (_moved(source, NCHW),),
        "weight": (_moved(weight, (3, 0, 1, 2) if deep else OIHW),),
        "bias": case.operands.get("bias", ()),
    }
    return Meaning(case.operator, ports, {"out": (_moved(result, NCHW),)}, attributes)


def _transposed(case: Case) -> Meaning:
    (source,), (weight,), (result,) = case.operands["input"], case.operands["weight"], case.outputs["out"]
    strides, kernel = _pair(case.attributes.get("stride", 1)), weight.shape[1:3]
    same = case.attributes.get("padding", "valid") == "same"
    pads = tuple(max(k - stride + 1, 0) // 2 if same else 0 for k, stride in zip(kernel, strides, strict=True))
    missing = tuple(
        out - max((size - 1) * stride + max(k, 0 if same else stride) - 2 * pad, 0)
        for size, out, k, stride, pad in zip(source.shape[1:3], result.shape[1:3], kernel, strides, pads, strict=True)
    )
    ports = {
        "input": (_moved(source, NCHW),),
        "weight": (_moved(weight, (3, 0, 1, 2)),),
        "bias": case.operands.get("bias", ()),
    }
    attributes = {"stride": strides, "padding": pads, "output_padding": missing}
    return Meaning(case.operator, ports, {"out": (_moved(result, NCHW),)}, attributes)


def _pool(case: Case) -> Meaning:
    (source,), (result,) = case.operands["self"], case.outputs["out"]
    kernel = _pair(case.attributes["kernel_size"])
    attributes = {
        "kernel_size": kernel,
        "stride": _pair(case.attributes.get("stride", 1)),
        "padding": _padding(case, kernel, source, result),
    }
    return Meaning(case.operator, {"self": (_moved(source, NCHW),)}, {"out": (_moved(result, NCHW),)}, attributes)


def _content(case: Case, port: str) -> Any:
    """What a parameter tensor holds, or the attribute that stands for it."""
    if port in case.operands:
        (operand,) = case.operands[port]
        if not operand.constant:
            raise CaseError(f"{case.operator}: npusim has {port} as an attribute, which is always constant")
        found = _flat(operand.value, prod(operand.shape)) or ()
        return tuple(map(int, found)) if operand.shape else int(found[0])
    value = case.attributes[port]
    return value if isinstance(value, int) else tuple(value)


def _as(operator: str, port: str = "self", **parameters: str) -> Callable[[Case], Meaning]:
    """The operator with one data port; `parameters` says which attribute holds what which parameter tensor holds."""

    def meaning(case: Case) -> Meaning:
        attributes = {name: _content(case, theirs) for name, theirs in parameters.items()}
        kept = {name: case.attributes[name] for name in ("keepdim", *_FLAGS) if name in case.attributes}
        return Meaning(operator, {"self": case.operands[port]}, case.outputs, {**attributes, **kept})

    return meaning


_FLAGS = ("align_corners", "half_pixel_centers")


def _mean(case: Case) -> Meaning:
    """A mean; npusim asks for the dtype of the result where the operand's is not floating."""
    found = _as("mean", dim="dim")(case)
    return replace(found, attributes={**found.attributes, "dtype": "float32"})


def _split(case: Case) -> Meaning:
    axis = _content(case, "dim")
    (source,) = case.operands["self"]
    sizes = tuple(operand.shape[axis] for operand in case.outputs["out"])
    wanted = _content(case, "split_size") if case.operator == "split_v" else sizes[0]
    return Meaning("split", {"self": (source,)}, case.outputs, {"split_size": wanted, "dim": axis})


def _pad(case: Case) -> Meaning:
    flat = _content(case, "pad")
    pairs = [flat[i : i + 2] for i in range(0, len(flat), 2)]
    pads = tuple(size for pair in reversed(pairs) for size in pair)
    name = "mirror_pad" if case.operator == "mirror_pad" else "constant_pad_nd"
    value = {"value": case.operands["value"][0].value} if case.operator == "pad_v2" else {}
    return Meaning(name, {"self": case.operands["self"]}, case.outputs, {"pad": pads, **value})


def _slice(case: Case) -> Meaning:
    begin, size = _content(case, "begin"), _content(case, "size")
    axis = next((axis for axis, many in enumerate(size) if many != case.operands["self"][0].shape[axis]), 0)
    attributes = {"dim": axis, "start": begin[axis], "end": begin[axis] + size[axis]}
    return Meaning("slice", {"self": case.operands["self"]}, case.outputs, attributes)


def _gather(case: Case) -> Meaning:
    if case.attributes.get("batch_dims", 0):
        raise CaseError("npusim's index_select has no batch_dims")
    ports = {"self": case.operands["self"], "index": case.operands["index"]}
    return Meaning("index_select", ports, case.outputs, {"dim": case.attributes.get("dim", 0)})


def _scatter(case: Case) -> Meaning:
    ports = {"indices": case.operands["index"], "updates": case.operands["updates"]}
    return Meaning("scatter_nd", ports, case.outputs, {"shape": _content(case, "shape")})


def _cast(case: Case) -> Meaning:
    return Meaning("cast", case.operands, case.outputs, {"dtype": case.outputs["out"][0].dtype})


def _joined(case: Case) -> Meaning:
    return Meaning(case.operator, case.operands, case.outputs, {"dim": case.attributes["dim"]})


def _plain(case: Case) -> Meaning:
    return Meaning(case.operator, case.operands, case.outputs)


def _renamed(name: str) -> Callable[[Case], Meaning]:
    return lambda case: replace(_plain(case), operator=name)


TFLITE: Mapping[str, Callable[[Case], Meaning]] = MappingProxyType(
    {
        **dict.fromkeys(("conv2d", "depthwise_conv2d"), _convolution),
        "conv_transpose2d": _transposed,
        **dict.fromkeys(("avg_pool2d", "max_pool2d"), _pool),
        **{name: _as(name, dim="dim") for name in ("all", "amax", "amin", "any", "argmax", "sum")},
        "mean": _mean,
        **dict.fromkeys(("cat", "stack"), _joined),
        **dict.fromkeys(("split", "split_v"), _split),
        **dict.fromkeys(("pad", "pad_v2", "mirror_pad"), _pad),
        "unbind": _joined,
        "expand_dims": _as("unsqueeze", dim="dim"),
        "squeeze": _as("squeeze", dim="dim"),
        "reshape": _as("reshape", shape="shape"),
        "permute": _as("permute", dims="dims"),
        "reverse": _as("flip", dims="dim"),
        "tile": _as("repeat", repeats="dims"),
        "resize_bilinear": _as("resize_bilinear", size="size"),
        "resize_nearest_neighbor": _as("resize_nearest_neighbor", size="size"),
        "strided_slice": _as("strided_slice", begin="begin", end="end", step="step"),
        "slice": _slice,
        "gather": _gather,
        "scatter_nd": _scatter,
        "cast": _cast,
        "hard_swish": _renamed("hardswish"),
        "select": _renamed("where"),
        "quantize": _renamed("requantize"),
    }
)
"""TFLite operators that are not simply the npusim operator of the same name with the same ports."""


def of_tflite(case: Case) -> Meaning:
    """What a TFLite case means to npusim."""
    return TFLITE.get(case.operator, _plain)(case)


# ---- TOSA: zero points and shapes are operands in both ----

_WINDOW = {"self": "input", "out": "output", "kernel_size": "kernel", "padding": "pad"}

TOSA_NAMES: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "arithmetic_right_shift": ("arithmetic_right_shift", {}),
        "avg_pool2d": ("tosa_avg_pool2d", {**_WINDOW, "self_zp": "input_zp", "out_zp": "output_zp"}),
        "max_pool2d": ("tosa_max_pool2d", _WINDOW),
        "conv2d": ("tosa_conv2d", {"out": "output", "padding": "pad"}),
        "conv3d": ("tosa_conv3d", {"out": "output", "padding": "pad"}),
        "depthwise_conv2d": ("depthwise_conv2d", {"out": "output", "padding": "pad"}),
        "conv_transpose2d": ("transpose_conv2d", {"out": "output"}),
        "matmul": ("tosa_matmul", {"self": "A", "mat2": "B", "self_zp": "A_zp", "mat2_zp": "B_zp", "out": "output"}),
        "mul": ("tosa_mul", {}),
        "neg": ("negate", {"self": "input1", "self_zp": "input1_zp", "out_zp": "output_zp", "out": "output"}),
        "pad": ("tosa_pad", {"self": "input1", "pad": "padding", "value": "pad_const", "out": "output"}),
        "reshape": ("tosa_reshape", {"self": "input1", "out": "output"}),
        "slice": ("tosa_slice", {"self": "input1", "begin": "start", "out": "output"}),
        "tile": ("tile", {"self": "input1", "dims": "multiples", "out": "output"}),
        "table": ("table", {"self": "input1", "out": "output"}),
        "rescale": ("rescale", {"self": "input", "self_zp": "input_zp", "out_zp": "output_zp", "out": "output"}),
        "resize": ("tosa_resize", {"self": "input", "out": "output"}),
        "gather": ("tosa_gather", {"self": "values", "index": "indices", "out": "output"}),
        "scatter": ("tosa_scatter", {"self": "values_in", "index": "indices", "src": "input", "out": "values_out"}),
        "fft2d": ("fft2d", {"real": "input_real", "imag": "input_imag", "out_real": "output_real",
                            "out_imag": "output_imag"}),
        "rfft2d": ("rfft2d", {"self": "input_real", "out_real": "output_real", "out_imag": "output_imag"}),
        "reverse": ("flip", {"dim": "dims"}),
        "pow": ("pow", {"other": "exponent"}),
        "logical_left_shift": ("bitwise_left_shift", {}),
    }
)  # fmt: skip
"""TOSA operators whose npusim operator, ports or attributes have other names."""
WITHOUT = frozenset({"nan_mode"})
"""Attributes that npusim's common operators do not have and that decide nothing."""


def of_tosa(case: Case) -> Meaning:
    """What a TOSA case means to npusim."""
    name, names = TOSA_NAMES.get(case.operator, (case.operator, {}))
    ports = {names.get(port, port): held for port, held in case.operands.items()}
    outputs = {names.get(port, port): held for port, held in case.outputs.items()}
    attributes = {names.get(key, key): value for key, value in case.attributes.items() if key not in WITHOUT}
    if case.operator in {"all", "any", "amax", "amin", "sum"}:
        attributes |= {"dim": (attributes["dim"],), "keepdim": True}
    if case.operator == "prod":
        attributes["keepdim"] = True
    if case.operator == "reverse":
        attributes["dims"] = (attributes["dims"],)
    if case.operator == "cast":
        attributes["dtype"] = case.outputs["out"][0].dtype
    return Meaning(name, ports, outputs, attributes)
