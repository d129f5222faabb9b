"""Build the TFLite model of one operator from a case, with the schema classes inside the ethos-u-vela wheel.

Shapes are TFLite's own: activations are NHWC, weights of `conv2d` are OHWI, of `depthwise_conv2d` 1HWC. An input that
TFLite holds in a tensor and most frameworks in an attribute (the axes of a mean, the pads of a pad) may come as either:
as an attribute it becomes a constant int32 tensor, as an operand it is what the operand says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import flatbuffers
import numpy as np
from case import Case, CaseError, Operand, Quant

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
NO_TENSOR = -1
"""What TFLite writes for an optional input that is absent."""


@dataclass(frozen=True, slots=True)
class Option:
    """One field of an operator's options table and the attribute, or the element of one, that it is read from."""

    name: str
    attribute: str
    index: int | None = None
    default: Any = 0
    enum: str | None = None
    vector: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """How TFLite writes an operator: its code, its inputs in order and its options."""

    code: str
    inputs: tuple[str, ...]
    options: str | None = None
    fields: tuple[Option, ...] = ()
    optional: frozenset[str] = frozenset()
    intermediates: str | None = None
    """The port whose tensors only carry the quantisation of values inside the operator."""


def _pair(names: tuple[str, str], attribute: str) -> tuple[Option, Option]:
    """A (height, width) attribute; one number means both."""
    return Option(names[0], attribute, 0, 1), Option(names[1], attribute, 1, 1)


ACTIVATION = Option("FusedActivationFunction", "activation", default="none", enum="ActivationFunctionType")
PADDING = Option("Padding", "padding", default="valid", enum="Padding")
STRIDE = _pair(("StrideH", "StrideW"), "stride")
DILATION = _pair(("DilationHFactor", "DilationWFactor"), "dilation")
KERNEL = _pair(("FilterHeight", "FilterWidth"), "kernel_size")
RESIZE = (Option("AlignCorners", "align_corners", default=False),
          Option("HalfPixelCenters", "half_pixel_centers", default=False))  # fmt: skip
KEEPDIM = (Option("KeepDims", "keepdim", default=False),)
SLICE_MASKS = tuple(
    Option("".join(map(str.capitalize, mask.split("_"))), mask)
    for mask in ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
)
BIAS = frozenset({"bias"})
LSTM_GATES = ("input", "forget", "cell", "output")
LSTM_INPUTS = (
    "input",
    *(f"{side}_to_{gate}_weights" for side in ("input", "recurrent") for gate in LSTM_GATES),
    *(f"cell_to_{gate}_weights" for gate in ("input", "forget", "output")),
    *(f"{gate}_gate_bias" for gate in LSTM_GATES),
    *("projection_weights", "projection_bias", "output_state", "cell_state"),
    *(f"{gate}_layer_norm_coefficients" for gate in LSTM_GATES),
)


def _unary(code: str, options: str | None = None, *fields: Option) -> Form:
    return Form(code, ("self",), options, fields)


def _binary(code: str, options: str | None = None, *fields: Option) -> Form:
    return Form(code, ("self", "other"), options, fields)


def _reduction(code: str) -> Form:
    return Form(code, ("self", "dim"), "Reducer", KEEPDIM)


