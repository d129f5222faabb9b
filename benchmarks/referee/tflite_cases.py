"""Questions for Vela: every operator with every dtype, the rules for all operators, and the borders of each rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import permutations
from math import ceil
from typing import Any

Data = dict[str, Any]
DTYPES = ("int8", "uint8", "int16", "int32", "int64", "bool", "float32")
S = (1, 4, 4, 8)


def tensor(dtype: str, *shape: int, scale: float | None = 0.5, zero: int = 0, value: Any = None) -> Data:
    """A tensor; with a value it is a constant, without a scale or of a dtype that has none it is not quantised."""
    data: Data = {"dtype": dtype, "shape": list(shape)}
    if scale is not None and dtype not in {"bool", "float32", "float16"}:
        data["quant"] = {"scales": [scale], "zero_points": [zero]}
    return data if value is None else {**data, "constant": True, "value": value}


def numbers(*values: Any, shape: tuple[int, ...] | None = None, dtype: str = "int32") -> Data:
    """A constant parameter tensor."""
    found = (len(values),) if shape is None else shape
    held: Any = values[0] if found == () else list(values)
    return {"dtype": dtype, "shape": list(found), "constant": True, "value": held}


def case(operator: str, operands: Data, outputs: Data, **attributes: Any) -> Data:
    """One question, without its id."""
    return {"operator": operator, "operands": operands, "outputs": outputs, "attributes": attributes}


def weights_of(dtype: str) -> str:
    return dtype if dtype in {"int8", "uint8"} else "int8"


def _out(size: int, kernel: int, stride: int, dilation: int, *, same: bool) -> int:
    return ceil(size / stride) if same else max(ceil((size - (kernel - 1) * dilation) / stride), 1)


def conv(
    dtype: str = "int8", *, kernel: tuple[int, int] = (1, 1), stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1), padding: str = "same", size: tuple[int, int] = (4, 4), depth: int = 8,
    channels: int = 16, weight: str = "", bias: Data | None = None, value: int | None = 1, deep: bool = False,
) -> Data:  # fmt: skip
    """A convolution, or a depthwise one."""
    sizes = [_out(*each, same=padding == "same") for each in zip(size, kernel, stride, dilation, strict=True)]
    channels = depth if deep else channels
    shape = (1, *kernel, channels) if deep else (channels, *kernel, depth)
    operands = {
        "input": tensor(dtype, 1, *size, depth),
        "weight": tensor(weight or weights_of(dtype), *shape, value=value),
        "bias": bias or tensor("int32", channels, value=0),
    }
    outputs = {"out": tensor(dtype, 1, *sizes, channels)}
    name = "depthwise_conv2d" if deep else "conv2d"
    return case(name, operands, outputs, padding=padding, stride=[*stride], dilation=[*dilation])


def transposed(
    dtype: str = "int8", *, kernel: tuple[int, int] = (2, 2), stride: tuple[int, int] = (2, 2), padding: str = "same",
    size: tuple[int, int] = (4, 4), off: int = 0, weight: str = "", bias: Data | None = None, value: int | None = 1,
) -> Data:  # fmt: skip
    """A transposed convolution; `off` is by how much the output's width is not what it should be."""
    grown = [n * s + (0 if padding == "same" else max(k - s, 0)) for n, s, k in zip(size, stride, kernel, strict=True)]
    shape = (1, grown[0], grown[1] + off, 16)
    operands = {
        "output_size": numbers(*shape),
        "weight": tensor(weight or weights_of(dtype), 16, *kernel, 8, value=value),
        "input": tensor(dtype, 1, *size, 8),
        "bias": bias or tensor("int32", 16, value=0),
    }
    return case("conv_transpose2d", operands, {"out": tensor(dtype, *shape)}, padding=padding, stride=[*stride])


