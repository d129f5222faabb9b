"""A device's functions over arrays, named as in the Python array API standard and as in npusim's vocabulary."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from npusim.dtypes import DTYPES, DType, dtype
from npusim.errors import CallError
from npusim.frontends.numpy.array import Array, asarray
from npusim.operators import ALIASES, COMPUTED, OPERATORS, Operator

if TYPE_CHECKING:
    from npusim.devices import Device

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Standard:
    """A function of the standard: the operator behind it, and the standard's names for its attributes."""

    operator: str
    renamed: Mapping[str, str] = field(default_factory=dict)


_AXIS = {"axis": "dim", "keepdims": "keepdim"}
_STANDARD: Mapping[str, _Standard] = MappingProxyType(
    {
        "sum": _Standard("sum", _AXIS),
        "mean": _Standard("mean", _AXIS),
        "max": _Standard("amax", _AXIS),
        "concat": _Standard("cat", {"axis": "dim"}),
        "permute_dims": _Standard("permute", {"axes": "dims"}),
        "take_along_axis": _Standard("gather", {"axis": "dim"}),
        "softmax": _Standard("softmax", {"axis": "dim"}),
    }
)
"""Where a function's attributes are not named as the operator's. Everything else goes by the operator's own names."""


class Namespace:
    """`device.xp`: every operator as a function, judged and run on the device.

    Functions take Arrays, numpy arrays and Python scalars and return Arrays. Attributes may follow the operands by
    position (`xp.reshape(x, (2, 3))`) or be named, as the standard (`axis`, `keepdims`) or torch (`dim`, `keepdim`)
    names them. `xp.float16`, `xp.bfloat16`, ... are the dtypes.
    """

    def __init__(self, device: "Device") -> None:
        self._device = device
        for name, operator in {**{name: name for name in COMPUTED}, **ALIASES}.items():
            setattr(self, name, self._function(_STANDARD.get(name, _Standard(operator))))
        for name, standard in _STANDARD.items():
            setattr(self, name, self._function(standard))
        for row in DTYPES.values():
            setattr(self, row.name, row)

    def __getattr__(self, name: str) -> Any:
        near = get_close_matches(name, list(self.__dict__), n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise AttributeError(f"{self._device.profile.id}'s array namespace has no {name!r}{hint}")

    def __repr__(self) -> str:
        return f"<array namespace of {self._device!r}>"

    def asarray(self, data: Any, /, *, dtype: "DType | str | np.dtype[Any] | type | None" = None) -> Array:
        """Return numpy data, nested sequences or a scalar as an Array; Python floats become float32.

        Nothing is copied where the data is a numpy array of the wanted dtype. The conversion is the host's.
        """
        return asarray(data, self._device, None if dtype is None else _row(dtype))

    def astype(self, x: Array, target: "DType | str | np.dtype[Any] | type", /) -> Array:
        """Return x converted on the device."""
        return x.astype(target)

    def matrix_transpose(self, x: Array, /) -> Array:
        """Return x with its last two axes exchanged."""
        return x.mT

    def _function(self, standard: _Standard) -> Function:
        operator = OPERATORS[standard.operator]
        name, run, run_arrays = operator.name, self._device.run, self._device.run_arrays
        ports = len(operator.inputs)
        arrays_only = [Array] * ports if not operator.inputs[0].variadic else None

        def function(*given: Any, **named: Any) -> Any:
            if not named and list(map(type, given)) == arrays_only:
                return run_arrays(name, given)
            attributes = _attributes(operator, given[ports:], named, standard.renamed)
            return run(name, *self._wrap(given[:ports]), **attributes)

        function.__name__ = function.__qualname__ = name
        function.__doc__ = f"Run `{operator.signature}` on the device."
        return function

    def _wrap(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Return operands with numpy arrays made Arrays, so that the result is one; None stays.

        Python scalars stay too, to take the dtype of an array, unless there is none.
        """
        tensors = (Array, np.ndarray, list, tuple)
        alone = not any(isinstance(o, tensors) for o in operands)
        wrapped = (np.ndarray, np.generic, *((bool, int, float) if alone else ()))
        return tuple(
            asarray(o, self._device, None)
            if isinstance(o, wrapped)
            else self._wrap(o)
            if isinstance(o, list | tuple)
            else o
            for o in operands
        )


_row = dtype


def _attributes(
    operator: Operator, positional: Sequence[Any], named: Mapping[str, Any], renamed: Mapping[str, str]
) -> dict[str, Any]:
    """Return attributes under the operator's own names; raise CallError for too many or doubled ones."""
    names = [attribute.name for attribute in operator.attributes]
    if len(positional) > len(names):
        raise CallError(f"{operator.name} takes {len(names)} attributes ({', '.join(names)}), not {len(positional)}")
    found = dict(zip(names, positional, strict=False))
    for name, value in named.items():
        target = renamed.get(name, name)
        if target in found:
            raise CallError(f"{operator.name} got two values for {target!r}")
        found[target] = value
    return found
