"""Compute torch operators with the executor's OpenCL kernels, whose arithmetic is the profile's to the primitive."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from npusim.dtypes import dtype
from npusim.errors import CallError, ExecutionError
from npusim.executor import Executor
from npusim.executor.executor import implementations
from npusim.frontends.numpy.array import operand_of
from npusim.frontends.torch.emulation.arrays import row_of, to_array, to_tensor
from npusim.frontends.torch.emulation.schema import Args, Dtypes, Kwargs, tensors
from npusim.frontends.torch.mapping import Translation, translate
from npusim.numerics.model import Numerics
from npusim.operators import OPERATORS, bind, known_outputs
from npusim.profiles import Profile


class Kernels:
    """The executor of one profile, behind torch's operators. OpenCL is loaded at the first call that needs it."""

    def __init__(self, profile: Profile, numerics: Numerics) -> None:
        self._profile = profile
        self._executor = Executor(numerics)

    def offers(self, func: Any, args: Args, kwargs: Kwargs) -> bool:
        """Whether there is a kernel for the operator that the call means, in the dtypes of its tensors."""
        translation = self._translated(func, args, kwargs)
        if translation is None:
            return False
        arrays = _inputs(translation)
        present = [dtype(one.dtype).name for one in arrays if one is not None]
        return self._executor.supports(str(translation.operator), present)

    def compute(self, func: Any, args: Args, kwargs: Kwargs, dtypes: Dtypes) -> tuple[Tensor, ...]:
        """Return the fresh results of the call, rounded to `dtypes` (None: to what the inputs promote to).

        Raises ExecutionError where `offers` is false or the kernels fail.
        """
        translation = self._translated(func, args, kwargs)
        if translation is None:
            raise ExecutionError(f"{func} is no operator that npusim computes")
        operator = OPERATORS[str(translation.operator)]
        operands = {port: operand_of(_array(value)) for port, value in translation.operands.items()}
        call = bind(operator, (), {**operands, **translation.attributes})
        outputs = known_outputs(operator, call)
        for index, wanted in enumerate((dtypes or ())[: len(outputs)]):
            if wanted is not None:
                outputs = (*outputs[:index], replace(outputs[index], dtype=row_of(wanted)), *outputs[index + 1 :])
        results = self._executor.run(operator.name, _inputs(translation), call.attributes, outputs)
        return tuple(_laid_out(to_tensor(result), tensors((*args, *kwargs.values()))) for result in results)

    def _translated(self, func: Any, args: Args, kwargs: Kwargs) -> Translation | None:
        try:
            found = _as_matmul(translate(func, args, kwargs, self._profile))
        except CallError:
            return None
        if found.operator not in implementations():
            return None
        ports = {port.name for port in OPERATORS[str(found.operator)].inputs}
        operands = {port: value for port, value in found.operands.items() if port in ports}
        if len(tensors(operands.values())) < len(tensors(args)):  # one has no port there: it is another operator
            return None
        return replace(found, operands=operands)


def _as_matmul(found: Translation) -> Translation:
    """Return a product of matrices as the operator that has the kernel."""
    given = found.operands
    match found.operator:
        case "mm" | "bmm":
            return replace(found, operator="matmul", attributes={})
        case "addmm" if given["self"].dim() == 1 and set(found.attributes.values()) == {1}:
            ports = {"input": given["mat1"], "weight": given["mat2"].t(), "bias": given["self"]}
            return replace(found, operator="linear", operands=ports, attributes={})
        case _:
            return found


def _inputs(translation: Translation) -> list[NDArray[Any] | None]:
    """Return the operator's inputs in the order of its ports."""
    inputs: list[Any] = []
    for port in OPERATORS[str(translation.operator)].inputs:
        given = _array(translation.operands.get(port.name))
        inputs.extend(given if port.variadic and given is not None else (given,))
    return inputs


def _array(value: Any) -> Any:
    """Return a tensor's array. A Python number is a 0-d one of float32, int64 or bool: torch rounds it no further."""
    match value:
        case Tensor():
            return to_array(value)
        case list() | tuple():
            return [_array(one) for one in value]
        case bool() | int():
            return np.asarray(value)
        case float():
            return np.asarray(value, np.float32)
        case _:
            return value


def _laid_out(result: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """Return a result in the strides of an input of its shape, as torch's elementwise operators have them."""
    like = next((one for one in inputs if one.shape == result.shape), None)
    if like is None or like.is_contiguous():
        return result
    return torch.empty_like(like, dtype=result.dtype).copy_(result)