def pool(
    name: str, dtype: str = "int8", *, kernel: tuple[int, int] = (2, 2), stride: tuple[int, int] = (2, 2),
    padding: str = "valid", size: tuple[int, int] = (16, 16), depth: int = 8,
) -> Data:  # fmt: skip
    """A pool."""
    sizes = [_out(*each, 1, same=padding == "same") for each in zip(size, kernel, stride, strict=True)]
    outputs = {"out": tensor(dtype, 1, *sizes, depth)}
    operands = {"self": tensor(dtype, 1, *size, depth)}
    return case(name, operands, outputs, padding=padding, stride=[*stride], kernel_size=[*kernel])


def dense(
    dtype: str = "int8", *, inner: int = 8, outer: int = 16, weight: str = "", shape: tuple[int, ...] = (),
    bias: Data | None = None, value: int | None = 1,
) -> Data:  # fmt: skip
    """A fully connected layer."""
    operands = {
        "input": tensor(dtype, 1, inner),
        "weight": tensor(weight or weights_of(dtype), *(shape or (outer, inner)), value=value),
        "bias": bias or tensor("int32", outer, value=0),
    }
    return case("linear", operands, {"out": tensor(dtype, 1, outer)})


def product(dtype: str = "int8", *, rows: int = 4, inner: int = 8, columns: int = 4) -> Data:
    """A matrix product."""
    operands = {"self": tensor(dtype, 1, 1, rows, inner), "mat2": tensor(dtype, 1, 1, inner, columns)}
    return case("matmul", operands, {"out": tensor(dtype, 1, 1, rows, columns)})


def reduction(name: str, dtype: str = "int8", shape: tuple[int, ...] = S, axes: tuple[int, ...] = (1, 2)) -> Data:
    """A reduction that keeps its axes."""
    reduced = {axis % len(shape) for axis in axes}
    result = [1 if axis in reduced else size for axis, size in enumerate(shape)]
    return case(
        name, {"self": tensor(dtype, *shape), "dim": numbers(*axes)}, {"out": tensor(dtype, *result)}, keepdim=True
    )


def argmax(dtype: str = "int8", shape: tuple[int, ...] = S, axis: int = 3) -> Data:
    """The place of a greatest element."""
    result = [size for at, size in enumerate(shape) if at != axis % len(shape)]
    operands = {"self": tensor(dtype, *shape), "dim": numbers(axis, shape=())}
    return case("argmax", operands, {"out": tensor("int32", *result, scale=None)})


def unary(name: str, dtype: str = "int8", shape: tuple[int, ...] = S, result: str = "") -> Data:
    """An operator with one operand that keeps the shape."""
    return case(name, {"self": tensor(dtype, *shape)}, {"out": tensor(result or dtype, *shape)})


def binary(name: str, dtype: str = "int8", shape: tuple[int, ...] = S, result: str = "", other: str = "") -> Data:
    """An operator with two operands of one shape."""
    second = "exponent" if name == "pow" else "other"
    operands = {"self": tensor(dtype, *shape), second: tensor(other or dtype, *shape)}
    return case(name, operands, {"out": tensor(result or dtype, *shape)})


def ordered(dtype: str = "int8", shape: tuple[int, ...] = S, order: tuple[int, ...] = (0, 1, 3, 2)) -> Data:
    """A permutation of axes."""
    operands = {"self": tensor(dtype, *shape), "dims": numbers(*order)}
    return case("permute", operands, {"out": tensor(dtype, *(shape[axis] for axis in order))})


def resized(
    name: str, dtype: str = "int8", shape: tuple[int, ...] = S, size: tuple[int, int] = (8, 8), **flags: bool
) -> Data:
    """A resized image."""
    operands = {"self": tensor(dtype, *shape), "size": numbers(*size)}
    return case(name, operands, {"out": tensor(dtype, shape[0], *size, shape[3])}, **flags)


def padded(name: str, dtype: str = "int8", params: str = "int32") -> Data:
    """A padded image."""
    operands = {
        "self": tensor(dtype, *S),
        "pad": numbers([0, 0], [1, 1], [1, 1], [0, 0], shape=(4, 2), dtype=params),
        **({"value": tensor(dtype, 1, value=1)} if name == "pad_v2" else {}),
    }
    return case(name, operands, {"out": tensor(dtype, 1, 6, 6, 8)})


