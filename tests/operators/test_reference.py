"""The float64 references against formulas from elsewhere: math, array_api_strict, and cases worked by hand."""

import math
from typing import Any

import array_api_strict as xp
import numpy as np
import pytest

from npusim.operators import COMPUTED, OPERATORS

X = np.array([-2.5, -1.0, -0.0, 0.25, 1.0, 3.0])
POSITIVE = np.array([0.125, 0.5, 1.0, 2.0, 9.0])


def reference(name: str, *operands: Any, **attributes: Any) -> Any:
    """Run an operator's reference with the defaults of the attributes that are not given."""
    row = OPERATORS[name]
    filled = {a.name: attributes.get(a.name, a.default) for a in row.attributes}
    missing = len(row.inputs) - len(operands)
    return row.reference(*operands, *[None] * missing, **filled)


def phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


SCALAR = {
    "neg": lambda x: 0.0 - x,
    "abs": math.fabs,
    "relu": lambda x: x if x > 0 else 0.0,
    "exp": math.exp,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "sigmoid": lambda x: math.exp(x) / (1 + math.exp(x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * phi(x),
}
POSITIVE_SCALAR = {
    "log": math.log,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: x**-0.5,
    "reciprocal": lambda x: 1 / x,
}


@pytest.mark.parametrize("name", SCALAR)
def test_a_unary_operator_is_the_function_of_math(name: str):
    np.testing.assert_allclose(reference(name, X), [SCALAR[name](x) for x in X], rtol=1e-14)


@pytest.mark.parametrize("name", POSITIVE_SCALAR)
def test_a_unary_operator_of_positive_numbers_is_the_function_of_math(name: str):
    np.testing.assert_allclose(reference(name, POSITIVE), [POSITIVE_SCALAR[name](x) for x in POSITIVE], rtol=1e-14)


@pytest.mark.parametrize("name", [*SCALAR, *POSITIVE_SCALAR])
@pytest.mark.parametrize("storage", ["int8", "uint8", "int16", "int64", "bool"])
def test_integers_are_computed_in_float64(name: str, storage: str):
    if name in {"neg", "abs", "relu"}:
        return  # these keep integers
    x = np.array([1, 1], storage) if storage == "bool" else np.array([1, 100 if "8" in storage else 120], storage)
    expected = [{**SCALAR, **POSITIVE_SCALAR}[name](float(v)) for v in x]
    found = reference(name, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_gelu_by_tanh_is_the_formula_of_hendrycks_and_gimpel():
    expected = [0.5 * x * (1 + math.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) for x in X]
    np.testing.assert_allclose(reference("gelu", X, approximate="tanh"), expected, rtol=1e-14)


def test_gelu_has_the_published_values():
    # torch.nn.functional.gelu(torch.tensor([1., -1.]).double()), both forms
    np.testing.assert_allclose(reference("gelu", np.array([1.0, -1.0])), [0.8413447460685429, -0.15865525393145707])
    by_tanh = reference("gelu", np.array([1.0, -1.0]), approximate="tanh")
    np.testing.assert_allclose(by_tanh, [0.8411919906082768, -0.15880800939172324])


STANDARD = {
    "add": xp.add, "sub": xp.subtract, "mul": xp.multiply, "div": xp.divide, "maximum": xp.maximum,
    "minimum": xp.minimum, "eq": xp.equal, "ne": xp.not_equal, "lt": xp.less, "le": xp.less_equal, "gt": xp.greater,
    "ge": xp.greater_equal,
}  # fmt: skip


@pytest.mark.parametrize("name", STANDARD)
def test_a_binary_operator_is_the_standards(name: str):
    first, second = X.reshape(2, 3), np.array([[3.0], [-1.0]]) + np.zeros((2, 3))
    expected = np.asarray(STANDARD[name](xp.asarray(first), xp.asarray(second)))
    np.testing.assert_array_equal(reference(name, first, second), expected)
    np.testing.assert_array_equal(reference(name, first, second[:, :1]), expected)


@pytest.mark.parametrize("name", ["maximum", "minimum", "amax", "max"])
def test_nan_wins(name: str):
    x = np.array([1.0, np.nan])
    found = reference(name, x, x[::-1]) if name in {"maximum", "minimum"} else reference(name, x)
    assert np.isnan(found).all()


def test_alpha_scales_the_second_operand():
    assert reference("add", np.array([1.0]), np.array([2.0]), alpha=0.5) == 2.0
    assert reference("sub", np.array([1.0]), np.array([2.0]), alpha=3) == -5.0


def test_adding_bools_is_or_and_stays_bool():
    found = reference("add", np.array([True, True, False]), np.array([True, False, False]))
    assert found.dtype == bool
    assert found.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [(2, 3, 8), (2, -1, 0), (1, -5, 1), (-1, -3, -1), (-1, -2, 1), (0, 0, 1), (-2, 3, -8)],
)
def test_a_power_of_integers_drops_what_is_left_of_a_fraction(base: int, exponent: int, expected: int):
    found = reference("pow", np.array([base], np.int32), np.array([exponent], np.int32))
    assert found.dtype == np.int32
    assert found[0] == expected


def test_a_power_of_floats():
    found = reference("pow", np.array([4.0, 2.0]), np.array([0.5, -1.0]))
    np.testing.assert_allclose(found, [2.0, 0.5])


def test_where_chooses():
    found = reference("where", np.array([True, False]), np.array([1.0, 2.0]), np.array(9.0))
    assert found.tolist() == [1.0, 9.0]


def test_cast_truncates_and_rounds_to_even():
    assert reference("cast", np.array([-1.7, 2.5]), dtype="int32").tolist() == [-1, 2]
    bfloat16 = reference("cast", np.array([1 + 2**-8, 1 + 3 * 2**-8]), dtype="bfloat16")
    assert bfloat16.astype(float).tolist() == [1.0, 1 + 2**-6]


REDUCED = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(("name", "standard"), [("sum", xp.sum), ("mean", xp.mean), ("amax", xp.max)])
@pytest.mark.parametrize("axes", [None, (0,), (-1,), (0, 2), (1, -1)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_a_reduction_is_the_standards(name: str, standard: Any, axes: tuple[int, ...] | None, keepdim: bool):
    expected = np.asarray(standard(xp.asarray(REDUCED), axis=axes, keepdims=keepdim))
    found = reference(name, REDUCED, dim=axes, keepdim=keepdim)
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == expected.shape


@pytest.mark.parametrize("name", ["sum", "mean", "amax"])
@pytest.mark.parametrize("dim", [(), (0,), (-1,)])
def test_a_reduction_of_a_0d_tensor_is_itself(name: str, dim: tuple[int, ...]):
    found = reference(name, np.array(3.0), dim=dim)
    assert found == 3.0
    assert np.shape(found) == ()


def test_no_axes_are_all_axes():
    assert reference("sum", REDUCED, dim=()) == 276.0


def test_integers_are_summed_in_64_bits():
    assert reference("sum", np.full(3, 200, np.uint8)) == 600
    assert reference("sum", np.array([True, True])).dtype == np.int64


def test_a_sum_with_a_dtype_converts_first():
    assert reference("sum", np.array([0.6, 0.6]), dtype="int32") == 0
    assert reference("sum", np.array([1, 2], np.int8), dtype="bfloat16").dtype == np.float64


def test_a_mean_of_nothing_is_nan():
    with np.errstate(invalid="ignore"):
        assert np.isnan(reference("mean", np.zeros(0)))


def test_softmax_of_known_logits():
    found = reference("softmax", np.array([[0.0, math.log(3)], [1000.0, 1000.0]]), dim=-1)
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(reference("softmax", np.zeros((2, 3)), dim=0), np.full((2, 3), 0.5))


def test_softmax_of_integers_and_of_nothing():
    np.testing.assert_allclose(reference("softmax", np.array([3, 3], np.uint8), dim=0), [0.5, 0.5])
    assert reference("softmax", np.zeros((2, 0)), dim=-1).shape == (2, 0)
    assert reference("softmax", np.array(7.0), dim=0) == 1.0


def test_layer_norm_by_hand():
    # mean 2, variance 2/3
    x = np.array([[1.0, 2.0, 3.0]])
    scale = 1 / math.sqrt(2 / 3 + 0.5)
    plain = reference("layer_norm", x, normalized_shape=(3,), eps=0.5)
    np.testing.assert_allclose(plain, [[-scale, 0, scale]], atol=1e-15)
    affine = reference("layer_norm", x, np.array([1.0, 2.0, 3.0]), np.ones(3), normalized_shape=(3,), eps=0.5)
    np.testing.assert_allclose(affine, [[1 - scale, 1, 1 + 3 * scale]])


def test_layer_norm_over_two_axes_is_that_over_the_flattened():
    x = np.arange(12.0).reshape(2, 2, 3) ** 2
    flat = reference("layer_norm", x.reshape(2, 6), normalized_shape=(6,))
    np.testing.assert_allclose(reference("layer_norm", x, normalized_shape=(2, 3)), flat.reshape(2, 2, 3))


def test_rms_norm_by_hand():
    # mean square (9 + 16) / 2 = 12.5
    found = reference("rms_norm", np.array([[3.0, 4.0]]), np.array([1.0, 10.0]), normalized_shape=(2,), eps=0.0)
    np.testing.assert_allclose(found, [[3 / math.sqrt(12.5), 40 / math.sqrt(12.5)]])
    with_eps = reference("rms_norm", np.array([3.0, 4.0]), normalized_shape=(2,), eps=12.5)
    np.testing.assert_allclose(with_eps, [0.6, 0.8])


def test_matmul_is_the_standards():
    rng = np.random.default_rng(0)
    for shapes in (((3,), (3,)), ((2, 3), (3,)), ((3,), (4, 3, 2)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2))):
        a, b = (rng.standard_normal(shape) for shape in shapes)
        expected = np.asarray(xp.matmul(xp.asarray(a), xp.asarray(b)))
        np.testing.assert_allclose(reference("matmul", a, b), expected)


def test_linear_multiplies_by_the_transposed_weight():
    found = reference(
        "linear", np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]), np.array([1.0, 0, 0])
    )
    assert found.tolist() == [[12.0, 17.0, 23.0]]


def test_matmul_all_reduce_of_a_group_of_one_adds_what_it_is_given():
    x1, x2 = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    assert reference("matmul_all_reduce", x1, x2).tolist() == [[11.0]]
    assert reference("matmul_all_reduce", x1, x2, np.array([0.5]), np.array([[2.0]])).tolist() == [[13.5]]


def test_rotary_by_halves_turns_the_pairs_0_2_and_1_3():
    angles = np.array([math.pi / 2, math.pi / 6, math.pi / 2, math.pi / 6])
    found = reference(
        "rotary_position_embedding", np.array([1.0, 2.0, 3.0, 4.0]), np.cos(angles), np.sin(angles), mode=0
    )
    half, root = 0.5, math.sqrt(3) / 2
    np.testing.assert_allclose(found, [-3, 2 * root - 4 * half, 1, 4 * root + 2 * half], atol=1e-15)


def test_rotary_by_neighbours_turns_the_pairs_0_1_and_2_3():
    angles = np.array([math.pi / 2, math.pi / 2, math.pi / 6, math.pi / 6])
    found = reference(
        "rotary_position_embedding", np.array([1.0, 2.0, 3.0, 4.0]), np.cos(angles), np.sin(angles), mode=1
    )
    half, root = 0.5, math.sqrt(3) / 2
    np.testing.assert_allclose(found, [-2, 1, 3 * root - 4 * half, 4 * root + 3 * half], atol=1e-15)


@pytest.mark.parametrize("mode", [0, 1])
def test_rotary_keeps_lengths_and_takes_nothing(mode: int):
    rng = np.random.default_rng(1)
    x, angle = rng.standard_normal((5, 3, 8)), rng.standard_normal((5, 1, 4))
    angles = np.repeat(angle, 2, axis=-1) if mode else np.concatenate((angle, angle), axis=-1)
    turned = reference("rotary_position_embedding", x, np.cos(angles), np.sin(angles), mode=mode)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(x, axis=-1))
    empty = np.zeros((0, 4))
    assert reference("rotary_position_embedding", empty, empty, empty, mode=mode).shape == (0, 4)


