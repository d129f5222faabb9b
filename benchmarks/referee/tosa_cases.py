"""Questions for tosa-opt: each row of the profile, each with one cell changed, and the borders of the other rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import islice, product
from typing import Any

from calls import TOSA_NAMES

from npusim.dtypes import DType
from npusim.profiles.model import Profile
from npusim.profiles.rules.rows import Row, Rows

Data = dict[str, Any]
OTHERS = (
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float8_e4m3fn",
    "bool",
    "float64",
    "int4",
)
"""Dtypes that are put into one cell of a row at a time."""
COMBINATIONS = 4
"""How many of the combinations of a row's lists are asked about."""


def tensor(dtype: str, *shape: int, value: Any = None) -> Data:
    """A tensor, a constant if it has a value."""
    data = {"dtype": dtype, "shape": [*shape]}
    return data if value is None else {**data, "constant": True, "value": value}


Form = tuple[Mapping[str, tuple[int, ...]], Mapping[str, tuple[int, ...]], Mapping[str, Any]]
IMAGE, WINDOW = (1, 4, 4, 8), {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0]}
CONV = {"stride": [1, 1], "dilation": [1, 1], "padding": [0, 0, 0, 0]}


def _unary(shape: tuple[int, ...] = (2, 3), result: tuple[int, ...] = (), **attributes: Any) -> Form:
    return {"self": shape}, {"out": result or shape}, attributes


def _binary() -> Form:
    return {"self": (2, 3), "other": (2, 3)}, {"out": (2, 3)}, {}


UNARY = ("abs", "bitwise_not", "ceil", "clz", "cos", "erf", "exp", "floor", "identity", "log", "logical_not",
         "reciprocal", "rsqrt", "sigmoid", "sin", "tanh", "cast")  # fmt: skip
BINARY = ("add", "bitwise_and", "bitwise_or", "bitwise_xor", "intdiv", "logical_and", "logical_left_shift",
          "logical_or", "logical_right_shift", "logical_xor", "pow", "sub", "maximum", "minimum", "eq", "gt", "ge",
          "arithmetic_right_shift")  # fmt: skip
REDUCTIONS = ("all", "any", "amax", "amin", "sum", "prod")