def strided(step: tuple[int, ...] = (1, 1, 1, 1), shape: tuple[int, ...] = (1, 8, 8, 8), dtype: str = "int8") -> Data:
    """A slice of every axis with a step."""
    forward = [s > 0 for s in step]
    begin = [0 if way else n - 1 for way, n in zip(forward, shape, strict=True)]
    end = [n if way else -n - 1 for way, n in zip(forward, shape, strict=True)]
    sizes = [ceil(n / abs(s)) for n, s in zip(shape, step, strict=True)]
    operands = {"self": tensor(dtype, *shape), "begin": numbers(*begin), "end": numbers(*end), "step": numbers(*step)}
    return case("strided_slice", operands, {"out": tensor(dtype, *sizes)})


def scattered(dtype: str = "int8", index: Any = ((0,), (1,)), shape: tuple[int, ...] = (2, 1)) -> Data:
    """Rows put at places of a constant index."""
    rest = (4,) if shape[1] == 1 else ()
    operands = {
        "index": numbers(*map(list, index), shape=shape),
        "updates": tensor(dtype, 2, *rest),
        "shape": numbers(4, 4),
    }
    return case("scatter_nd", operands, {"out": tensor(dtype, 4, 4)})


UNARY = ("abs", "elu", "exp", "gelu", "hard_swish", "leaky_relu", "log", "logical_not", "neg", "quantize", "relu",
         "relu6", "relu_0_to_1", "relu_n1_to_1", "rsqrt", "sigmoid", "sin", "softmax", "sqrt", "tanh",
         "cast")  # fmt: skip
BINARY = ("add", "div", "maximum", "minimum", "mul", "pow", "squared_difference", "sub")
LOGIC = ("eq", "ge", "gt", "le", "lt", "ne", "logical_and", "logical_or")
REDUCTIONS = ("all", "amax", "amin", "any", "mean", "sum")
RESIZES = ("resize_bilinear", "resize_nearest_neighbor")
ENDLESS = frozenset({("sigmoid", "bool"), ("tanh", "bool")})
"""Questions to which the compiler for the U85 never ends answering."""


def _base() -> dict[str, Callable[[str], Data]]:
    """An ordinary call of every operator, by the dtype of its feature maps."""
    return {
        **{name: lambda d, name=name: unary(name, d) for name in UNARY},
        **{name: lambda d, name=name: binary(name, d) for name in BINARY},
        **{name: lambda d, name=name: binary(name, d, result="bool") for name in LOGIC},
        **{name: lambda d, name=name: reduction(name, d) for name in REDUCTIONS},
        **{name: lambda d, name=name: resized(name, d) for name in RESIZES},
        **{name: lambda d, name=name: padded(name, d) for name in ("pad", "pad_v2", "mirror_pad")},
        **{name: lambda d, name=name: pool(name, d) for name in ("avg_pool2d", "max_pool2d")},
        "argmax": argmax,
        "conv2d": conv,
        "depthwise_conv2d": lambda d: conv(d, deep=True, kernel=(3, 3)),
        "conv_transpose2d": transposed,
        "linear": dense,
        "matmul": product,
        "permute": ordered,
        "strided_slice": lambda d: strided(dtype=d),
        "scatter_nd": scattered,
        "prelu": lambda d: case(
            "prelu", {"self": tensor(d, *S), "weight": tensor(d, 1, 1, 8, value=0)}, {"out": tensor(d, *S)}
        ),
        "cat": lambda d: case("cat", {"tensors": [tensor(d, *S)] * 2}, {"out": tensor(d, 1, 4, 4, 16)}, dim=3),
        "stack": lambda d: case(
            "stack", {"tensors": [tensor(d, 4, 8)] * 2}, {"out": tensor(d, 2, 4, 8)}, dim=0, count=2
        ),
        "split": lambda d: case(
            "split", {"dim": numbers(3, shape=()), "self": tensor(d, *S)}, {"out": [tensor(d, 1, 4, 4, 4)] * 2},
            num_splits=2,
        ),
        "split_v": lambda d: case(
            "split_v", {"self": tensor(d, *S), "split_size": numbers(2, 6), "dim": numbers(3, shape=())},
            {"out": [tensor(d, 1, 4, 4, 2), tensor(d, 1, 4, 4, 6)]}, num_splits=2,
        ),
        "unbind": lambda d: case("unbind", {"self": tensor(d, 2, 4, 8)}, {"out": [tensor(d, 4, 8)] * 2}, dim=0, num=2),
        "expand_dims": lambda d: case(
            "expand_dims", {"self": tensor(d, 4, 8), "dim": numbers(0, shape=())}, {"out": tensor(d, 1, 4, 8)}
        ),
        "squeeze": lambda d: case("squeeze", {"self": tensor(d, 1, 4, 8)}, {"out": tensor(d, 4, 8)}, dim=[0]),
        "reshape": lambda d: case(
            "reshape", {"self": tensor(d, *S), "shape": numbers(1, 16, 8)}, {"out": tensor(d, 1, 16, 8)}
        ),
        "gather": lambda d: case(
            "gather", {"self": tensor(d, 8, 16), "index": tensor("int32", 4, scale=None)}, {"out": tensor(d, 4, 16)},
            dim=0, batch_dims=0,
        ),
        "reverse": lambda d: case("reverse", {"self": tensor(d, *S), "dim": numbers(1)}, {"out": tensor(d, *S)}),
        "where": lambda d: case(
            "where", {"condition": tensor("bool", *S), "self": tensor(d, *S), "other": tensor(d, *S)},
            {"out": tensor(d, *S)},
        ),
        "slice": lambda d: case(
            "slice", {"self": tensor(d, *S), "begin": numbers(0, 0, 0, 0), "size": numbers(1, 2, 4, 8)},
            {"out": tensor(d, 1, 2, 4, 8)},
        ),
        "tile": lambda d: case(
            "tile", {"self": tensor(d, *S), "dims": numbers(1, 2, 1, 1)}, {"out": tensor(d, 1, 8, 4, 8)}
        ),
    }  # fmt: skip


