"""What one stand-in of a vendor operator is: a schema, what comes out of a call, and how it is computed."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from npusim.errors import CallError

OP_PLUGIN = "Ascend/op-plugin: op_plugin/config/op_plugin_functions.yaml"
TORCH_NPU = "Ascend/pytorch: torch_npu/csrc/aten/npu_native_functions.yaml"
ATB = "Ascend/op-plugin: op_plugin/ops/atb"

SCALAR_TYPES: Mapping[int, torch.dtype] = {
    0: torch.uint8,
    1: torch.int8,
    2: torch.int16,
    3: torch.int32,
    4: torch.int64,
    5: torch.float16,
    6: torch.float32,
    7: torch.float64,
    11: torch.bool,
    12: torch.int8,  # qint8
    13: torch.uint8,  # quint8
    14: torch.int32,  # qint32
    15: torch.bfloat16,
    23: torch.float8_e5m2,
    24: torch.float8_e4m3fn,
    291: torch.float8_e5m2,
    292: torch.float8_e4m3fn,
}
"""What an `int dtype` argument means: torch's ScalarType, and torch_npu's numbers from 285 on.

Source: Ascend/op-plugin, op_plugin/python/meta/_meta_registrations.py.
"""


@dataclass(frozen=True, slots=True)
class Like:
    """A tensor that comes out of a call: new memory, contiguous, on the device of the first tensor that went in."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Row:
    """One stand-in.

    schema   as its source writes it: name, overload, arguments, results
    outputs  takes arguments by name, checks their shapes and returns what comes out, a Like for a new tensor or a
             value or tensor as it is; None if nothing does. Reads no data.
    compute  takes arguments by name and returns the results, in float32 (float64 if it is given float64); they are
             rounded once, to the dtypes that `outputs` says
    inert    arguments that change nothing in one process on a CPU; any other argument that neither function takes
             must have its default value
    source   where the schema is written
    """

    schema: str
    outputs: Callable[..., Any]
    compute: Callable[..., Any]
    inert: frozenset[str] = frozenset()
    namespace: str = "npu"
    source: str = OP_PLUGIN

    @property
    def name(self) -> str:
        """Return the name of the operator without its overload."""
        return self.qualified.partition(".")[0]

    @property
    def overload(self) -> str:
        """Return the name of the overload, "default" for the one without a name."""
        return self.qualified.partition(".")[2] or "default"

    @property
    def qualified(self) -> str:
        """Return the name with its overload, as a schema begins."""
        return self.schema.partition("(")[0]

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """Return every argument's name with its default value, None where it has none."""
        arguments = torch._C.parse_schema(f"{self.namespace}::{self.schema}").arguments
        return {argument.name: argument.default_value for argument in arguments}

    @cached_property
    def _needed(self) -> tuple[frozenset[str], frozenset[str]]:
        return _names(self.outputs), _names(self.compute)

    @cached_property
    def ignored(self) -> frozenset[str]:
        """Return the arguments that the stand-in can only take at their default values."""
        return frozenset(self.defaults).difference(*self._needed, self.inert)

    def cpu(self, *args: Any, **kwargs: Any) -> Any:
        """Compute a call.

        Raises CallError for shapes that do not fit and for arguments that the stand-in does not know.
        """
        given = self._bound(args, kwargs)
        expected = self._checked(given)
        return _each(_settled, self.compute(**_only(given, self._needed[1])), expected)

    def fake(self, *args: Any, **kwargs: Any) -> Any:
        """Return tensors of the shapes and dtypes that `cpu` returns, with no data; raises what `cpu` raises."""
        given = self._bound(args, kwargs)
        device = next((value.device for value in _flat(given.values()) if isinstance(value, Tensor)), None)
        return _each(lambda _, expected: _empty(expected, device), None, self._checked(given))

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.defaults, **dict(zip(self.defaults, args, strict=False)), **kwargs}

    def _checked(self, given: Mapping[str, Any]) -> Any:
        try:
            for name in self.ignored:
                demand(_is_default(given[name], self.defaults[name]), f"the stand-in computes without {name}; drop it")
            return self.outputs(**_only(given, self._needed[0]))
        except CallError as error:
            shown = ", ".join(f"{name} {list(value.shape)}" for name, value in given.items() if _is_tensor(value))
            raise CallError(f"{self.namespace}.{self.qualified}({shown}): {error}") from None


def like(tensor: Tensor) -> Like:
    """Return the shape and dtype of a tensor."""
    return Like(tuple(tensor.shape), tensor.dtype)


def wide(tensor: Tensor) -> Tensor:
    """Return a tensor in the precision to compute in: float32, or float64 if it is that already."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def demand(holds: bool, otherwise: str) -> None:
    """Raise CallError unless a claim about a call holds."""
    if not holds:
        raise CallError(otherwise)


def scalar_type(code: int | torch.dtype) -> torch.dtype:
    """Return the dtype that an `int dtype` argument means."""
    if isinstance(code, torch.dtype):
        return code
    demand(code in SCALAR_TYPES, f"no stand-in knows the dtype {code}; known are {sorted(SCALAR_TYPES)}")
    return SCALAR_TYPES[code]


def _names(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _only(given: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: given[name] for name in names}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (not _is_tensor(value) and bool(value == default))


def _flat(values: Any) -> Any:
    for value in values:
        yield from value if isinstance(value, (list, tuple)) else (value,)


def _each(settle: Callable[[Any, Any], Any], results: Any, expected: Any) -> Any:
    if not isinstance(expected, (list, tuple)):
        return settle(results, expected)
    several = [None] * len(expected) if results is None else results
    return type(expected)(settle(result, one) for result, one in zip(several, expected, strict=True))


def _settled(result: Any, expected: Any) -> Any:
    return result.to(expected.dtype).contiguous() if isinstance(expected, Like) else expected


def _empty(expected: Any, device: torch.device | None) -> Any:
    if not isinstance(expected, Like):
        return expected
    return torch.empty(expected.shape, dtype=expected.dtype, device=device)
