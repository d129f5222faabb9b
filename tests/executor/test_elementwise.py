"""Every elementwise operator gives the bits of the literal reference."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from npusim.call import TensorType
from npusim.dtypes import DTYPES, dtype, promote
from npusim.errors import ExecutionError
from npusim.executor import Executor
from npusim.executor.conversion import COMPUTABLE, is_exact
from npusim.executor.manifest import elementwise_kernels
from npusim.numerics.model import IEEE, Numerics, Overflow, Rounding, Subnormals
from npusim.numerics.reference import _holds, elementwise

SATURATING = replace(IEEE, overflow=Overflow.SATURATE)
FLUSHING = replace(IEEE, subnormals=Subnormals.FLUSH)
EACH = replace(IEEE, rounding=Rounding.PRIMITIVE)
NUMERICS = {
    "ieee": IEEE,
    "saturating": SATURATING,
    "flushing": FLUSHING,
    "each_primitive": EACH,
    "each_primitive_saturating_flushing": replace(EACH, overflow=Overflow.SATURATE, subnormals=Subnormals.FLUSH),
    "computing_in_itself": Numerics(),
}
UNARY = {
    **{
        name: (name, {})
        for name in (
            *(
                "neg",
                "abs",
                "relu",
                "sqrt",
                "rsqrt",
                "reciprocal",
                "exp",
                "log",
                "sin",
                "cos",
                "tanh",
                "sigmoid",
                "silu",
            ),
        )
    },
    "gelu": ("gelu", {"approximate": "none"}),
    "gelu_tanh": ("gelu", {"approximate": "tanh"}),
}
BINARY = {
    **{name: (name, {}) for name in ("mul", "div", "maximum", "minimum", "pow")},
    "add": ("add", {"alpha": 1}),
    "sub": ("sub", {"alpha": 1}),
    "add_scaled": ("add", {"alpha": 0.3}),
    "sub_scaled": ("sub", {"alpha": -3}),
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
FLOAT8 = sorted(name for name, row in DTYPES.items() if name.startswith("float8") and row.bits == 8)
INTEGERS = ("int4", "uint8", "int32", "uint64")


def every(name):
    return np.arange(65536, dtype=np.uint16).view(DTYPES[name].storage)


def bits(array):
    return array.view(f"u{array.dtype.itemsize}") if array.dtype != np.bool_ else array


def differing(found, expected):
    """Where two results differ: NaN compared as NaN, everything else by its bits."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if not dtype(found.dtype).is_floating:
        return np.argwhere(found != expected)
    with np.errstate(invalid="ignore"):
        nan = np.isnan(found.astype(np.float64)) & np.isnan(expected.astype(np.float64))
    return np.argwhere((bits(np.ascontiguousarray(found)) != bits(np.ascontiguousarray(expected))) & ~nan)


def compare(operator, inputs, attributes, output, numerics):
    """Run the operator and the reference; fail with the first inputs on which they differ."""
    expected = elementwise(operator, inputs, attributes, output, numerics)
    (found,) = Executor(numerics).run(operator, inputs, attributes, [TensorType(dtype(output), expected.shape)])
    wrong = differing(found, expected)
    if len(wrong):
        place = tuple(wrong[0])
        operands = [np.broadcast_to(x, expected.shape)[place] for x in inputs]
        pytest.fail(f"{len(wrong)} differ; {operator}{operands} gave {found[place]!r}, not {expected[place]!r}")


def grouped(name, *labels):
    """Tests that share a compiled program run in one process."""
    return pytest.param(*labels, marks=pytest.mark.xdist_group(name), id="-".join(labels))


@pytest.mark.parametrize("operator", UNARY)
@pytest.mark.parametrize(
    ("name", "numerics"),
    [
        grouped(f"{n}-{NUMERICS[k].rounding}-{NUMERICS[k].compute_dtype(n)}", n, k)
        for n in ("float16", "bfloat16")
        for k in NUMERICS
    ],
)
def test_unary_on_all_16_bit_inputs(operator, name, numerics):
    operator, attributes = UNARY[operator]
    compare(operator, [every(name)], attributes, name, NUMERICS[numerics])