BASE = _base()


def questions() -> Iterator[Data]:
    """Every case with its id, which says what it asks."""
    for label, data in _all():
        yield {"id": label, **data, **({"inside": True} if _has_bool(data) else {})}


def _has_bool(data: Data) -> bool:
    held = [*data["operands"].values(), *data["outputs"].values()]
    flat = [operand for each in held for operand in (each if isinstance(each, list) else [each])]
    return any(operand["dtype"] == "bool" for operand in flat)


def _all() -> Iterator[tuple[str, Data]]:
    yield from _dtypes()
    yield from _every_operator()
    yield from _convolutions()
    yield from _windows()
    yield from _matrices()
    yield from _reductions()
    yield from _resizes()
    yield from _orders()
    yield from _rest()


def _dtypes() -> Iterator[tuple[str, Data]]:
    for name, base in BASE.items():
        for dtype in DTYPES:
            if (name, dtype) not in ENDLESS:
                yield f"{name} of {dtype}", base(dtype)
    for name in ("abs", "add", "relu", "conv2d", "maximum", "softmax", "reshape", "cat"):
        yield f"{name} of int8 to int16", _with(BASE[name]("int8"), "out", dtype="int16")


def _with(data: Data, port: str, **changes: Any) -> Data:
    """The case with the first operand on a port changed; None takes a part away."""
    changed = deepcopy(data)
    place = changed["operands"] if port in changed["operands"] else changed["outputs"]
    held = place[port][0] if isinstance(place[port], list) else place[port]
    for key, value in changes.items():
        held.pop(key, None)
        if value is not None:
            held[key] = value
    if isinstance(place[port], list):
        place[port] = [held, *deepcopy(place[port][1:])]
    return changed


def _first(data: Data) -> str:
    return next(port for port in ("input", "self", "tensors", "updates") if port in data["operands"])


def _zero(zero: int) -> Data:
    return {"scales": [0.5], "zero_points": [zero]}


