"""Which of npusim's calls a torch call is: single calls, each against what torch itself computes."""

from typing import Any

import pytest
import torch

from npusim.frontends.torch.mapping import Role, Row, Translation, translate
from npusim.frontends.torch.mapping.rows import ROWS, TOPICS
from npusim.frontends.torch.mapping.translation import misfits
from npusim.frontends.torch.operands import dtype_of, operands_of
from npusim.operators import OPERATORS, bind, known_outputs
from npusim.profiles import Profile, load
from npusim.resources import folder

aten = torch.ops.aten
X = torch.arange(1.0, 25.0).reshape(2, 3, 4)
HALF = X.to(torch.bfloat16)
COUNT = torch.arange(3)
IMAGE = torch.ones(2, 4, 8, 8)


@pytest.fixture(scope="module")
def a2() -> Profile:
    return load(folder("device_profiles") / "ascend910b.yaml")


def translated(func: Any, *args: Any, **kwargs: Any) -> Translation:
    return translate(func, args, kwargs)


CALLS = [
    # ports by the names of arguments, attributes of every type, numbers on tensor ports
    (aten.add.Tensor, (X, X), {"alpha": 2}),
    (aten.add.Tensor, (HALF, X), {}),
    (aten.add.Scalar, (HALF, 2.5), {}),
    (aten.mul.Tensor, (HALF, torch.tensor(2.0)), {}),
    (aten.rsub.Scalar, (X, 1), {}),
    (aten.div.Tensor, (COUNT, 2), {}),
    (aten.div.Tensor_mode, (X, X), {"rounding_mode": "floor"}),
    (aten.pow.Tensor_Scalar, (HALF, 2), {}),
    (aten.pow.Scalar, (2.0, X), {}),
    (aten.pow.Tensor_Tensor, (X, HALF), {}),
    (aten.maximum.default, (X, HALF), {}),
    (aten.max.other, (X, HALF), {}),
    (aten.eq.Scalar, (X, 3), {}),
    (aten.__and__.Tensor, (X > 2, X < 5), {}),
    (aten.where.self, (X > 2, X, HALF), {}),
    (aten.where.ScalarOther, (X > 2, X, 0.0), {}),
    (aten.clamp.default, (X, 0, 1), {}),
    (aten.clamp.Tensor, (X, HALF[0]), {}),
    (aten.gelu.default, (HALF,), {"approximate": "tanh"}),
    (aten._to_copy.default, (X,), {"dtype": torch.float16}),
    (aten._to_copy.default, (X,), {"dtype": torch.float32}),
    (aten.to.dtype, (X, torch.bfloat16), {}),
    (aten.to.other, (X, HALF), {}),
    (aten.clone.default, (HALF,), {}),
    # reductions
    (aten.sum.dim_IntList, (HALF, [1]), {"keepdim": True}),
    (aten.sum.default, (COUNT,), {}),
    (aten.sum.dim_IntList, (HALF, [0, 2]), {"dtype": torch.float32}),
    (aten.mean.dim, (HALF, [-1], True), {}),
    (aten.amax.default, (X, [0]), {}),
    (aten.max.default, (X,), {}),
    (aten.max.dim, (X, 1), {}),
    (aten.any.dim, (X > 1, 1), {}),
    (aten._is_all_true.default, (X > 1,), {}),
    (aten.var.default, (X, False), {}),
    (aten.std.correction, (X, [1]), {"correction": 0}),
    (aten.argmax.default, (X, -1), {}),
    (aten.cumsum.default, (X, 0), {}),
    (aten.topk.default, (X, 2), {}),
    # products, attention, norms
    (aten.mm.default, (X[0], X[0].T), {}),
    (aten.addmm.default, (COUNT.float(), X[0], X[0].T), {}),
    (aten.bmm.default, (X, X.transpose(1, 2)), {}),
    (aten.matmul.default, (X, X[0].T), {}),
    (aten.linear.default, (HALF, HALF[0]), {}),
    (aten.scaled_dot_product_attention.default, (X, X, X), {"is_causal": True}),
    (aten._scaled_dot_product_flash_attention_for_cpu.default, (X[None], X[None, :1], X[None, :1]), {}),
    (aten.layer_norm.default, (HALF, [4], HALF[0, 0], HALF[0, 0]), {}),
    (aten.native_layer_norm.default, (X, [3, 4], None, None, 1e-5), {}),
    (aten.rms_norm.default, (HALF, [4], HALF[0, 0], 1e-6), {}),
    (aten.rms_norm.default, (HALF, [4]), {}),
    (aten.softmax.int, (X, -1), {}),
    (aten._softmax.default, (HALF, 1, False), {}),
    (aten.convolution.default, (IMAGE, IMAGE, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1), {}),
    (aten.native_batch_norm.default, (IMAGE, *[torch.ones(4)] * 4, True, 0.1, 1e-5), {}),
    # moving and reading
    (aten.cat.default, ([X, HALF], 2), {}),
    (aten.cat.default, ([torch.empty(0), HALF], -1), {}),
    (aten.embedding.default, (X[0], COUNT), {"padding_idx": 1}),
    (aten.gather.default, (X, 2, torch.zeros(2, 3, 1, dtype=torch.int64)), {}),
    (aten.index.Tensor, (X, [None, COUNT]), {}),
    (aten.index_put.default, (X, [COUNT[:2]], torch.tensor(0.0)), {}),
    (aten.pad.default, (X, [1, 1]), {}),
    (aten.pad.default, (X, [1, 1], "reflect"), {}),
    (aten.repeat_interleave.Tensor, (COUNT,), {}),
    # views
    (aten.view.default, (X, [6, 4]), {}),
    (aten.reshape.default, (X, [-1, 2]), {}),
    (aten.transpose.int, (X, 0, -1), {}),
    (aten.permute.default, (X, [2, 0, 1]), {}),
    (aten.slice.Tensor, (X, 2, 1, 9223372036854775807, 2), {}),
    (aten.split.Tensor, (X, 2, 2), {}),
    (aten.split_with_sizes.default, (X, [1, 2], 1), {}),
    (aten.expand_as.default, (X[:1], X), {}),
    (aten.squeeze.default, (X[:1],), {}),
    (aten.detach.default, (HALF,), {}),
    # out of numbers
    (aten.zeros.default, ([2, 3],), {"dtype": torch.float16}),
    (aten.ones.default, ([2],), {}),
    (aten.full.default, ([2], 1), {}),
    (aten.full.default, ([2], True), {}),
    (aten.full.default, ([2], 1.5), {}),
    (aten.new_zeros.default, (HALF, [5]), {}),
    (aten.zeros_like.default, (HALF,), {}),
    (aten.arange.default, (7,), {}),
    (aten.arange.start_step, (0, 1.0, 0.3), {}),
    (aten.scalar_tensor.default, (2,), {}),
]