@pytest.mark.parametrize("operator", [*BINARY, *COMPARISONS])
@pytest.mark.parametrize("name", [grouped(name, name) for name in FLOAT8])
def test_binary_on_all_pairs_of_float8(operator, name):
    codes = np.arange(256, dtype=np.uint8).view(DTYPES[name].storage)
    operator, attributes = BINARY.get(operator, (operator, {}))
    output = "bool" if operator in COMPARISONS else name
    for numerics in (IEEE, SATURATING, FLUSHING):
        compare(operator, [codes[:, None], codes[None, :]], attributes, output, numerics)


@pytest.mark.parametrize("operator", [*BINARY, *COMPARISONS])
@pytest.mark.parametrize("name", [grouped(name, name) for name in ("float16", "bfloat16")])
def test_binary_on_random_pairs_of_16_bits(operator, name):
    random = np.random.default_rng(sum(map(ord, operator + name)))
    one, other = (random.integers(0, 65536, 1 << 18, dtype=np.uint16).view(DTYPES[name].storage) for _ in range(2))
    operator, attributes = BINARY.get(operator, (operator, {}))
    output = "bool" if operator in COMPARISONS else name
    for numerics in (IEEE, SATURATING, FLUSHING):
        compare(operator, [one, other], attributes, output, numerics)


@pytest.mark.nightly
@pytest.mark.parametrize("operator", [*BINARY, *COMPARISONS])
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_binary_on_millions_of_random_pairs(operator, name):
    random = np.random.default_rng(99)
    operator, attributes = BINARY.get(operator, (operator, {}))
    for _ in range(8):
        one, other = (random.integers(0, 65536, 1 << 20, dtype=np.uint16).view(DTYPES[name].storage) for _ in range(2))
        compare(operator, [one, other], attributes, "bool" if operator in COMPARISONS else name, IEEE)


@pytest.mark.parametrize("numerics", ["each_primitive_saturating_flushing", "computing_in_itself"])
@pytest.mark.parametrize("operator", BINARY)
@pytest.mark.parametrize("name", [grouped(name, name) for name in ("float16", "bfloat16")])
def test_binary_where_every_primitive_rounds(operator, name, numerics):
    random = np.random.default_rng(5)
    one, other = (random.integers(0, 65536, 1 << 18, dtype=np.uint16).view(DTYPES[name].storage) for _ in range(2))
    operator, attributes = BINARY[operator]
    compare(operator, [one, other], attributes, name, NUMERICS[numerics])


@pytest.mark.parametrize(
    "operator", ["neg", "abs", "relu", "add", "sub", "mul", "maximum", "minimum", "pow", "lt", "eq"]
)
@pytest.mark.parametrize("name", [grouped(name, name) for name in INTEGERS])
def test_integers_wrap_around(operator, name):
    random = np.random.default_rng(7)
    raw = random.integers(0, 256, (2, 4096 * DTYPES[name].storage.itemsize), dtype=np.uint8)
    if DTYPES[name].bits < 8:
        raw &= 15
    one, other = raw.view(DTYPES[name].storage)
    inputs = [one] if operator in ("neg", "abs", "relu") else [one, other]
    if operator == "pow":
        inputs = [one, (other.astype(np.int64) % 8).astype(other.dtype)]
    compare(operator, inputs, {"alpha": 1}, "bool" if operator in COMPARISONS else name, IEEE)


