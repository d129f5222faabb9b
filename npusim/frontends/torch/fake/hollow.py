"""The tensor without data: a subclass below every dispatch mode, so that whoever watches sees each operator first."""

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from torch._ops import OpOverload

from npusim.errors import UsageError
from npusim.frontends.torch.fake.reading import Answers, refusal


@dataclass(frozen=True, slots=True)
class Form:
    """All that there is of a tensor without data, but its device."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


def form_of(tensor: torch.Tensor) -> Form:
    """Return the form of a tensor."""
    return Form(tuple(tensor.shape), tensor.stride(), tensor.dtype)


class Hollow(torch.Tensor):
    """A tensor with a dtype, a shape, strides and a device, but no memory.

    It reports an ordinary device (cpu unless it was moved), so that a model takes the same path as with real tensors.
    """

    answers: Answers
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, form: Form, device: torch.device, answers: Answers) -> "Hollow":
        """Make one; under inference_mode it is an inference tensor, as a real one would be."""
        self: Hollow = torch.Tensor._make_wrapper_subclass(
            cls, form.size, strides=form.stride, dtype=form.dtype, device=device
        )
        self.answers = answers
        return self

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch's own annotation leaves out the operator
        cls, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute what comes out of an operator, without data."""
        from npusim.frontends.torch.fake.propagation import propagate

        return propagate(func, args, kwargs or {})

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]  # torch's is untyped
        """Describe it; printing is not reading."""
        size = ", ".join(map(str, self.shape))
        return f"fake_tensor(size=({size}), dtype={self.dtype}, device='{self.device}')"

    def __format__(self, form: str) -> str:
        """Format the value given for this line, if it is one number; raises DataReadError."""
        return format(self.item(), form) if form and not self.dim() else object.__format__(self, form)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Hollow":
        """Make another one of the same kind."""
        if id(self) not in memo:
            memo[id(self)] = like(self, self.answers)
        return memo[id(self)]  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        """Return the value given for this line, in the tensor's shape; raises DataReadError."""
        return self._given("tolist()").tolist()

    def numpy(self, **_: bool) -> Any:
        """Return the value given for this line, in the tensor's shape; raises DataReadError."""
        return self._given("numpy()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return the value given for this line, in the tensor's shape; raises DataReadError."""
        return self._given("numpy").astype(dtype)

    def __dlpack__(self, **_: Any) -> NoReturn:
        """Raise DataReadError: another library cannot take what is not there."""
        raise refusal(self, "__dlpack__()")

    def _given(self, how: str) -> Any:
        value = self.answers.read(self, how)
        try:
            return np.broadcast_to(np.asarray(value), tuple(self.shape)).copy()
        except ValueError:
            raise UsageError(f"values: {value!r} was given for {how} of a tensor of shape {list(self.shape)}") from None


def is_fake(value: Any) -> bool:
    """Return whether this is a tensor without data."""
    return isinstance(value, Hollow)


def like(tensor: torch.Tensor, answers: Answers) -> Hollow:
    """Return a tensor without data in place of another: same size, strides, dtype, device, and a parameter for one."""
    device = torch.device("cpu") if tensor.is_meta else tensor.device
    made = Hollow(form_of(tensor), device, answers)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(made, tensor.requires_grad)  # type: ignore[return-value]
    return made.requires_grad_() if tensor.requires_grad else made  # type: ignore[return-value]