def _attention(query: Any, key: Any, value: Any, mask: Any, scale: float) -> Any:
    """One head, one query row at a time, in Python floats."""
    rows = []
    for i, q in enumerate(query):
        scores = [scale * sum(a * b for a, b in zip(q, k, strict=True)) + mask[i][j] for j, k in enumerate(key)]
        weights = [math.exp(s - max(scores)) for s in scores]
        rows.append(
            [sum(w * v[c] for w, v in zip(weights, value, strict=True)) / sum(weights) for c in range(len(value[0]))]
        )
    return np.array(rows)


class TestAttention:
    rng = np.random.default_rng(2)
    query, key, value = rng.standard_normal((4, 3)), rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    none = np.zeros((4, 5))

    def run(self, *operands: Any, **attributes: Any) -> Any:
        return reference("scaled_dot_product_attention", *operands, **attributes)

    def test_plain(self):
        expected = _attention(self.query, self.key, self.value, self.none, 1 / math.sqrt(3))
        np.testing.assert_allclose(self.run(self.query, self.key, self.value), expected)

    def test_scale(self):
        expected = _attention(self.query, self.key, self.value, self.none, 0.1)
        np.testing.assert_allclose(self.run(self.query, self.key, self.value, scale=0.1), expected)

    def test_a_float_mask_is_added(self):
        mask = self.rng.standard_normal((4, 5))
        expected = _attention(self.query, self.key, self.value, mask, 1 / math.sqrt(3))
        np.testing.assert_allclose(self.run(self.query, self.key, self.value, mask), expected)

    def test_a_bool_mask_keeps_what_is_true(self):
        mask = np.array([[i != j for j in range(5)] for i in range(4)])
        expected = _attention(self.query, self.key, self.value, np.where(mask, 0, -math.inf), 1 / math.sqrt(3))
        np.testing.assert_allclose(self.run(self.query, self.key, self.value, mask), expected)

    def test_causality_is_aligned_to_the_upper_left(self):
        mask = [[0.0 if j <= i else -math.inf for j in range(5)] for i in range(4)]
        expected = _attention(self.query, self.key, self.value, mask, 1 / math.sqrt(3))
        np.testing.assert_allclose(self.run(self.query, self.key, self.value, is_causal=True), expected)

    def test_grouped_queries_share_a_head_of_keys(self):
        query, key, value = (self.rng.standard_normal(shape) for shape in ((2, 6, 4, 3), (2, 3, 5, 3), (2, 3, 5, 2)))
        found = self.run(query, key, value, enable_gqa=True)
        for batch in range(2):
            for head in range(6):
                group = head // 2
                expected = _attention(query[batch, head], key[batch, group], value[batch, group], self.none, 3**-0.5)
                np.testing.assert_allclose(found[batch, head], expected)

    def test_a_head_of_no_size_is_no_error(self):
        with np.errstate(all="ignore"):
            found = self.run(np.zeros((2, 0)), np.zeros((3, 0)), np.ones((3, 1)))
        assert found.shape == (2, 1)


