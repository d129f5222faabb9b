"""How the shapes of an operator's ports hang together: from one port's shape to every port's."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Shape = tuple[int, ...]
REST = "*"
"""Stands for all ports that a form does not name."""

Form = Callable[[str, Shape], tuple[Mapping[str, Shape], Mapping[str, Any]]]
"""From one port's shape to every port's and the attributes that go with them."""


def alike(_port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    """The form of an operator whose ports all have one shape."""
    return {REST: shape}, {}


def _with(attributes: Callable[[Shape], Mapping[str, Any]]) -> Form:
    return lambda _, shape: ({REST: shape}, attributes(shape))


def _normalised(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    trailing = shape[-1:] if port == "input" else shape
    whole = shape if port == "input" else (2, *shape)
    return {"input": whole, REST: trailing}, {"normalized_shape": trailing}


def _matmul(left: str, right: str) -> Form:
    def form(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
        if port == left:
            return {left: shape, right: (*shape[-1:], 2), REST: (2,)}, {}
        if port == right:
            return {left: (2, *shape[-2:][:1]), right: shape, REST: shape[1:][-1:]}, {}
        return {left: (2, 2), right: (2, *(shape[-1:] or (2,))), REST: shape}, {}

    return form


def _linear(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    match port:
        case "input":
            return {"input": shape, "weight": (2, *shape[-1:]), REST: (2,)}, {}
        case "weight":
            return {"input": (2, *shape[-1:]), "weight": shape, REST: shape[:1]}, {}
        case _:
            return {"input": (2, 2), "weight": (*shape[-1:], 2), REST: shape}, {}


def _attention(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    match port:
        case "value":
            keys = (*shape[:-1], 2)
            return {"query": keys, "key": keys, "value": shape, REST: shape[-2:-1] * 2}, {}
        case "attn_mask":
            keys = (*shape[:-2], *shape[-1:], 2)
            return {"query": (*shape[:-1], 2), "key": keys, "value": keys, REST: shape}, {}
        case _:
            return {"query": shape, "key": shape, "value": shape, REST: shape[-2:-1] * 2}, {}


def _embedding(port: str, shape: Shape) -> tuple[Mapping[str, Shape], Mapping[str, Any]]:
    return ({"weight": shape, REST: (2,)} if port == "weight" else {"weight": (2, 2), REST: shape}), {}


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "cast": _with(lambda _: {"dtype": "float32"}),
        "layer_norm": _normalised,
        "rms_norm": _normalised,
        "matmul": _matmul("self", "mat2"),
        "matmul_all_reduce": _matmul("x1", "x2"),
        "linear": _linear,
        "scaled_dot_product_attention": _attention,
        "split": _with(lambda _: {"split_size": 1}),
        "reshape": _with(lambda shape: {"shape": shape}),
        "transpose": _with(lambda _: {"dim0": 0, "dim1": -1}),
        "permute": _with(lambda shape: {"dims": tuple(range(len(shape)))[::-1]}),
        "gather": _with(lambda _: {"dim": 0}),
        "embedding": _embedding,
    }
)
"""How the shapes of an operator's ports hang together, where they are not simply alike."""