@pytest.mark.parametrize(("func", "args", "kwargs"), CALLS, ids=lambda value: str(value) if callable(value) else "")
def test_a_call_binds_and_yields_what_torch_computes(func: Any, args: Any, kwargs: Any) -> None:
    found = translated(func, *args, **kwargs)
    assert found.operator is not None
    operator = OPERATORS[found.operator]
    call = bind(operator, (), {**operands_of(found, constants=False, origins=False), **found.attributes})
    computed = func(*args, **kwargs)
    outputs = [computed] if isinstance(computed, torch.Tensor) else computed
    inferred = known_outputs(operator, call)
    assert [(t.dtype, t.shape) for t in inferred] == [
        (dtype_of(t.dtype), tuple(t.shape)) for t in outputs[: len(inferred)]
    ]


def test_enough_of_the_calls_above_are_of_operators_whose_results_are_inferred() -> None:
    inferred = [translated(func, *args, **kwargs).operator for func, args, kwargs in CALLS]
    assert sum(OPERATORS[name].infer is not None for name in inferred if name) > len(CALLS) / 2


def test_ports_carry_the_arguments_of_their_names() -> None:
    bias, x, weight = torch.ones(3), torch.ones(2, 4), torch.ones(4, 3)
    found = translated(aten.addmm.default, bias, x, weight, beta=2)
    assert found.operands["self"] is bias
    assert found.operands["mat1"] is x
    assert found.operands["mat2"] is weight
    assert found.attributes == {"beta": 2, "alpha": 1}


def test_a_number_on_a_tensor_port_stays_a_number() -> None:
    assert translated(aten.mul.Tensor, X, 0.5).operands["other"] == 0.5


def test_an_in_place_call_is_the_functional_operator_with_its_tensor_as_the_result() -> None:
    found = translated(aten.add_.Tensor, HALF, X)
    assert (found.role, found.operator) == (Role.OPERATOR, "add")
    assert found.operands["out"] is HALF


def test_an_out_variant_has_its_tensor_on_the_output_port() -> None:
    result = torch.empty(3, 3)
    found = translated(aten.mm.out, X[0], X[0].T, out=result)
    assert found.operator == "mm"
    assert found.operands["out"] is result