FORMS: Mapping[str, Form] = {
    "abs": _unary("ABS", "Abs"),
    "add": _binary("ADD", "Add", ACTIVATION),
    "all": _reduction("REDUCE_ALL"),
    "amax": _reduction("REDUCE_MAX"),
    "amin": _reduction("REDUCE_MIN"),
    "any": _reduction("REDUCE_ANY"),
    "argmax": Form("ARG_MAX", ("self", "dim"), "ArgMax", (Option("OutputType", "dtype", enum="TensorType", default="int32"),)),  # noqa: E501
    "avg_pool2d": _unary("AVERAGE_POOL_2D", "Pool2D", PADDING, *STRIDE, *KERNEL, ACTIVATION),
    "cast": _unary("CAST", "Cast"),
    "cat": Form("CONCATENATION", ("tensors",), "Concatenation", (Option("Axis", "dim"), ACTIVATION)),
    "conv2d": Form("CONV_2D", ("input", "weight", "bias"), "Conv2D", (PADDING, *STRIDE, *DILATION, ACTIVATION), BIAS),
    "conv_transpose2d": Form("TRANSPOSE_CONV", ("output_size", "weight", "input", "bias"), "TransposeConv",
                             (PADDING, *STRIDE, ACTIVATION), BIAS),
    "depthwise_conv2d": Form("DEPTHWISE_CONV_2D", ("input", "weight", "bias"), "DepthwiseConv2D",
                             (PADDING, *STRIDE, *DILATION, Option("DepthMultiplier", "depth_multiplier", default=1),
                              ACTIVATION), BIAS),
    "dequantize": _unary("DEQUANTIZE", "Dequantize"),
    "div": _binary("DIV", "Div", ACTIVATION),
    "elu": _unary("ELU"),
    "eq": _binary("EQUAL", "Equal"),
    "exp": _unary("EXP", "Exp"),
    "expand_dims": Form("EXPAND_DIMS", ("self", "dim"), "ExpandDims"),
    "gather": Form("GATHER", ("self", "index"), "Gather", (Option("Axis", "dim"), Option("BatchDims", "batch_dims"))),
    "ge": _binary("GREATER_EQUAL", "GreaterEqual"),
    "gelu": _unary("GELU", "Gelu", Option("Approximate", "approximate", default=False)),
    "gt": _binary("GREATER", "Greater"),
    "hard_swish": _unary("HARD_SWISH", "HardSwish"),
    "le": _binary("LESS_EQUAL", "LessEqual"),
    "leaky_relu": _unary("LEAKY_RELU", "LeakyRelu", Option("Alpha", "negative_slope", default=0.01)),
    "linear": Form("FULLY_CONNECTED", ("input", "weight", "bias"), "FullyConnected",
                   (ACTIVATION, Option("KeepNumDims", "keep_num_dims", default=False),
                    Option("WeightsFormat", "weights_format", default="default",
                           enum="FullyConnectedOptionsWeightsFormat")), BIAS),
    "log": _unary("LOG"),
    "logical_and": _binary("LOGICAL_AND", "LogicalAnd"),
    "logical_not": _unary("LOGICAL_NOT", "LogicalNot"),
    "logical_or": _binary("LOGICAL_OR", "LogicalOr"),
    "lstm": Form("UNIDIRECTIONAL_SEQUENCE_LSTM", LSTM_INPUTS, "UnidirectionalSequenceLSTM",
                 (Option("FusedActivationFunction", "activation", default="tanh", enum="ActivationFunctionType"),
                  Option("CellClip", "cell_clip", default=0.0), Option("ProjClip", "proj_clip", default=0.0),
                  Option("TimeMajor", "time_major", default=False)), frozenset(LSTM_INPUTS[1:]), "intermediates"),
    "lt": _binary("LESS", "Less"),
    "matmul": Form("BATCH_MATMUL", ("self", "mat2"), "BatchMatMul",
                   (Option("AdjX", "adj_x", default=False), Option("AdjY", "adj_y", default=False))),
    "max_pool2d": _unary("MAX_POOL_2D", "Pool2D", PADDING, *STRIDE, *KERNEL, ACTIVATION),
    "maximum": _binary("MAXIMUM", "MaximumMinimum"),
    "mean": _reduction("MEAN"),
    "minimum": _binary("MINIMUM", "MaximumMinimum"),
    "mirror_pad": Form("MIRROR_PAD", ("self", "pad"), "MirrorPad",
                       (Option("Mode", "mode", default="reflect", enum="MirrorPadMode"),)),
    "mul": _binary("MUL", "Mul", ACTIVATION),
    "ne": _binary("NOT_EQUAL", "NotEqual"),
    "neg": _unary("NEG", "Neg"),
    "pad": Form("PAD", ("self", "pad"), "Pad"),
    "pad_v2": Form("PADV2", ("self", "pad", "value"), "PadV2"),
    "permute": Form("TRANSPOSE", ("self", "dims"), "Transpose"),
    "pow": Form("POW", ("self", "exponent"), "Pow"),
    "prelu": Form("PRELU", ("self", "weight")),
    "quantize": _unary("QUANTIZE", "Quantize"),
    "relu": _unary("RELU"),
    "relu6": _unary("RELU6"),
    "relu_0_to_1": _unary("RELU_0_TO_1"),
    "relu_n1_to_1": _unary("RELU_N1_TO_1"),
    "reshape": Form("RESHAPE", ("self", "shape"), "Reshape", (Option("NewShape", "shape", default=(), vector=True),)),
    "resize_bilinear": Form("RESIZE_BILINEAR", ("self", "size"), "ResizeBilinear", RESIZE),
    "resize_nearest_neighbor": Form("RESIZE_NEAREST_NEIGHBOR", ("self", "size"), "ResizeNearestNeighbor", RESIZE),
    "reverse": Form("REVERSE_V2", ("self", "dim"), "ReverseV2"),
    "rsqrt": _unary("RSQRT"),
    "scatter_nd": Form("SCATTER_ND", ("index", "updates", "shape"), "ScatterNd"),
    "select": Form("SELECT", ("condition", "self", "other"), "Select"),
    "sigmoid": _unary("LOGISTIC"),
    "sin": _unary("SIN"),
    "slice": Form("SLICE", ("self", "begin", "size"), "Slice"),
    "softmax": _unary("SOFTMAX", "Softmax", Option("Beta", "beta", default=1.0)),
    "split": Form("SPLIT", ("dim", "self"), "Split", (Option("NumSplits", "num_splits"),)),
    "split_v": Form("SPLIT_V", ("self", "split_size", "dim"), "SplitV", (Option("NumSplits", "num_splits"),)),
    "sqrt": _unary("SQRT"),
    "squared_difference": _binary("SQUARED_DIFFERENCE", "SquaredDifference"),
    "squeeze": _unary("SQUEEZE", "Squeeze", Option("SqueezeDims", "dim", default=(), vector=True)),
    "stack": Form("PACK", ("tensors",), "Pack", (Option("ValuesCount", "count"), Option("Axis", "dim"))),
    "strided_slice": Form("STRIDED_SLICE", ("self", "begin", "end", "step"), "StridedSlice", SLICE_MASKS),
    "sub": _binary("SUB", "Sub", ACTIVATION),
    "sum": _reduction("SUM"),
    "tanh": _unary("TANH"),
    "tile": Form("TILE", ("self", "dims"), "Tile"),
    "unbind": _unary("UNPACK", "Unpack", Option("Num", "num"), Option("Axis", "dim")),
    "where": Form("SELECT_V2", ("condition", "self", "other"), "SelectV2"),
}  # fmt: skip

