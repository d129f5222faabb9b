"""Rows of what makes tensors out of numbers, and of what nothing on the chip has to do with."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from npusim.frontends.torch.mapping.row import FREE, Given, Row, Rule, to


def _dtype(given: Given) -> str:
    """The dtype of a new tensor: the one asked for, that of the tensor it is made like, or torch's default."""
    like = given.get("self")
    found = given.get("dtype") or (torch.get_default_dtype() if like is None else like.dtype)
    return str(found).removeprefix("torch.")


def _dtype_of(*names: str) -> Callable[[Given], str]:
    """As `_dtype`, of a tensor filled with numbers: whole ones make int64, bool ones bool."""

    def found(given: Given) -> str:
        numbers = [given[name] for name in names if given.get(name) is not None]
        if given.get("dtype") or not all(isinstance(number, int) for number in numbers):
            return _dtype(given)
        return "bool" if all(isinstance(number, bool) for number in numbers) else "int64"

    return found


def _size(given: Given) -> tuple[int, ...]:
    return tuple(given["self"].shape)


def _made(operator: str, dtype: Callable[[Given], str] = _dtype, **computed: Callable[[Given], Any]) -> Row:
    return to(operator, "self", "dtype").computing(dtype=dtype, **computed)


def _ones_like(given: Given) -> Row:
    return _ONE if given["dtype"] in {None, given["self"].dtype} else _ONES


_ONE, _ONES = to("one"), _made("ones", size=_size)

_MADE: Mapping[str, Rule] = {
    **{f"aten.{name}": _made(name) for name in ("zeros", "ones", "rand", "randn", "eye", "linspace", "logspace")},
    "aten.arange": _made("arange", _dtype_of("start", "end", "step")),
    "aten.range": _made("range"),
    "aten.full": _made("full", _dtype_of("fill_value")),
    "aten.scalar_tensor": _made("scalar_tensor"),
    "aten.new_zeros": _made("zeros"),
    "aten.new_ones": _made("ones"),
    "aten.new_full": _made("full"),
    "aten.zeros_like": _made("zeros", size=_size),
    "aten.ones_like": _ones_like,
    "aten.rand_like": _made("rand", size=_size),
    "aten.randn_like": _made("randn", size=_size),
    "aten.randint_like": _made("randint", size=_size),
    "aten.bernoulli_.Tensor": to("bernoulli", p="prob"),
    "aten.bernoulli.Tensor": to("bernoulli", p="prob"),
}

_ALLOCATED = (
    "empty",
    "empty_like",
    "empty_strided",
    "empty_permuted",
    "new_empty",
    "new_empty_strided",
    "set_",
    "resize_",
    "resize_as_",
    "lift",
    "lift_fresh",
    "pin_memory",
    "_pin_memory",
    "record_stream",
)

_ASKED = (
    "item",
    "_local_scalar_dense",
    "is_nonzero",
    "size",
    "stride",
    "storage_offset",
    "numel",
    "dim",
    "sym_size",
    "sym_stride",
    "sym_numel",
    "sym_storage_offset",
    "sym_is_contiguous",
    "is_contiguous",
    "is_pinned",
    "is_same_size",
    "is_floating_point",
    "is_complex",
    "is_signed",
    "is_conj",
    "is_neg",
    "is_inference",
    "is_leaf",
    "result_type",
    "can_cast",
    "requires_grad_",
    "retain_grad",
    "_has_compatible_shallow_copy_type",
    "_has_same_storage_numel",
    "_assert_async",
    "_assert_scalar",
    "_assert_tensor_metadata",
    "_functional_assert_async",
    "_version",
)

ROWS: Mapping[str, Rule] = {
    **_MADE,
    **{f"aten.{name}": FREE for name in (*_ALLOCATED, *_ASKED)},
    "prim.device": FREE,
    "prim.layout": FREE,
    "profiler._record_function_enter": FREE,
    "profiler._record_function_enter_new": FREE,
    "profiler._record_function_exit": FREE,
}