def _every_operator() -> Iterator[tuple[str, Data]]:
    """The rules that hold for all operators, each broken on its own."""
    for name, base in BASE.items():
        data = base("int8")
        port = _first(data)
        yield f"{name}, no quantisation of {port}", _with(data, port, quant=None)
        yield f"{name}, scales per channel of {port}", _with(data, port, quant=_per_channel(data, port))
        for zero in (127, 128):
            yield f"{name}, zero point {zero} of {port}", _with(data, port, quant=_zero(zero))
        shape = data["operands"][port][0]["shape"] if port == "tensors" else data["operands"][port]["shape"]
        for axis in (0, 1):
            changed = [-1 if at == axis and size > 0 else size for at, size in enumerate(shape)]
            if axis < len(shape) and shape[axis] == 1:
                yield f"{name}, dynamic axis {axis} of {port}", _with(data, port, shape=changed)
    for dtype, zero in (("uint8", -1), ("uint8", 0), ("uint8", 255), ("uint8", 256), ("int16", 0), ("int16", 1),
                        ("int32", 0), ("int32", 1), ("int8", -128), ("int8", -129)):  # fmt: skip
        yield f"add, zero point {zero} of {dtype}", _with(BASE["add"](dtype), "self", quant=_zero(zero))
        yield f"mul, zero point {zero} of the {dtype} output", _with(BASE["mul"](dtype), "out", quant=_zero(zero))
    for dtype in ("int8", "uint8", "int16", "int32"):
        yield f"add of {dtype}, no quantisation", _with(BASE["add"](dtype), "self", quant=None)
        yield f"relu of {dtype}, no quantisation of the output", _with(BASE["relu"](dtype), "out", quant=None)
    for name in ("abs", "add", "softmax", "reshape", "conv2d"):
        data = BASE[name]("int8")
        yield f"{name}, dynamic batch", _with(data, _first(data), shape=[-1, *S[1:]])
    yield "abs of a scalar", unary("abs", shape=())
    for rank in (1, 5, 8):
        yield f"abs of rank {rank}", unary("abs", shape=(2,) * rank)
        yield f"add of rank {rank}", binary("add", shape=(2,) * rank)


def _per_channel(data: Data, port: str) -> Data:
    held = data["operands"][port]
    shape = (held[0] if isinstance(held, list) else held)["shape"]
    return {"scales": [0.5] * shape[-1], "zero_points": [0] * shape[-1], "axis": len(shape) - 1}


def _convolutions() -> Iterator[tuple[str, Data]]:
    for deep in (False, True):
        name = "depthwise" if deep else "conv"
        for stride in ((3, 3), (4, 4), (4, 1), (1, 4), (2, 3), (5, 5)):
            for padding in ("same", "valid"):
                data = conv(stride=stride, kernel=(3, 3), size=(16, 16), padding=padding, deep=deep)
                yield f"{name}, stride {stride}, {padding}", data
        for dilation in ((2, 2), (3, 1)):
            data = conv(stride=(4, 4), dilation=dilation, kernel=(3, 3), size=(16, 16), padding="valid", deep=deep)
            yield f"{name}, stride 4, dilation {dilation}", data
        for kernel in ((64, 1), (65, 1), (1, 64), (64, 64), (65, 64)):
            size = (max(kernel[0], 2), max(kernel[1], 2))
            data = conv(kernel=kernel, size=size, depth=1, channels=1, padding="valid", deep=deep)
            yield f"{name}, kernel {kernel}", data
    yield from _weights()
    for inner in (65536, 65537):
        for channels in (1, 2):
            yield f"dense, {channels} x {inner} weights of 127", dense(inner=inner, outer=channels, value=127)
    for depth in (16, 17):
        size = {"kernel": (64, 64), "size": (64, 64), "padding": "valid"}
        for channels in (1, 2):
            data = conv(depth=depth, channels=channels, value=127, **size)
            yield f"conv, {channels} x {depth * 4096} weights of 127", data
    yield from _transposed()