VARIABLES = {"lstm": frozenset({"output_state", "cell_state"})}
"""Inputs that keep their content between two runs: neither an input of the graph nor a constant."""

NUMPY = {
    "bool": np.bool_, "int8": np.int8, "uint8": np.uint8, "int16": np.int16, "uint16": np.uint16, "int32": np.int32,
    "uint32": np.uint32, "int64": np.int64, "uint64": np.uint64, "float16": np.float16, "float32": np.float32,
    "float64": np.float64,
}  # fmt: skip
SCALAR_INPUTS = frozenset({("split", "dim"), ("split_v", "dim"), ("argmax", "dim"), ("expand_dims", "dim")})


def build(case: Case) -> bytes:
    """The bytes of a `.tflite` file with one graph that holds nothing but the operator of the case."""
    form = FORMS.get(case.operator)
    if form is None:
        raise CaseError(f"no TFLite form is known for the operator {case.operator!r}")
    _refuse_leftovers(case, form)
    writer = _Writer(hides_bools=case.inside)
    inputs = [index for port in form.inputs for index in _input(writer, case, form, port)]
    outputs = [writer.tensor(name, operand) for name, operand in _named(case.outputs)]
    inner = [writer.tensor(name, operand) for name, operand in _inner(case, form)]
    writer.operator(form, inputs, outputs, {o.name: _option_value(o, case) for o in form.fields}, inner)
    return writer.finish(outputs)


def _refuse_leftovers(case: Case, form: Form) -> None:
    """A port or an attribute that would not reach the model is a mistake in the case, not a detail."""
    ports = sorted(set(case.operands) - {*form.inputs, form.intermediates})
    attributes = sorted(set(case.attributes) - {option.attribute for option in form.fields} - set(form.inputs))
    if ports or attributes:
        raise CaseError(f"{case.operator}: TFLite has no place for {', '.join(ports + attributes)}")