def test_outputs_of_several_results_are_taken_in_order() -> None:
    values, indices = torch.empty(2, 4), torch.empty(2, 4, dtype=torch.int64)
    found = translated(aten.max.dim_max, X, 1, max=values, max_values=indices)
    assert found.operator == "max_dim"
    assert found.operands["values"] is values
    assert found.operands["indices"] is indices


@pytest.mark.parametrize(
    ("func", "args", "operator"),
    [
        (aten.to.dtype, (X, torch.float16), "cast"),
        (aten.to.dtype, (X, torch.float32), None),
        (aten.to.dtype, (X, torch.float32, False, True), "copy"),
        (aten._to_copy.default, (X,), "copy"),
        (aten.dropout.default, (X, 0.5, False), None),
        (aten.dropout.default, (X, 0.5, True), "dropout"),
    ],
)
def test_what_changes_nothing_is_free(func: Any, args: Any, operator: str | None) -> None:
    found = translated(func, *args)
    assert found.operator == operator
    assert found.role is (Role.FREE if operator is None else Role.OPERATOR)


@pytest.mark.parametrize("func", [aten.empty.memory_format, aten._local_scalar_dense.default, aten.lift_fresh.default])
def test_allocation_and_bookkeeping_are_free(func: Any) -> None:
    args = ([2],) if func is aten.empty.memory_format else (torch.tensor(1.0),)
    assert translated(func, *args) == Translation(Role.FREE, None, {}, {})


def test_dtypes_are_named_canonically() -> None:
    assert translated(aten.sum.dim_IntList, X, [0], dtype=torch.bfloat16).attributes["dtype"] == "bfloat16"


def test_a_softmax_that_converts_is_left_to_its_parts() -> None:
    assert translated(aten.softmax.int, HALF, -1, torch.float32).operator is None
    assert translated(aten.softmax.int, HALF, -1, torch.bfloat16).operator == "softmax"


def test_a_new_tensor_takes_the_default_dtype_of_torch() -> None:
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert translated(aten.zeros.default, [2]).attributes["dtype"] == "bfloat16"
    finally:
        torch.set_default_dtype(torch.float32)


def test_equality_of_whole_tensors_is_not_the_elementwise_one() -> None:
    assert translated(aten.equal.default, X, X).operator == "tensors_equal"


@pytest.mark.parametrize(
    "func", [aten._linalg_check_errors.default, aten.conv2d.padding, aten._cholesky_solve_helper.default]
)
def test_what_has_no_operator_is_unmapped(func: Any) -> None:
    args = {aten.conv2d.padding: (IMAGE, IMAGE, None, [1, 1], "same")}.get(func, (X, X, False))
    assert translated(func, *args) == Translation(Role.OPERATOR, None, {}, {})


def test_an_operand_that_no_port_takes_is_never_lost() -> None:
    assert translated(aten.lstm_cell.default, X[0], [X[0], X[0]], X[0], X[0]).operator == "lstm_cell"
    grouped = aten._grouped_mm.default
    assert translated(grouped, X, X, None).operator == "bmm"
    assert translated(grouped, X, X, None, torch.ones(4)).operator is None


def overloads(name: str) -> list[Any]:
    """The overloads that a name of the table stands for."""
    namespace, operator, *overload = name.split(".")
    packet = getattr(getattr(torch.ops, namespace), operator)
    return [getattr(packet, one) for one in overload or packet.overloads()]


STATIC = {name: row for name, row in ROWS.items() if isinstance(row, Row) and name.startswith("aten.")}


@pytest.mark.parametrize("name", STATIC)
def test_every_row_fits_an_overload_that_torch_has(name: str) -> None:
    row = STATIC[name]
    assert row.operator is None or any(not list(misfits(func, row)) for func in overloads(name))


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not isinstance(row, Row)])
def test_every_choice_is_for_an_operator_that_exists(name: str) -> None:
    from npusim.frontends.torch.vendor_ops import register

    register()
    assert overloads(name)


def test_no_name_is_in_two_topics() -> None:
    assert sum(len(topic.ROWS) for topic in TOPICS) == len(ROWS)


@pytest.mark.parametrize("name", STATIC)
def test_every_row_says_more_than_its_name_does(name: str) -> None:
    row = STATIC[name]
    base = name.split(".")[1]
    said = row.renames or row.computed or row.drops or row.role is not Role.OPERATOR
    assert said or row.operator != base or name.count(".") == 2


def test_every_operator_of_the_table_exists() -> None:
    assert {row.operator for row in ROWS.values() if isinstance(row, Row) and row.operator} <= set(OPERATORS)