def _weights() -> Iterator[tuple[str, Data]]:
    sorts = (("conv", conv), ("depthwise", lambda *a, **k: conv(*a, deep=True, **k)), ("transposed", transposed),
             ("dense", dense))  # fmt: skip
    for name, make in sorts:
        channels = 8 if name == "depthwise" else 16
        for weight in ("int8", "uint8", "int16", "int32"):
            yield f"{name}, weight {weight}", make(weight=weight)
        for dtype in ("int8", "int16", "int32", "float32"):
            yield f"{name}, bias {dtype}", make(bias=tensor(dtype, channels, value=0))
        for dtype in ("int8", "uint8", "int16"):
            yield f"{name} of {dtype}, bias int64", make(dtype, bias=tensor("int64", channels, value=0))
            yield f"{name} of {dtype}, weight not constant", make(dtype, value=None)
        yield f"{name}, bias not constant", make(bias=tensor("int32", channels))
        yield f"{name}, bias of a channel axis", make(bias=tensor("int32", 1, channels, value=0))
        yield f"{name}, bias of another axis", make(bias=tensor("int32", channels, 1, value=0))
        for bits in (40, 48):
            for value in (2**bits - 1, 2**bits):
                held = tensor("int64", channels, value=value)
                yield f"{name} of int16, bias of {value}", make("int16", bias=held)
        yield f"{name}, no quantisation of the weight", _with(make(), "weight", quant=None)
        yield f"{name}, no quantisation of the bias", _with(make(), "bias", quant=None)
        yield (
            f"{name}, scales per channel of the weight",
            _with(make(), "weight", quant={"scales": [0.5] * channels, "zero_points": [0] * channels, "axis": 0}),
        )


def _transposed() -> Iterator[tuple[str, Data]]:
    for stride in ((1, 1), (2, 2), (2, 1), (1, 2), (3, 3), (1, 3)):
        for padding in ("same", "valid"):
            data = transposed(stride=stride, kernel=(4, 4), padding=padding)
            yield f"transposed, stride {stride}, {padding}", data
    yield "transposed, stride (2, 1) in one column", transposed(stride=(2, 1), kernel=(4, 1), size=(4, 1))
    yield "transposed, stride (1, 2) in one row", transposed(stride=(1, 2), kernel=(1, 4), size=(1, 4))
    yield "transposed, stride (1, 2) in one row, kernel 2", transposed(stride=(1, 2), kernel=(2, 4), size=(1, 4))
    for padding in ("same", "valid"):
        for off in (-1, 1):
            data = transposed(padding=padding, off=off, kernel=(4, 4))
            yield f"transposed, {padding}, output off by {off}", data


def _windows() -> Iterator[tuple[str, Data]]:
    for name in ("avg_pool2d", "max_pool2d"):
        for stride in ((3, 3), (4, 4), (4, 1), (1, 4)):
            for padding in ("same", "valid"):
                yield f"{name}, stride {stride}, {padding}", pool(name, stride=stride, kernel=(3, 3), padding=padding)
        for kernel in ((8, 8), (9, 8), (8, 9), (256, 2), (257, 2), (2, 257), (256, 256), (256, 257)):
            for padding in ("same", "valid"):
                data = pool(name, kernel=kernel, stride=(1, 1), padding=padding, size=kernel, depth=1)
                yield f"{name}, kernel {kernel}, {padding}", data
        data = pool(name, kernel=(9, 9), stride=(9, 9), padding="same", size=(18, 18), depth=1)
        yield f"{name}, kernel 9 that needs no padding", data


def _matrices() -> Iterator[tuple[str, Data]]:
    for size in (65536, 65537):
        yield f"matmul, inner {size}", product(rows=1, inner=size, columns=1)
        yield f"matmul, columns {size}", product(rows=1, inner=1, columns=size)
        yield f"dense, weight not constant, inner {size}", dense(inner=size, outer=1, value=None)
        yield f"dense, weight not constant, outer {size}", dense(inner=1, outer=size, value=None)
    yield "dense, weights in four axes", dense(shape=(16, 1, 1, 8))
    yield "dense, weights in four axes, not flat", dense(shape=(16, 1, 2, 4))


