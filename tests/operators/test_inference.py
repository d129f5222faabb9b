"""Inference: what it says comes out is what the float64 reference really produces, and what it refuses it names."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from npusim.call import Operand, TensorType
from npusim.dtypes import DType, Kind, dtype, promote
from npusim.errors import CallError
from npusim.frontends.numpy.spelling import parse_tensor_type
from npusim.operators import COMPUTED, OPERATORS, bind, infer

INTS = ("int8", "uint8", "int32", "int64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
REAL = ("bool", *INTS, *FLOATS)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
SHAPED = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3)
Drawn = tuple[list[Any], dict[str, Any]]


def array(draw: Callable[..., Any], shape: tuple[int, ...], names: tuple[str, ...] = REAL, below: int = 3) -> Any:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return rng.integers(0, below, shape).astype(dtype(draw(st.sampled_from(names))).storage)


def compatible(draw: Callable[..., Any], first: Any, shape: tuple[int, ...], names: tuple[str, ...]) -> Any:
    fitting = tuple(name for name in names if promote(dtype(first.dtype), dtype(name)) is not None)
    return array(draw, shape, fitting)


@st.composite
def unary(draw: Any, names: tuple[str, ...] = REAL, **attributes: Any) -> Drawn:
    return [array(draw, draw(SHAPES), names)], {name: draw(value) for name, value in attributes.items()}


@st.composite
def binary(draw: Any, **attributes: Any) -> Drawn:
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)).input_shapes
    first = array(draw, shapes[0])
    return [first, compatible(draw, first, shapes[1], REAL)], {name: draw(value) for name, value in attributes.items()}


@st.composite
def where(draw: Any) -> Drawn:
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, min_side=0, max_side=3)).input_shapes
    first = array(draw, shapes[1])
    return [array(draw, shapes[0], ("bool", "uint8")), first, compatible(draw, first, shapes[2], REAL)], {}


def axes(draw: Any, rank: int) -> Any:
    span = max(rank, 1)
    chosen = draw(st.none() | st.lists(st.integers(0, span - 1), unique=True))
    return None if chosen is None else [axis - span * draw(st.booleans()) for axis in chosen]


@st.composite
def reduction(draw: Any, names: tuple[str, ...] = REAL, dtypes: tuple[str, ...] = (), least: int = 0) -> Drawn:
    x = array(draw, draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=least, max_side=3)), names)
    attributes = {"dim": axes(draw, x.ndim), "keepdim": draw(st.booleans())}
    return [x], attributes | ({"dtype": draw(st.sampled_from((None, *dtypes)))} if dtypes else {})


@st.composite
def softmax(draw: Any) -> Drawn:
    x = array(draw, draw(SHAPES))
    return [x], {"dim": draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))}


@st.composite
def normalised(draw: Any, parameters: int) -> Drawn:
    x = array(draw, draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)))
    trailing = x.shape[draw(st.integers(0, x.ndim - 1)) :]
    given_parameters = [array(draw, trailing, FLOATS) if draw(st.booleans()) else None for _ in range(parameters)]
    return [x, *given_parameters], {"normalized_shape": trailing}


@st.composite
def matmul(draw: Any, more: int = 0) -> Drawn:
    shapes = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3))
    names = FLOATS if more else REAL
    first = array(draw, shapes.input_shapes[0], names)
    extra = [array(draw, shapes.result_shape, FLOATS) if draw(st.booleans()) else None for _ in range(more)]
    return [first, compatible(draw, first, shapes.input_shapes[1], names), *extra], {}


@st.composite
def linear(draw: Any) -> Drawn:
    x = array(draw, draw(SHAPED), FLOATS)
    weight = array(draw, (draw(st.integers(0, 3)), x.shape[-1]), FLOATS)
    return [x, weight, array(draw, weight.shape[:1], FLOATS) if draw(st.booleans()) else None], {}


@st.composite
def rotary(draw: Any) -> Drawn:
    shape = (*draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)), draw(st.sampled_from((0, 2, 4))))
    angles = tuple(draw(st.sampled_from((1, size))) for size in shape[:-1]) + shape[-1:]
    parts = [array(draw, s, FLOATS) for s in (shape, angles, angles)]
    return parts, {"mode": draw(st.sampled_from((0, 1)))}


@st.composite
def attention(draw: Any) -> Drawn:
    lead = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3))
    length, keys, head, value = (draw(st.integers(0, 3)) for _ in range(4))
    groups = draw(st.sampled_from((1, 2))) if lead else 1
    queries = (*lead[:-1], lead[-1] * groups) if lead else lead
    masked = draw(st.sampled_from(("none", "causal", "bool", "float")))
    mask = (
        array(draw, (length, keys), ("bool",) if masked == "bool" else FLOATS) if masked in {"bool", "float"} else None
    )
    operands = [array(draw, s, FLOATS) for s in ((*queries, length, head), (*lead, keys, head), (*lead, keys, value))]
    return [*operands, mask], {"is_causal": masked == "causal", "enable_gqa": groups > 1}


@st.composite
def cat(draw: Any) -> Drawn:
    shape = list(draw(SHAPED))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    first = array(draw, tuple(shape))
    shape[dim] = draw(st.integers(0, 3))
    return [[first, compatible(draw, first, tuple(shape), REAL)]], {"dim": dim}


@st.composite
def split(draw: Any) -> Drawn:
    x = array(draw, draw(SHAPED))
    dim = draw(st.integers(-x.ndim, x.ndim - 1))
    parts = draw(st.lists(st.integers(0, 2), max_size=2))
    parts = [*(p for p in parts if sum(parts) <= x.shape[dim])]
    return [x], {"split_size": draw(st.sampled_from((1, 2, [*parts, x.shape[dim] - sum(parts)]))), "dim": dim}


@st.composite
def reshape(draw: Any) -> Drawn:
    x = array(draw, draw(SHAPES))
    sizes = [*draw(st.permutations(x.shape)), 1]
    if x.size and draw(st.booleans()):
        sizes[0] = -1
    return [x], {"shape": sizes}


@st.composite
def transpose(draw: Any) -> Drawn:
    x = array(draw, draw(SHAPES))
    dims = st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1)
    return [x], {"dim0": draw(dims), "dim1": draw(dims)}


@st.composite
def permute(draw: Any) -> Drawn:
    x = array(draw, draw(SHAPES))
    return [x], {"dims": draw(st.permutations(range(x.ndim)))}


@st.composite
def slice_(draw: Any) -> Drawn:
    x = array(draw, draw(SHAPED))
    bound = st.none() | st.integers(-5, 5)
    return [x], {
        "dim": draw(st.integers(-x.ndim, x.ndim - 1)),
        "start": draw(bound),
        "end": draw(bound),
        "step": draw(st.integers(1, 4)),
    }


@st.composite
def gather(draw: Any) -> Drawn:
    x = array(draw, draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)))
    dim = draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))
    below = x.shape[dim] if x.ndim else 1
    shape = tuple(draw(st.integers(0, size)) for size in x.shape)
    return [x, array(draw, shape, ("int32", "int64"), below)], {"dim": dim}


@st.composite
def embedding(draw: Any) -> Drawn:
    weight = array(draw, (draw(st.integers(1, 3)), draw(st.integers(0, 3))))
    return [weight, array(draw, draw(SHAPES), ("int32", "int64"), weight.shape[0])], {}


CALLS: dict[str, st.SearchStrategy[Drawn]] = {
    **dict.fromkeys(("exp", "log", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tanh", "sigmoid", "silu"), unary()),
    **dict.fromkeys(("abs", "relu"), unary()),
    "neg": unary((*INTS, *FLOATS)),
    "gelu": unary(approximate=st.sampled_from(("none", "tanh"))),
    "cast": unary(dtype=st.sampled_from(REAL)),
    **dict.fromkeys(("mul", "div", "maximum", "minimum", "pow", "eq", "ne", "lt", "le", "gt", "ge"), binary()),
    "add": binary(alpha=st.sampled_from((1, 2))),
    "sub": binary(alpha=st.sampled_from((1, 2))),
    "where": where(),
    "sum": reduction(dtypes=("int32", "float32", "bfloat16")),
    "mean": reduction(names=FLOATS, dtypes=("float32", "float16")),
    "amax": reduction(least=1),
    "max": unary().filter(lambda drawn: drawn[0][0].size > 0),
    "softmax": softmax(),
    "layer_norm": normalised(2),
    "rms_norm": normalised(1),
    "matmul": matmul(),
    "linear": linear(),
    "matmul_all_reduce": matmul(2),
    "rotary_position_embedding": rotary(),
    "scaled_dot_product_attention": attention(),
    "cat": cat(),
    "split": split(),
    "reshape": reshape(),
    "transpose": transpose(),
    "permute": permute(),
    "slice": slice_(),
    "gather": gather(),
    "embedding": embedding(),
}
KINDS = {Kind.BOOL: "b", Kind.INTEGER: "iu", Kind.FLOAT: "f", Kind.COMPLEX: "c"}


def typed(value: Any) -> Any:
    if isinstance(value, list):
        return [typed(item) for item in value]
    return None if value is None else Operand(TensorType(dtype(value.dtype), value.shape))


def widened(value: Any) -> Any:
    if isinstance(value, list):
        return [widened(item) for item in value]
    return value if value is None or value.dtype.kind in "biu" else value.astype(np.float64)


def agrees(kind: DType, found: Any) -> bool:
    return found.dtype == kind.storage or found.dtype.kind in KINDS[kind.kind]


def test_the_table_covers_every_operator():
    assert CALLS.keys() == COMPUTED.keys()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # 1/0, log(0) and means of nothing, which is what they are
@pytest.mark.parametrize("name", COMPUTED)
@given(data=st.data())
def test_what_is_inferred_is_what_the_reference_produces(name: str, data: st.DataObject):
    row = OPERATORS[name]
    operands, attributes = data.draw(CALLS[name])
    call = bind(row, [typed(operand) for operand in operands], attributes)
    inferred = infer(row, call)
    result = row.reference(*map(widened, operands), **call.attributes)
    results = tuple(result) if row.outputs[-1].variadic else (result,)
    assert [out.shape for out in inferred] == [np.shape(r) for r in results]
    assert all(agrees(out.dtype, np.asarray(r)) for out, r in zip(inferred, results, strict=True))


def _types(spelled: str) -> list[Any]:
    def one(text: str) -> Any:
        return None if text == "-" else Operand(parse_tensor_type(text))

    if spelled.startswith("("):
        return [[one(text) for text in spelled[1:-1].split()]]
    return [one(text) for text in spelled.split()]


F2, F3 = "float32[2,3]", "float32[3]"
ROPE, SDPA = "rotary_position_embedding", "scaled_dot_product_attention"


@pytest.mark.parametrize(
    ("name", "operands", "attributes", "message"),
    [
        ("add", "float32[2] float32[3]", {}, "shapes [2] and [3] cannot be broadcast together"),
        ("add", "float32[2,1] float32[0,3]", {}, "shapes [2,1] and [0,3] cannot be broadcast together"),
        ("add", "int8[2] int8[2]", {"alpha": 0.5}, "alpha=0.5 of int8 tensors must be a whole number"),
        ("mul", "uint64[2] int8[2]", {}, "uint64 and int8 have no common dtype to promote to; cast one of them first"),
        ("lt", "float8_e5m2[2] float16[2]", {}, "float8_e5m2 and float16 have no common dtype"),
        ("where", f"float32[2] {F2} {F2}", {}, "where takes a condition of bool or"),
        ("where", f"bool[4] {F2} {F2}", {}, "shapes [4] and [2,3] and [2,3] cannot be broadcast together"),
        ("sum", F2, {"dim": 2}, "dim=2 is out of range for a tensor of rank 2; allowed: -2..1"),
        ("sum", F2, {"dim": [0, -2]}, "dim=(0, -2) names an axis twice for a tensor of rank 2"),
        ("mean", "int8[2]", {}, "mean of int8 has no float result; give dtype=float32 or another float dtype"),
        ("mean", F2, {"dtype": "int32"}, "mean of int32 has no float result"),
        ("amax", "float32[2,0]", {"dim": 1}, "the maximum over an empty axis of [2,0] is not defined"),
        ("max", "float32[0]", {}, "the maximum over an empty axis of [0] is not defined"),
        ("softmax", F2, {"dim": -3}, "dim=-3 is out of range for a tensor of rank 2; allowed: -2..1"),
        ("softmax", "float32", {"dim": 1}, "dim=1 is out of range for a tensor of rank 0; allowed: -1..0"),
        ("layer_norm", F2, {"normalized_shape": 2}, "normalized_shape=[2] must be the trailing sizes"),
        ("layer_norm", F2, {"normalized_shape": ()}, "normalized_shape=[] must be the trailing sizes"),
        ("rms_norm", f"{F2} float32[2]", {"normalized_shape": 3}, "weight must have the shape [3] of normalized_shape"),
        ("layer_norm", f"{F2} - {F2}", {"normalized_shape": 3}, "bias must have the shape [3] of normalized_shape"),
        ("matmul", f"{F2} {F2}", {}, "matmul of [2,3] and [2,3]: the inner sizes 3 and 2 differ"),
        ("matmul", f"{F2} float32", {}, "matmul takes tensors of rank 1 and more, not [2,3] and []"),
        ("matmul", "float32[2,1,3] float32[4,3,1]", {}, "shapes [2] and [4] cannot be broadcast together"),
        ("linear", f"{F2} {F3}", {}, "linear takes a weight of rank 2 (out, in), not [3]"),
        ("linear", f"{F2} float32[4,2]", {}, "matmul of [2,3] and [2,4]: the inner sizes 3 and 2 differ"),
        ("linear", f"{F2} float32[4,3] {F3}", {}, "shapes [3] and [2,4] cannot be broadcast together"),
        ("linear", f"{F2} float32[4,3] float32[5,2,4]", {}, "linear: a bias of shape [5,2,4] does not fit"),
        ("matmul_all_reduce", f"{F2} float32[3,4] float32[5,2,4]", {}, "matmul_all_reduce: bias [5,2,4] does not fit"),
        ("matmul_all_reduce", f"{F2} float32[3,4] - float32[5,2,4]", {}, "matmul_all_reduce: x3 [5,2,4] does not fit"),
        (ROPE, "float32[2,3] float32[3] float32[3]", {}, "rotary_position_embedding rotates pairs"),
        (ROPE, "float32 float32 float32", {}, "rotary_position_embedding rotates pairs"),
        (ROPE, "float32[2] float32[4,2] float32[2]", {}, "cos [4,2] and sin [2] must broadcast"),
        (ROPE, "float32[2] float32[2] float32[2]", {"mode": 2}, "mode=2 of rotary_position_embedding"),
        (SDPA, f"{F3} {F2} {F2}", {}, "scaled_dot_product_attention takes query, key and value"),
        (SDPA, f"{F2} float32[2,4] {F2}", {}, "query and key must have one head size, not 3 and 4"),
        (SDPA, f"{F2} {F2} float32[5,3]", {}, "key and value must have one length, not 2 and 5"),
        (SDPA, f"{F2} {F2} {F2} bool[2,2]", {"is_causal": True}, "scaled_dot_product_attention takes"),
        (SDPA, f"{F2} {F2} {F2} bool[5,2,2]", {}, "attn_mask [5,2,2] does not fit the scores [2,2]"),
        (SDPA, f"{F2} {F2} {F2}", {"enable_gqa": True}, "enable_gqa needs query heads"),
        (
            SDPA,
            "float32[3,2,3] float32[2,2,3] float32[2,2,3]",
            {"enable_gqa": True},
            "enable_gqa needs query heads (3,) to be a multiple of key and value heads (2,)",
        ),
        ("cat", f"({F2} float32[2])", {}, "cat along dim=0: [2] does not fit [2,3]"),
        ("cat", f"({F2} float32[2,4])", {}, "cat along dim=0: [2,4] does not fit [2,3]"),
        ("cat", "(float32 float32)", {}, "cat along dim=0: [] does not fit []"),
        ("cat", f"({F2} {F2})", {"dim": 2}, "dim=2 is out of range for a tensor of rank 2; allowed: -2..1"),
        ("split", "float32", {"split_size": 1}, "split takes a tensor of rank 1 and more"),
        ("split", F2, {"split_size": 0}, "split_size=0 must be positive"),
        ("split", F2, {"split_size": [1, 2]}, "split_size=(1, 2) must be sizes that add up to 2, the size of the axis"),
        ("split", F2, {"split_size": [3, -1]}, "split_size=(3, -1) must be sizes that add up to 2"),
        ("split", "float32[0]", {"split_size": []}, "split_size=() must be sizes that add up to 0"),
        ("reshape", F2, {"shape": [4]}, "reshape of [2,3] (6 elements) to [4] loses or adds elements"),
        ("reshape", F2, {"shape": [4, -1]}, "reshape of [2,3] (6 elements) to [4,-1] loses or adds elements"),
        ("reshape", F2, {"shape": [-1, -1]}, "shape=[-1,-1] of reshape: sizes are 0 or more, and at most one is -1"),
        ("reshape", F2, {"shape": [-2, -3]}, "shape=[-2,-3] of reshape: sizes are 0 or more"),
        ("reshape", "float32[0,3]", {"shape": [0, -1]}, "shape=[0,-1] of reshape: -1 beside a 0 could be any size"),
        ("transpose", F2, {"dim0": 0, "dim1": 2}, "dim1=2 is out of range for a tensor of rank 2; allowed: -2..1"),
        ("permute", F2, {"dims": [0, 0]}, "dims=(0, 0) is not a permutation of the 2 axes of [2,3]"),
        ("permute", F2, {"dims": [0]}, "dims=(0,) is not a permutation of the 2 axes of [2,3]"),
        ("permute", F2, {"dims": [0, 2]}, "dims=2 is out of range for a tensor of rank 2"),
        ("slice", "float32", {}, "slice takes a tensor of rank 1 and more"),
        ("slice", F2, {"step": 0}, "step=0 of slice must be positive"),
        ("gather", f"{F2} float32[2,3]", {"dim": 0}, "index must be integers, not float32"),
        ("gather", f"{F2} int64[3]", {"dim": 0}, "gather along dim=0: index [3] does not fit self [2,3]"),
        ("gather", f"{F2} int64[2,4]", {"dim": 0}, "gather along dim=0: index [2,4] does not fit self [2,3]"),
        ("embedding", f"{F2} bool[2]", {}, "indices must be integers, not bool"),
        ("embedding", f"{F3} int64[2]", {}, "embedding takes a weight of rank 2, not [3]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(name: str, operands: str, attributes: dict[str, Any], message: str):
    row = OPERATORS[name]
    with pytest.raises(CallError) as caught:
        infer(row, bind(row, _types(operands), attributes))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", [n for n, row in COMPUTED.items() if n != "cast" and len(row.inputs) == 1])
@pytest.mark.parametrize("storage", [ml_dtypes.bfloat16, np.float16, np.float32, np.float64])
def test_one_float_in_gives_the_same_float_out(name: str, storage: type):
    attributes = {
        a.name: {"split_size": 1, "shape": (-1,), "dims": (0, 1)}.get(a.name, 0) for a in OPERATORS[name].attributes
    }
    required = {name: v for name, v in attributes.items() if name in {"split_size", "shape", "dims", "dim0", "dim1"}}
    operand = Operand(TensorType(dtype(storage), (2, 3)))
    row = OPERATORS[name]
    outputs = infer(row, bind(row, [operand], required))
    assert {out.dtype for out in outputs} == {dtype(storage)}


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("zeros", {"size": (2, 3)}, "float32[2,3]"),
        ("full", {"size": (), "fill_value": 1, "dtype": "int32"}, "int32"),
        ("scalar_tensor", {"s": 2}, "float32"),
        ("arange", {"end": 5}, "int64[5]"),
        ("arange", {"start": 0, "end": 1.0, "step": 0.3}, "float32[4]"),
        ("arange", {"start": 5, "end": 0, "step": -2, "dtype": "float16"}, "float16[3]"),
        ("arange", {"start": 2, "end": 2}, "int64[0]"),
    ],
)
def test_what_is_made_of_numbers_alone(name: str, attributes: dict[str, Any], expected: str):
    operator = OPERATORS[name]
    assert list(map(str, infer(operator, bind(operator, (), attributes)))) == [str(parse_tensor_type(expected))]


@pytest.mark.parametrize("step", [0, -1])
def test_a_range_that_never_ends_is_refused(step: int):
    with pytest.raises(CallError, match=f"arange from 0 to 5 in steps of {step} has no end"):
        infer(OPERATORS["arange"], bind(OPERATORS["arange"], (), {"end": 5, "step": step}))


def test_a_tensor_without_elements_or_shape_adds_its_dtype_to_a_concatenation():
    empty, full = (Operand(TensorType(dtype(name), shape)) for name, shape in (("float32", (0,)), ("bfloat16", (2, 3))))
    call = bind(OPERATORS["cat"], (), {"tensors": (empty, full), "dim": -1})
    assert infer(OPERATORS["cat"], call) == (TensorType(dtype("float32"), (2, 3)),)