FORMS: Mapping[str, Form] = {
    **{name: _unary() for name in UNARY},
    **{name: _binary() for name in BINARY},
    **{name: _unary(result=(2, 1), dim=1) for name in REDUCTIONS},
    "clamp": _unary(min=0, max=1),
    "argmax": _unary(result=(2,), dim=1),
    "reverse": _unary(dim=1),
    "permute": _unary(result=(3, 2), dims=[1, 0]),
    "mul": ({"self": (2, 3), "other": (2, 3), "shift": (1,)}, {"out": (2, 3)}, {}),
    "neg": ({"self": (2, 3), "self_zp": (1,), "out_zp": (1,)}, {"out": (2, 3)}, {}),
    "where": ({"condition": (2, 3), "self": (2, 3), "other": (2, 3)}, {"out": (2, 3)}, {}),
    "cat": ({"tensors": (2, 3)}, {"out": (2, 3)}, {"dim": 1}),
    "reshape": ({"self": (2, 3), "shape": (1,)}, {"out": (6,)}, {}),
    "slice": ({"self": (2, 3), "begin": (2,), "size": (2,)}, {"out": (1, 3)}, {}),
    "tile": ({"self": (2, 3), "dims": (2,)}, {"out": (2, 6)}, {}),
    "pad": ({"self": (2, 3), "pad": (4,), "value": (1,)}, {"out": (4, 3)}, {}),
    "table": ({"self": (2, 3), "table": (256,)}, {"out": (2, 3)}, {}),
    "gather": ({"self": (1, 4, 2), "index": (1, 3)}, {"out": (1, 3, 2)}, {}),
    "scatter": ({"self": (1, 4, 2), "index": (1, 3), "src": (1, 3, 2)}, {"out": (1, 4, 2)}, {}),
    "matmul": ({"self": (1, 2, 3), "mat2": (1, 3, 4), "self_zp": (1,), "mat2_zp": (1,)}, {"out": (1, 2, 4)}, {}),
    "avg_pool2d": ({"self": IMAGE, "self_zp": (1,), "out_zp": (1,)}, {"out": (1, 2, 2, 8)}, WINDOW),
    "max_pool2d": ({"self": IMAGE}, {"out": (1, 2, 2, 8)}, WINDOW),
    "conv2d": (
        {"input": IMAGE, "weight": (2, 1, 1, 8), "bias": (2,), "input_zp": (1,), "weight_zp": (1,)},
        {"out": (1, 4, 4, 2)}, CONV,
    ),
    "conv3d": (
        {"input": (1, 2, 4, 4, 8), "weight": (2, 1, 1, 1, 8), "bias": (2,), "input_zp": (1,), "weight_zp": (1,)},
        {"out": (1, 2, 4, 4, 2)}, {"stride": [1] * 3, "dilation": [1] * 3, "padding": [0] * 6},
    ),
    "depthwise_conv2d": (
        {"input": IMAGE, "weight": (1, 1, 8, 1), "bias": (8,), "input_zp": (1,), "weight_zp": (1,)},
        {"out": IMAGE}, CONV,
    ),
    "conv_transpose2d": (
        {"input": IMAGE, "weight": (2, 1, 1, 8), "bias": (2,), "input_zp": (1,), "weight_zp": (1,)},
        {"out": (1, 4, 4, 2)}, {"stride": [1, 1], "out_pad": [0, 0, 0, 0]},
    ),
    "rescale": (
        {"self": (2, 3), "multiplier": (1,), "shift": (1,), "self_zp": (1,), "out_zp": (1,)}, {"out": (2, 3)}, {},
    ),
    "resize": (
        {"self": (1, 2, 2, 1), "scale": (4,), "offset": (2,), "border": (2,)}, {"out": (1, 3, 3, 1)}, {},
    ),
    "fft2d": (
        {"real": (1, 4, 4), "imag": (1, 4, 4)}, {"out_real": (1, 4, 4), "out_imag": (1, 4, 4)}, {},
    ),
    "rfft2d": ({"self": (1, 4, 4)}, {"out_real": (1, 4, 3), "out_imag": (1, 4, 3)}, {}),
}  # fmt: skip
"""Shapes on the ports of every operator, and its attributes."""

SHAPES: Mapping[str, tuple[int, ...]] = {
    "shape": (6,), "begin": (0, 0), "size": (1, 3), "dims": (1, 2), "pad": (1, 1, 0, 0), "scale": (2, 1, 2, 1),
    "offset": (0, 0), "border": (0, 0),
}  # fmt: skip
"""Ports that hold sizes, and what they hold."""
CONSTANT: Mapping[str, int] = {"shift": 0, "multiplier": 1, "table": 0, "value": 0}
FIXED: Mapping[tuple[str, str], str] = {
    ("rescale", "multiplier"): "int32",
    ("rescale", "shift"): "int8",
    ("mul", "shift"): "int8",
    ("where", "condition"): "bool",
}
"""Dtypes of ports that no row names."""
ZERO_POINTS = {"input_zp": "input", "weight_zp": "weight", "self_zp": "self", "out_zp": "out", "mat2_zp": "mat2"}


def build(operator: str, dtypes: Mapping[str, str], **attributes: Any) -> Data:
    """A case of an operator with a dtype on each port."""
    operands, outputs, given = FORMS[operator]
    result = {
        "operator": operator,
        "operands": {port: _operand(operator, port, shape, dtypes) for port, shape in operands.items()},
        "outputs": {port: tensor(_dtype(operator, port, dtypes), *shape) for port, shape in outputs.items()},
        "attributes": {**given, **attributes},
    }
    if operator == "clamp":
        bounds = (0.0, 1.0) if "float" in _dtype(operator, "self", dtypes) else (0, 1)
        result["attributes"] = {**dict(zip(("min", "max"), bounds, strict=True)), **attributes}
    if operator == "table" and _dtype(operator, "self", dtypes) == "int16":
        result["operands"]["table"]["shape"] = [513]
    if operator == "rescale" and _dtype(operator, "self", dtypes) == "int48":
        result["operands"]["multiplier"]["dtype"] = "int16"
        result["attributes"]["scale32"] = False
    return result