def test_cat_and_split_are_inverse():
    x = np.arange(30.0).reshape(5, 6)
    for size in (1, 2, 4, [1, 0, 5]):
        parts = reference("split", x, split_size=size, dim=1)
        np.testing.assert_array_equal(reference("cat", parts, dim=1), x)
        np.testing.assert_array_equal(np.asarray(xp.concat([xp.asarray(p) for p in parts], axis=1)), x)
    assert [p.shape for p in reference("split", x, split_size=4, dim=-1)] == [(5, 4), (5, 2)]
    assert [p.shape for p in reference("split", np.zeros((0, 2)), split_size=3)] == [(0, 2)]


def test_movements_are_the_standards():
    x = np.arange(24.0).reshape(2, 3, 4)
    ours = xp.asarray(x)
    np.testing.assert_array_equal(reference("reshape", x, shape=(4, -1)), np.asarray(xp.reshape(ours, (4, -1))))
    np.testing.assert_array_equal(reference("permute", x, dims=(2, 0, 1)), np.asarray(xp.permute_dims(ours, (2, 0, 1))))
    np.testing.assert_array_equal(reference("transpose", x, dim0=-1, dim1=-2), np.asarray(xp.matrix_transpose(ours)))
    np.testing.assert_array_equal(reference("slice", x, dim=2, start=-3, end=9, step=2), np.asarray(ours[:, :, 1:4:2]))


