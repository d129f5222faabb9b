"""Rows of elementwise operators, reductions, products and indexing."""

from collections.abc import Mapping

from npusim.frontends.torch.mapping.row import FREE, Given, Row, Rule, to

_CAST = to("cast")
_COPY = to("copy", self=("self", "src"))
"""A copy into fresh memory of the same dtype."""


def _converted(given: Given) -> Row:
    """A conversion: of the dtype, a plain copy, or nothing at all."""
    target = given["other"].dtype if given.get("other") is not None else given.get("dtype")
    if target is not None and target != given["self"].dtype:
        return _CAST_LIKE if given.get("other") is not None else _CAST
    return _COPY if given.get("copy", True) else FREE


_CAST_LIKE = to("cast", "other").computing(dtype=lambda given: str(given["other"].dtype).removeprefix("torch."))

_ELEMENTWISE: Mapping[str, Rule] = {
    "aten.to": _converted,
    "aten._to_copy": _converted,
    "aten.type_as": lambda given: _converted({**given, "copy": False}),
    "aten.clone": _COPY,
    "aten.contiguous": _COPY,
    "aten.__and__": to("bitwise_and"),
    "aten.__or__": to("bitwise_or"),
    "aten.__xor__": to("bitwise_xor"),
    "aten.__lshift__": to("bitwise_left_shift"),
    "aten.__rshift__": to("bitwise_right_shift"),
    "aten.__iand__": to("bitwise_and"),
    "aten.__ior__": to("bitwise_or"),
    "aten.__ixor__": to("bitwise_xor"),
    **{
        f"aten.{name}.{overload}": to("div_mode")
        for name in ("div", "divide")
        for overload in ("Tensor_mode", "Scalar_mode", "out_mode")
    },
    "aten.true_divide": to("div"),
    "aten.clamp.Tensor": to("clamp_tensor"),
    "aten.clamp_min.Tensor": to("clamp_tensor"),
    "aten.clamp_max.Tensor": to("clamp_tensor"),
    "aten.equal": to("tensors_equal"),
    "aten.max.other": to("maximum"),
    "aten.min.other": to("minimum"),
    "aten.isin.Tensor_Scalar": to("isin", test_element="test_elements"),
    "aten.log_sigmoid_forward": to("log_sigmoid"),
    "aten._conj_physical": to("conj_physical"),
    "aten.special_expit": to("sigmoid"),
    "aten.special_logsumexp": to("logsumexp"),
}

_REDUCTIONS: Mapping[str, Rule] = {
    **{f"aten.max.{overload}": to("max_dim") for overload in ("dim", "dim_max")},
    **{f"aten.min.{overload}": to("min_dim") for overload in ("dim", "dim_min")},
    "aten._aminmax": to("aminmax"),
    "aten._is_all_true": to("all"),
    "aten._is_any_true": to("any"),
    **{
        f"aten.{name}.{overload}": to(name, unbiased="correction")
        for name in ("std", "var", "std_mean", "var_mean")
        for overload in ("default", "dim")
    },
    "aten._unique2": to("unique"),
    "aten._cdist_forward": to("cdist"),
}


def _grouped(given: Given) -> Row:
    """A product for each group: of matrices, or of slices of what has a group axis.

    Only CUDA and XPU have a kernel of their own: aten/src/ATen/native/native_functions.yaml of pytorch/pytorch.
    """
    return _GROUPED[given["self"].dim(), given["mat2"].dim()]


_GROUPED: Mapping[tuple[int, int], Row] = {
    (2, 2): to("mm", "offs"),
    (2, 3): to("mm", "offs", "mat2").computing(mat2=lambda given: given["mat2"][0]),
    (3, 2): to("mm", "offs", "self").computing(self=lambda given: given["self"][0]),
    (3, 3): to("bmm", "offs"),
}

_PRODUCTS: Mapping[str, Rule] = {
    "aten.matmul": to("matmul", other="mat2"),
    "aten._grouped_mm": _grouped,
}

_INDEXING: Mapping[str, Rule] = {
    "aten._unsafe_index.Tensor": to("index"),
    "aten._unsafe_index_put": to("index_put"),
    "aten._index_put_impl_": to("index_put"),
    "aten.scatter.value": to("scatter", value="src"),
    "aten.scatter.value_reduce": to("scatter", value="src"),
    "aten.where": to("nonzero", condition="self"),
    "aten.where.self": to("where"),
    "aten.where.ScalarSelf": to("where"),
    "aten.where.ScalarOther": to("where"),
    "aten.where.Scalar": to("where"),
    "aten.repeat_interleave.Tensor": to("repeat_interleave", repeats=("self", "repeats")),
    "aten.masked_scatter_backward": to("masked_select", grad_output="self"),
}

ROWS = {**_ELEMENTWISE, **_REDUCTIONS, **_PRODUCTS, **_INDEXING}