def _input(writer: _Writer, case: Case, form: Form, port: str) -> list[int]:
    if port in case.operands:
        is_variable = port in VARIABLES.get(case.operator, ())
        return [_given(writer, name, operand, is_variable) for name, operand in _named({port: case.operands[port]})]
    if port in case.attributes:
        return [writer.tensor(port, _parameter(case, port))]
    if port in form.optional:
        return [NO_TENSOR]
    raise CaseError(f"{case.operator}: the input {port!r} is missing")


def _given(writer: _Writer, name: str, operand: Operand, is_variable: bool) -> int:
    """Adds an operand; one that is neither constant nor a variable feeds the graph."""
    index = writer.tensor(name, operand, is_variable)
    if not operand.constant and not is_variable:
        writer.feed(index)
    return index


def _parameter(case: Case, port: str) -> Operand:
    """An attribute as the constant int32 tensor that TFLite wants: a vector, save where it asks for a scalar."""
    given = np.asarray(case.attributes[port], np.int32)
    value = given if (case.operator, port) in SCALAR_INPUTS else np.atleast_1d(given)
    return Operand("int32", value.shape, constant=True, value=value.tolist())


def _inner(case: Case, form: Form) -> Iterable[tuple[str, Operand]]:
    port = form.intermediates
    return _named({port: case.operands[port]}) if port is not None and port in case.operands else ()


def _named(ports: Mapping[str, Sequence[Operand]]) -> Iterable[tuple[str, Operand]]:
    for port, operands in ports.items():
        for number, operand in enumerate(operands):
            yield (port if len(operands) == 1 else f"{port}_{number}"), operand


def _option_value(option: Option, case: Case) -> Any:
    value = case.attributes.get(option.attribute, option.default)
    if option.index is not None and isinstance(value, list):
        value = value[option.index]
    if option.enum is not None:
        value = _enum_value(option.enum, value)
    return value


def _enum_value(enum: str, name: str) -> int:
    try:
        return int(getattr(getattr(_schema(enum), enum), name.upper()))
    except AttributeError:
        raise CaseError(f"TFLite's {enum} has no {name!r}") from None


def _schema(name: str) -> ModuleType:
    return import_module(f"ethosu.vela.tflite.{name}")


def _content(operand: Operand) -> bytes:
    """The bytes of a constant; two int4 share one, the first in its low half."""
    stored = "int8" if operand.dtype == "int4" else operand.dtype
    if stored not in NUMPY:
        raise CaseError(f"a constant cannot be {operand.dtype}")
    filled: np.ndarray[Any, Any] = np.broadcast_to(np.asarray(operand.value, NUMPY[stored]), operand.shape)
    if operand.dtype != "int4":
        return filled.tobytes()
    nibbles = np.append(filled.ravel(), np.zeros(filled.size % 2, np.int8)).astype(np.uint8) & 0xF
    return (nibbles[0::2] | nibbles[1::2] << 4).astype(np.uint8).tobytes()