def _operand(operator: str, port: str, shape: tuple[int, ...], dtypes: Mapping[str, str]) -> Any:
    if port in SHAPES and (operator, port) not in {("slice", "dim")} and len(SHAPES[port]) == shape[0]:
        return {"dtype": "shape", "shape": [len(SHAPES[port])], "constant": True, "value": [*SHAPES[port]]}
    if port in ZERO_POINTS:
        return tensor(_dtype(operator, port, dtypes, ZERO_POINTS[port]), *shape, value=0)
    found = _dtype(operator, port, dtypes)
    data = tensor(found, *shape, value=CONSTANT.get(port) if port in CONSTANT else None)
    return [data] if port == "tensors" else data


def _dtype(operator: str, port: str, dtypes: Mapping[str, str], like: str = "") -> str:
    return dtypes.get(port) or FIXED.get((operator, port)) or dtypes.get(like) or next(iter(dtypes.values()))


def questions(profile: Profile) -> Iterator[Data]:
    """Every case with its id, which says what it asks."""
    seen = set()
    for label, data in (*_rows(profile), *_borders()):
        key = repr(data)
        if key not in seen:
            seen.add(key)
            yield {"id": label, **data}


def _rows(profile: Profile) -> Iterator[tuple[str, Data]]:
    for operator in FORMS:
        name, names = TOSA_NAMES.get(operator, (operator, {}))
        back = {theirs: ours for ours, theirs in names.items()}
        rows = next(check.rule for check in profile.operators[name].checks if isinstance(check.rule, Rows))
        for row in rows.rows:
            for cells in islice(_cells(row), COMBINATIONS):
                yield from _of_row(operator, {back.get(column, column): cell for column, cell in cells.items()})


def _cells(row: Row) -> Iterator[dict[str, str]]:
    names = tuple(row.cells)
    for cells in product(*row.cells.values()):
        yield {n: c.value.name if isinstance(c.value, DType) else c.value for n, c in zip(names, cells, strict=True)}


def _of_row(operator: str, cells: Mapping[str, str]) -> Iterator[tuple[str, Data]]:
    attributes = {name: cells[name] for name in cells if name == "acc_type"}
    dtypes = {name: cells[name] for name in cells if name not in attributes}
    spelled = ", ".join(f"{name} {dtype}" for name, dtype in cells.items())
    yield f"{operator}: {spelled}", build(operator, dtypes, **attributes)
    for at, name in enumerate(dtypes):
        others = [other for other in OTHERS if other != dtypes[name]]
        other = others[(at + len(spelled)) % len(others)]
        yield f"{operator}: {spelled}; {name} {other}", build(operator, {**dtypes, name: other}, **attributes)
    same = {name: OTHERS[len(spelled) % len(OTHERS)] for name in dtypes}
    yield f"{operator}: all {next(iter(same.values()))}", build(operator, same, **attributes)


def _borders() -> Iterator[tuple[str, Data]]:
    yield from _ranks()
    yield from _windows()
    yield from _values()
    yield from _numbers()


USUAL: Mapping[str, str] = {"sin": "float32", "logical_and": "bool"}


def _ranks() -> Iterator[tuple[str, Data]]:
    for operator in ("add", "abs", "sin", "logical_and", "eq", "permute", "clamp", "identity", "where", "reverse"):
        for rank in (0, 1, 6, 7):
            if rank or operator not in {"permute", "reverse"}:
                data = build(operator, {"self": USUAL.get(operator, "int8" if operator == "clamp" else "int32")})
                for held in (*data["operands"].values(), *data["outputs"].values()):
                    held["shape"] = [1] * rank
                data["attributes"] |= {"dims": [*range(rank)]} if operator == "permute" else {}
                data["attributes"] |= {"dim": 0} if operator == "reverse" else {}
                if operator == "eq":
                    data["outputs"]["out"]["dtype"] = "bool"
                yield f"{operator} of rank {rank}", data
    for other in ((3,), (1, 3), (2, 1)):
        data = build("add", {"self": "int32"})
        data["operands"]["other"]["shape"] = [*other]
        yield f"add of shapes (2, 3) and {other}", data
    for count in (1, 2, 64, 65):
        data = build("cat", {"tensors": "int8"})
        data["operands"]["tensors"] = [tensor("int8", 2, 3)] * count
        data["outputs"]["out"]["shape"] = [2, 3 * count]
        yield f"cat of {count}", data
    for axis in (0, 1, 2):
        data = build("argmax", {"self": "int8", "out": "int32"}, dim=axis)
        data["outputs"]["out"]["shape"] = [3] if axis == 0 else [2]
        yield f"argmax along {axis}", data
    for inner, batch in ((3, 1), (4, 1), (3, 2)):
        data = build("matmul", {"self": "int8", "mat2": "int8", "out": "int32"})
        data["operands"]["mat2"]["shape"] = [batch, inner, 4]
        yield f"matmul with a second operand of {batch}, {inner}, 4", data