@pytest.mark.parametrize("operator", ["add", "mul", "maximum", "minimum"])
def test_bool_arithmetic_is_logic(operator):
    one, other = np.array([[False, True]]), np.array([[False], [True]])
    (found,) = Executor(IEEE).run(operator, [one, other], {"alpha": 1}, [TensorType(dtype("bool"), (2, 2))])
    expected = (one | other) if operator in ("add", "maximum") else (one & other)
    assert np.array_equal(found, expected)


def test_negative_integer_exponents():
    base, exponent = np.array([1, -1, -1, 2, 0], np.int32), np.array([-3, -3, -2, -1, -1], np.int32)
    (found,) = Executor(IEEE).run("pow", [base, exponent], {}, [TensorType(dtype("int32"), (5,))])
    assert found.tolist() == [1, -1, 1, 0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("float16", "bfloat16"),
        ("float16", "float32"),
        ("bfloat16", "float32"),
        ("int64", "float16"),
        ("int32", "bfloat16"),
        ("bool", "float32"),
        ("float32", "float64"),
        ("uint8", "int32"),
    ],
)
@pytest.mark.parametrize("numerics", ["ieee", "saturating"])
def test_inputs_of_different_dtypes_meet_in_the_promoted_one(first, second, numerics):
    random = np.random.default_rng(11)
    one = random.integers(0, 256, (64, 1, 512), dtype=np.uint8).view(DTYPES[first].storage)
    other = random.integers(0, 256, (3, 512), dtype=np.uint8).view(DTYPES[second].storage)
    if first == "bool":
        one = random.integers(0, 2, (64, 1, 64)).astype(bool)
    one, other = one[..., :64], other[..., :64]
    output = promote(DTYPES[first], DTYPES[second]).name
    for operator in ("add", "mul"):
        compare(operator, [one, other], {"alpha": 1}, output, NUMERICS[numerics])


@pytest.mark.parametrize("operator", ["exp", "sqrt", "sigmoid", "div"])
def test_floats_from_integers_are_computed_in_the_output_dtype(operator):
    array = np.arange(-5, 60, dtype=np.int32)
    compare(operator, [array] * (2 if operator == "div" else 1), {}, "float32", IEEE)


@pytest.mark.parametrize("operator", ["exp", "log", "sin", "tanh", "sigmoid", "silu", "gelu", "rsqrt"])
def test_float32_functions_round_once(operator):
    random = np.random.default_rng(3)
    array = random.integers(0, 2**32, 1 << 17, dtype=np.uint32).view(np.float32)
    compare(operator, [array], {"approximate": "none"}, "float32", IEEE)


@pytest.mark.parametrize("operator", ["add", "sub", "mul", "div", "maximum"])
@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("numerics", ["ieee", "saturating", "flushing"])
def test_wide_floats(operator, name, numerics):
    random = np.random.default_rng(4)
    raw = random.integers(0, 2**32, (2, 1 << 15), dtype=np.uint32)
    one, other = raw.view(DTYPES[name].storage)
    compare(operator, [one, other], {"alpha": 1}, name, NUMERICS[numerics])


def test_computing_in_float64_rounds_once_to_the_output():
    numerics = replace(IEEE, compute={"float32": "float64", "bfloat16": "float64"})
    random = np.random.default_rng(4)
    one, other = random.integers(0, 2**32, (2, 1 << 15), dtype=np.uint32).view(np.float32)
    compare("add", [one, other], {"alpha": 0.1}, "float32", numerics)
    low = [x.view(ml_dtypes.bfloat16) for x in (one, other)]
    compare("div", low, {}, "bfloat16", numerics)