class _Writer:
    """Collects tensors, buffers and operators, then writes the model.

    Where bools are hidden, a cast from or to int8 stands between them and the edge of the graph: Vela's reader puts
    operators of its own on a bool edge, and their refusal would be taken for the operator's.
    """

    def __init__(self, hides_bools: bool = False) -> None:
        self._builder = flatbuffers.Builder(1024)
        self._hides_bools = hides_bools
        self._tensors: list[int] = []
        self._shapes: list[tuple[int, ...]] = []
        self._bools: set[int] = set()
        self._buffers = [self._table("Buffer")]
        self._codes: list[int] = []
        self._operators: list[int] = []
        self._fed: list[int] = []

    def tensor(self, name: str, operand: Operand, is_variable: bool = False) -> int:
        """Adds a tensor and tells its index."""
        if operand.dtype.upper() not in vars(_schema("TensorType").TensorType):
            raise CaseError(f"TFLite has no dtype {operand.dtype!r}")
        fields: dict[str, Any] = {
            "Name": self._builder.CreateString(name),
            "Shape": self._ints([1 if size < 0 else size for size in operand.shape]),
            "Type": _enum_value("TensorType", operand.dtype),
            "Buffer": self._buffer(operand) if operand.constant else 0,
            "IsVariable": is_variable,
        }
        if min(operand.shape, default=0) < 0:
            fields["ShapeSignature"] = self._ints(operand.shape)
        if operand.quant is not None:
            fields["Quantization"] = self._quantization(operand.quant)
        self._tensors.append(self._table("Tensor", fields))
        index = len(self._tensors) - 1
        self._shapes.append(operand.shape)
        if operand.dtype == "bool":
            self._bools.add(index)
        return index

    def feed(self, index: int) -> None:
        """Makes a tensor an input of the graph."""
        self._fed.append(self._edge(index, lambda edge: (edge, index)))

    def operator(
        self,
        form: Form,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Mapping[str, Any],
        intermediates: Sequence[int] = (),
    ) -> None:
        """Adds an operator that reads and writes the tensors given."""
        code = _enum_value("BuiltinOperator", form.code)
        fields: dict[str, Any] = {
            "OpcodeIndex": len(self._codes),
            "Inputs": self._ints(inputs),
            "Outputs": self._ints(outputs),
        }
        if form.options is not None:
            fields["BuiltinOptionsType"] = getattr(_schema("BuiltinOptions").BuiltinOptions, f"{form.options}Options")
            fields["BuiltinOptions"] = self._options(form, options)
        if intermediates:
            fields["Intermediates"] = self._ints(intermediates)
        self._codes.append(
            self._table("OperatorCode", {"DeprecatedBuiltinCode": min(code, 127), "BuiltinCode": code, "Version": 1})
        )
        self._operators.append(self._table("Operator", fields))

    def finish(self, results: Sequence[int]) -> bytes:
        """The file of the model that gives the results asked for."""
        edges = [self._edge(index, lambda edge, index=index: (index, edge)) for index in results]  # type: ignore[misc]
        graph = {
            "Tensors": self._tables(self._tensors),
            "Inputs": self._ints(self._fed),
            "Outputs": self._ints(edges),
            "Operators": self._tables(self._operators),
            "Name": self._builder.CreateString("main"),
        }
        model = {
            "Version": SCHEMA_VERSION,
            "OperatorCodes": self._tables(self._codes),
            "Subgraphs": self._tables([self._table("SubGraph", graph)]),
            "Buffers": self._tables(self._buffers),
        }
        self._builder.Finish(self._table("Model", model), FILE_IDENTIFIER)
        return bytes(self._builder.Output())

    def _edge(self, index: int, direction: Callable[[int], tuple[int, int]]) -> int:
        """The tensor at the edge of the graph that stands for this one: itself, or an int8 behind a cast."""
        if not self._hides_bools or index not in self._bools:
            return index
        edge = self.tensor(f"edge_{index}", Operand("int8", self._shapes[index], quant=Quant((1.0,), (0,))))
        source, target = direction(edge)
        self.operator(FORMS["cast"], [source], [target], {})
        return edge

    def _options(self, form: Form, values: Mapping[str, Any]) -> int:
        vectors = {option.name for option in form.fields if option.vector}
        ready = {name: self._ints(value) if name in vectors else value for name, value in values.items()}
        return self._table(f"{form.options}Options", ready)

    def _buffer(self, operand: Operand) -> int:
        data = self._builder.CreateByteVector(_content(operand))
        self._buffers.append(self._table("Buffer", {"Data": data}))
        return len(self._buffers) - 1

    def _quantization(self, quant: Quant) -> int:
        fields = {
            "Scale": self._builder.CreateNumpyVector(np.asarray(quant.scales, np.float32)),
            "ZeroPoint": self._builder.CreateNumpyVector(np.asarray(quant.zero_points, np.int64)),
            "QuantizedDimension": quant.axis or 0,
        }
        return self._table("QuantizationParameters", fields)

    def _ints(self, values: Sequence[int]) -> int:
        return int(self._builder.CreateNumpyVector(np.asarray(values, np.int32)))

    def _tables(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def _table(self, kind: str, fields: Mapping[str, Any] | None = None) -> int:
        """Writes one schema table; the schema classes name their functions after the fields."""
        module = _schema(kind)
        add: Callable[[str], Any] = lambda name: getattr(module, f"{kind}Add{name}")  # noqa: E731
        getattr(module, f"{kind}Start")(self._builder)
        for name, value in (fields or {}).items():
            add(name)(self._builder, value)
        return int(getattr(module, f"{kind}End")(self._builder))