def _reductions() -> Iterator[tuple[str, Data]]:
    for shape, axes in (
        (S, (1,)), (S, (3,)), (S, (1, 3)), (S, (1, 2, 3)), ((2, 4, 4, 8), (1, 2)), ((2, 4, 4, 8), (0,)),
        ((1, 1, 4, 8), (3,)), ((1, 4, 4, 1), (3,)), ((1, 4, 1, 8), (1, 3)), ((4, 8), (0,)), ((4, 8), (1,)),
        ((3, 4, 8), (1,)), ((3, 4, 8), (2,)),
        ((2, 2, 3, 4, 8), (2,)), ((1, 1, 3, 4, 8), (2,)), (S, (-1,)),
    ):  # fmt: skip
        for name in ("mean", "sum", "amax"):
            yield f"{name} of {shape} along {axes}", reduction(name, shape=shape, axes=axes)
    for size in (4095, 4096, 4097):
        for shape, axes in (((1, size, 2, 8), (1,)), ((1, 2, size, 8), (2,)), ((1, 1, 2, size), (3,))):
            yield f"mean of {shape} along {axes}", reduction("mean", shape=shape, axes=axes)
    for height in (256, 257):
        yield f"mean of {height * 256} int16", reduction("mean", "int16", shape=(1, height, 256, 1))
    yield "mean of 8392704 uint8", reduction("mean", "uint8", shape=(1, 4096, 2049, 1))
    for depth in (127, 128):
        yield f"argmax of {depth}", argmax(shape=(1, 4, 4, depth))
    for axis in (0, 1, 2, -1, -2):
        yield f"argmax along {axis}", argmax(axis=axis)
    yield "argmax of a batch", argmax(shape=(2, 4, 4, 8))
    yield "argmax of rank 2", argmax(shape=(4, 8), axis=1)
    yield "argmax of rank 1", argmax(shape=(8,), axis=0)
    for shape in ((1, 256, 256, 2), (1, 257, 256, 2), (1, 65536, 1, 2), (1, 65537, 1, 2), (65536, 2), (65537, 2),
                  (2, 40000, 2), (8,), (1, 1, 2, 2, 8), (1, 1, 1, 65536), (1, 1, 1, 65537)):  # fmt: skip
        yield f"softmax of {shape}", unary("softmax", shape=shape)


def _resizes() -> Iterator[tuple[str, Data]]:
    sizes = (((4, 4), (4, 4)), ((4, 4), (8, 8)), ((4, 4), (16, 16)), ((4, 4), (32, 32)), ((4, 4), (64, 64)),
             ((4, 4), (12, 12)), ((4, 4), (8, 16)), ((4, 4), (7, 7)), ((4, 4), (13, 13)), ((4, 4), (25, 25)),
             ((4, 4), (49, 49)), ((4, 4), (2, 2)), ((4, 4), (4, 8)), ((1, 1), (8, 8)), ((1, 1), (7, 5)),
             ((1, 4), (1, 8)), ((4, 1), (8, 1)), ((1, 4), (1, 6)), ((1, 4), (1, 7)))  # fmt: skip
    flags = ({}, {"align_corners": True}, {"half_pixel_centers": True})
    for name in RESIZES:
        for given in flags:
            for before, after in sizes:
                label = ", ".join((name, *given, f"{before} to {after}"))
                yield label, resized(name, shape=(1, *before, 8), size=after, **given)
        both = {"align_corners": True, "half_pixel_centers": True}
        yield f"{name}, both flags", resized(name, size=(7, 7), **both)
        yield f"{name} of a batch", resized(name, shape=(2, 4, 4, 8))
        yield f"{name}, aligned, 2048 times", resized(name, shape=(1, 2, 2, 1), size=(2049, 2049), align_corners=True)
        yield f"{name}, aligned, 2049 times", resized(name, shape=(1, 2, 2, 1), size=(2050, 2050), align_corners=True)
        yield f"{name}, 1024 times", resized(name, shape=(1, 2, 2, 1), size=(2048, 2048))
        yield f"{name}, 2048 times", resized(name, shape=(1, 2, 2, 1), size=(4096, 4096))