@pytest.mark.parametrize(
    "shapes", [((), ()), ((), (3,)), ((0, 3), (3,)), ((2, 1, 3), (4, 1)), ((1,), (1, 1)), ((0,), ())]
)
def test_broadcasting_empty_and_scalar_shapes(shapes):
    one, other = (np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float16).reshape(shape) for shape in shapes)
    (found,) = Executor(IEEE).run(
        "add", [one, other], {"alpha": 1}, [TensorType(dtype("float16"), np.broadcast_shapes(*shapes))]
    )
    assert found.dtype == np.float16
    assert found.flags.c_contiguous
    assert np.array_equal(found, one + other)
    assert found.shape == (one + other).shape


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[::2, ::-1],
        lambda x: x.T,
        lambda x: x[:, 1:5],
        lambda x: np.broadcast_to(x[:1], x.shape),
        np.asfortranarray,
        lambda x: x.byteswap().view(x.dtype.newbyteorder()),
    ],
    ids=["steps", "transposed", "columns", "repeated", "fortran", "byte_order"],
)
def test_views_are_read_as_numpy_reads_them(view):
    array = view(np.arange(48, dtype=np.float32).reshape(8, 6))
    (found,) = Executor(IEEE).run("neg", [array], {}, [TensorType(dtype("float32"), array.shape)])
    assert np.array_equal(found, -array)


def test_an_unaligned_input_is_read():
    raw = np.zeros(4 * 10 + 1, np.uint8)
    array = raw[1:].view(np.float32)
    array[:] = np.arange(10)
    (found,) = Executor(IEEE).run("neg", [array], {}, [TensorType(dtype("float32"), (10,))])
    assert np.array_equal(found, -np.arange(10, dtype=np.float32))


def test_inputs_are_never_written():
    array = np.arange(8, dtype=np.float32)
    array.flags.writeable = False
    (found,) = Executor(IEEE).run("relu", [array], {}, [TensorType(dtype("float32"), (8,))])
    assert not np.shares_memory(found, array)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "int64", "complex64"])
def test_where_moves_bits(name):
    storage = DTYPES[name].storage
    random = np.random.default_rng(1)
    one, other = random.integers(0, 256, (2, 300 * storage.itemsize), dtype=np.uint8).view(storage)
    condition = random.integers(0, 2, 300).astype(bool)
    (found,) = Executor(SATURATING).run("where", [condition, one, other], {}, [TensorType(dtype(name), (300,))])
    as_bytes = [x.view(np.uint8).reshape(300, -1) for x in (one, other)]
    assert np.array_equal(found.view(np.uint8).reshape(300, -1), np.where(condition[:, None], *as_bytes))


def test_where_converts_what_is_of_another_dtype_and_broadcasts():
    condition = np.array([[True], [False]])
    compare("where", [condition, np.arange(3, dtype=np.float16), np.arange(3, dtype=np.int64)], {}, "float16", IEEE)


def test_the_manifest_names_what_the_operators_need():
    offered = set(elementwise_kernels())
    assert offered == {
        *(op for op, _ in UNARY.values()),
        *(op for op, _ in BINARY.values()),
        *COMPARISONS,
        "where",
        "cast",
    }


@pytest.mark.parametrize("target", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("source", sorted(name for name in COMPUTABLE if DTYPES[name].bits <= 16))
def test_a_conversion_called_exact_changes_no_value(source, target):
    assert is_exact(DTYPES[source], DTYPES[target]) == _holds(DTYPES[target], DTYPES[source])


@pytest.mark.parametrize(
    ("operator", "dtypes", "expected"),
    [
        ("add", ["float16", "float32"], True),
        ("add", ["float8_e5m2", "float8_e4m3fn"], False),
        ("exp", ["int32"], True),
        ("exp", ["complex64"], False),
        ("cast", ["float4_e2m1fn"], True),
        ("where", ["bool", "int8", "int8"], True),
        ("nonsense", ["float32"], False),
    ],
)
def test_supports(operator, dtypes, expected):
    assert Executor(IEEE).supports(operator, dtypes) is expected


def test_an_operator_without_a_kernel_is_refused():
    with pytest.raises(ExecutionError, match=r"no kernel for exp\(complex64\)"):
        Executor(IEEE).run("exp", [np.ones(2, np.complex64)], {}, [TensorType(dtype("complex64"), (2,))])