def test_gather_by_the_formula_of_torch():
    x, index = np.arange(12).reshape(3, 4), np.array([[2, 0, 1], [0, 0, 2]])
    expected = [[x[index[i, j], j] for j in range(3)] for i in range(2)]
    assert reference("gather", x, index, dim=0).tolist() == expected
    index = np.array([[3, 3], [0, 1]])
    assert reference("gather", x, index, dim=-1).tolist() == [[x[i, index[i, j]] for j in range(2)] for i in range(2)]
    assert reference("gather", np.array(5), np.array(0), dim=0) == 5


def test_embedding_takes_rows():
    weight = np.arange(6.0).reshape(3, 2)
    assert reference("embedding", weight, np.array([[2], [0]])).tolist() == [[[4.0, 5.0]], [[0.0, 1.0]]]


def test_every_reference_is_tested_here():
    tested = {*SCALAR, *POSITIVE_SCALAR, *STANDARD}
    tested |= {"pow", "where", "cast", "sum", "mean", "amax", "max", "softmax", "layer_norm", "rms_norm", "matmul"}
    tested |= {"linear", "matmul_all_reduce", "rotary_position_embedding", "scaled_dot_product_attention", "cat"}
    tested |= {"split", "reshape", "permute", "transpose", "slice", "gather", "embedding"}
    assert tested == set(COMPUTED)