def _orders() -> Iterator[tuple[str, Data]]:
    for dtype in ("int8", "int32"):
        for shape in ((1, 3, 4, 5), (2, 3, 4, 5), (3, 4, 5)):
            for order in permutations(range(len(shape))):
                if dtype == "int32" or sum(order[: len(order) // 2]) % 2:
                    yield f"permute {shape} of {dtype} by {order}", ordered(dtype, shape, order)
        for shape, order in (
            ((1, 2, 2, 32768), (0, 1, 2, 3)), ((1, 2, 2, 32769), (0, 1, 2, 3)), ((1, 2, 3, 16384), (0, 2, 1, 3)),
            ((1, 2, 3, 16385), (0, 2, 1, 3)), ((1, 65536, 2, 3), (0, 2, 1, 3)), ((1, 65537, 2, 3), (0, 2, 1, 3)),
            ((1, 2, 65536, 2), (0, 1, 3, 2)), ((1, 2, 65537, 2), (0, 1, 3, 2)), ((1, 2, 2, 65537), (0, 1, 3, 2)),
            ((2, 32768, 2, 2), (0, 1, 3, 2)), ((2, 32769, 2, 2), (0, 1, 3, 2)), ((1, 2, 65537, 2), (0, 3, 1, 2)),
            ((1, 2, 65537, 2), (1, 0, 3, 2)), ((256, 256, 2, 2), (1, 0, 3, 2)), ((257, 256, 2, 2), (1, 0, 3, 2)),
            ((2, 257, 256, 2), (0, 3, 2, 1)), ((2, 65536), (1, 0)), ((2, 65537), (1, 0)), ((2, 3, 65537), (1, 0, 2)),
            ((2, 65537, 3), (0, 2, 1)),
        ):  # fmt: skip
            yield f"permute {shape} of {dtype} by {order}", ordered(dtype, shape, order)
    for rank in (5, 8, 9):
        shape = (*(1,) * (rank - 2), 2, 3)
        order = (*range(rank - 2), rank - 1, rank - 2)
        for dtype in ("int8", "int32"):
            yield f"permute of {dtype}, rank {rank}", ordered(dtype, shape, order)


def _rest() -> Iterator[tuple[str, Data]]:
    for step in ((1, 2, 1, 1), (1, 1, 2, 1), (1, 3, 3, 1), (1, 1, 1, 2), (2, 1, 1, 1), (1, -1, 1, 1), (1, 1, 1, -1)):
        yield f"strided_slice by {step}", strided(step)
    yield "strided_slice of rank 2 by (2, 1)", strided((2, 1), (8, 8))
    yield "strided_slice of rank 2 by (1, 2)", strided((1, 2), (8, 8))
    for name in ("maximum", "minimum"):
        for scale, zero in ((0.25, 0), (0.5, 1)):
            other = {"scales": [scale], "zero_points": [zero]}
            for port in ("self", "out"):
                yield (
                    f"{name}, {port} with scale {scale}, zero point {zero}",
                    _with(BASE[name]("int8"), port, quant=other),
                )
    for name in ("add", "mul", "sub", "maximum", "squared_difference"):
        yield f"{name} of int8 and int16", binary(name, other="int16")
        for dtype, result in (("int8", "int32"), ("int32", "int8"), ("uint8", "int8"), ("int16", "int8")):
            yield f"{name} of {dtype} to {result}", binary(name, dtype, result=result)
    for dtype, result in (("int8", "uint8"), ("int16", "int8"), ("int8", "int32"), ("int8", "float32")):
        yield f"quantize of {dtype} to {result}", unary("quantize", dtype, result=result)
    for dim in (0, 1, -1):
        data = BASE["gather"]("int8")
        yield f"gather along {dim}", {**data, "attributes": {"dim": dim, "batch_dims": 0}}
    yield "scatter_nd with an index of two columns", scattered(index=((0, 1), (1, 0)), shape=(2, 2))
    yield "scatter_nd with an index that is not constant", _with(scattered(), "index", constant=False)
    yield (
        "reshape to another scale",
        _with(BASE["reshape"]("int8"), "out", quant={"scales": [0.25], "zero_points": [0]}),
    )
    yield "where of int8 and int16", _with(BASE["where"]("int8"), "other", dtype="int16")