def _conv(operator: str, **changes: Any) -> Data:
    data = build(operator, {"input": "int8", "weight": "int8", "out": "int32", "bias": "int32"}, acc_type="int32")
    return _resized(data, **changes)


def _resized(data: Data, size: tuple[int, int] = (4, 4), kernel: tuple[int, int] = (1, 1), **attributes: Any) -> Data:
    """A window operator with another image, another kernel and other attributes, its output shaped accordingly."""
    changed = deepcopy(data)
    changed["attributes"] |= attributes
    given = changed["attributes"]
    image = next(iter(changed["operands"].values()))
    image["shape"][1:3] = size
    if "weight" in changed["operands"]:
        at = 0 if data["operator"] == "depthwise_conv2d" else 1
        changed["operands"]["weight"]["shape"][at : at + 2] = kernel
    else:
        given["kernel_size"] = [*kernel]
    dilation, pad = given.get("dilation", [1, 1]), given["padding"]
    changed["outputs"]["out"]["shape"][1:3] = [
        max((n + pad[2 * i] + pad[2 * i + 1] - (k - 1) * dilation[i] - 1) // max(given["stride"][i], 1) + 1, 1)
        for i, (n, k) in enumerate(zip(size, kernel, strict=True))
    ]
    return changed


def _pool(operator: str, **changes: Any) -> Data:
    dtypes = {"self": "int8", "out": "int8"}
    attributes = {"acc_type": "int32"} if operator == "avg_pool2d" else {}
    return _resized(build(operator, dtypes, **attributes), **changes)


def _windows() -> Iterator[tuple[str, Data]]:
    for operator in ("conv2d", "depthwise_conv2d"):
        for size in (8192, 8193):
            yield f"{operator}, kernel height {size}", _conv(operator, size=(size, 4), kernel=(size, 1))
            yield f"{operator}, kernel width {size}", _conv(operator, size=(4, size), kernel=(1, size))
            yield f"{operator}, stride {size}", _conv(operator, size=(size + 1, 4), stride=[size, 1])
            yield f"{operator}, padding {size}", _conv(operator, padding=[size, 0, 0, 0])
        for dilation in (4096, 4097):
            data = _conv(operator, size=(dilation + 1, 4), kernel=(2, 1), dilation=[dilation, 1])
            yield f"{operator}, dilation {dilation} of kernel 2", data
        for name, value in (("padding", [-1, 0, 0, 0]), ("stride", [0, 1]), ("dilation", [0, 1]), ("stride", [2, 2])):
            yield f"{operator}, {name} {value}", _conv(operator, **{name: value})
        yield f"{operator}, stride 3 that divides", _conv(operator, stride=[3, 3])
    for operator in ("avg_pool2d", "max_pool2d"):
        for size in (8192, 8193):
            data = _pool(operator, size=(size, 4), kernel=(size, 1), stride=[1, 1])
            yield f"{operator}, kernel height {size}", data
            yield f"{operator}, stride {size}", _pool(operator, size=(size + 1, 4), stride=[size, 1])
        for pad in ([1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 2], [-1, 0, 0, 0]):
            yield f"{operator}, padding {pad} of kernel 2", _pool(operator, kernel=(2, 2), stride=[1, 1], padding=pad)
        for name, value in (("stride", [0, 1]), ("stride", [2, 2]), ("stride", [3, 3])):
            yield f"{operator}, {name} {value}", _pool(operator, **{name: value})


def _values() -> Iterator[tuple[str, Data]]:
    for dtype, result, accumulator in (
        ("int8", "int32", "int32"),
        ("int16", "int48", "int48"),
        ("float32", "float32", "float32"),
    ):
        dtypes = {"input": dtype, "weight": "int8" if "int" in dtype else dtype, "bias": result, "out": result}
        for port in ("input_zp", "weight_zp"):
            for zero in (0, 1):
                data = build("conv2d", dtypes, acc_type=accumulator)
                data["operands"][port]["value"] = zero
                yield f"conv2d of {dtype}, {port} {zero}", data
    for operator, dtypes, ports in (
        ("conv2d", {"input": "int8", "weight": "int8", "bias": "int32", "out": "int32"}, ("input_zp", "weight_zp")),
        ("matmul", {"self": "int8", "mat2": "int8", "out": "int32"}, ("self_zp", "mat2_zp")),
        ("mul", {"self": "int32", "other": "int32", "out": "int32"}, ("shift",)),
        ("table", {"self": "int8", "table": "int8", "out": "int8"}, ("table",)),
        ("reshape", {"self": "int8", "out": "int8"}, ("shape",)),
        ("slice", {"self": "int8", "out": "int8"}, ("begin", "size")),
        ("tile", {"self": "int8", "out": "int8"}, ("dims",)),
        ("pad", {"self": "int8", "out": "int8", "value": "int8"}, ("pad", "value")),
        ("rescale", {"self": "int32", "out": "int8"}, ("multiplier", "shift", "self_zp", "out_zp")),
        ("neg", {"self": "int8", "out": "int8"}, ("self_zp", "out_zp")),
        ("avg_pool2d", {"self": "int8", "out": "int8"}, ("self_zp", "out_zp")),
        ("resize", {"self": "int8", "out": "int8"}, ("scale", "offset", "border")),
    ):  # fmt: skip
        attributes = {"acc_type": "int32"} if operator in {"conv2d", "avg_pool2d"} else {}
        for port in ports:
            data = build(operator, dtypes, **attributes)
            del data["operands"][port]["constant"], data["operands"][port]["value"]
            yield f"{operator}, {port} not constant", data


def _numbers() -> Iterator[tuple[str, Data]]:
    for dtype, value in product(("int8", "int16", "int32", "float32"), (0, 1, 63)):
        result = "int32" if "int" in dtype else dtype
        data = build("mul", {"self": dtype, "other": dtype, "out": result})
        data["operands"]["shift"]["value"] = value
        yield f"mul of {dtype}, shift {value}", data
    for dtype, size in (("int8", 255), ("int8", 257), ("int16", 512), ("int16", 514)):
        data = build("table", {"self": dtype, "table": dtype, "out": "int8" if dtype == "int8" else "int32"})
        data["operands"]["table"]["shape"] = [size]
        yield f"table of {dtype} with {size} entries", data
    for dtype, zero, port in product(("int8", "int16", "int32"), (0, 1), ("self_zp", "out_zp")):
        data = build("rescale", {"self": dtype, "out": "int8" if port == "self_zp" else dtype})
        data["operands"][port]["value"] = zero
        yield f"rescale of {dtype}, {port} {zero}", data
    for attributes in ({"rounding_mode": "double_round"}, {"rounding_mode": "inexact_round"}, {"input_unsigned": True},
                       {"output_unsigned": True}, {"input_unsigned": True, "output_unsigned": True}):  # fmt: skip
        for dtype in ("int8", "int32"):
            data = build("rescale", {"self": dtype, "out": "int8"}, **attributes)
            yield f"rescale of {dtype}, {', '.join(f'{k} {v}' for k, v in attributes.items())}", data
    for size in (4, 8192, 16384):
        data = build("rfft2d", {"self": "float32"})
        data["operands"]["self"]["shape"] = [1, 4, size]
        for port in data["outputs"].values():
            port["shape"] = [1, 4, size // 2 + 1]
        yield f"rfft2d of width {size}", data
    for factor in (256, 257):
        data = build("resize", {"self": "int8", "out": "int8"})
        data["operands"]["scale"]["value"] = [factor, 1, 2, 1]
        data["outputs"]["out"]["shape"] = [1, factor + 1, 3, 1]
        yield f"resize by {factor}", data
