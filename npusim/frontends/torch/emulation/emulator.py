"""Compute each torch operator with a chip's numerics, by the fastest way that gives the chip's result."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from npusim.frontends.torch.emulation.arrays import row_of
from npusim.frontends.torch.emulation.attention import attended
from npusim.frontends.torch.emulation.contraction import PRODUCTS, blocked, contracted
from npusim.frontends.torch.emulation.kernels import Kernels
from npusim.frontends.torch.emulation.kinds import ATTENTIONS, CONVERSIONS, ROUNDED_ONCE, SINGLE, base_name, is_exact
from npusim.frontends.torch.emulation.rounding import LOW, settled
from npusim.frontends.torch.emulation.schema import Args, Kwargs, delivered, result_dtypes, tensors, written
from npusim.frontends.torch.emulation.tables import TABULATED, agrees, attributes_of, looked_up, table
from npusim.frontends.torch.emulation.widening import widened
from npusim.numerics.model import Numerics, Overflow, Rounding, Subnormals
from npusim.profiles import Profile

MAX_PLANS = 10_000
"""How many different calls an emulator remembers before it starts anew."""

_IN_TORCH = frozenset({torch.float16, torch.bfloat16})
"""The narrow dtypes that torch's own operators compute on."""

Compute = Callable[[Any, Args, Kwargs], Any]


class Path(StrEnum):
    """How one operator was computed.

    native       as torch does: nothing is rounded, or nothing computed
    float        in float32, rounded once: the chip's result, up to the order of sums
    table        looked up among the results for every value of a float of at most 16 bits: the chip's result
    kernel       by the executor's OpenCL kernels: the chip's result, primitive by primitive
    approximate  as float, though the chip computes or sums in less, because no kernel has the operator
    """

    NATIVE = "native"
    FLOAT = "float"
    TABLE = "table"
    KERNEL = "kernel"
    APPROXIMATE = "approximate"


@dataclass(frozen=True, slots=True)
class Plan:
    """How calls of one operator on tensors of certain dtypes are computed."""

    operator: str
    path: Path
    compute: Compute


class Emulator:
    """Computes torch operators on CPU tensors as the chip of a profile does.

    kernels           True: by the executor's OpenCL kernels wherever it has one, so to the primitive; None: by kernels
                      only where float32 arithmetic, rounded once, would not give the chip's result
    accumulate_block  after how many terms the sum of a matrix product is rounded, where the profile accumulates in less
                      than float32; None: after each, as the kernels do. No profile states it: it is a user's hypothesis

    `paths` counts, for each operator ("aten.add"), how it was computed; see Path.

    How far a result may be from the chip's, as far as its profile knows it: elementwise operators on 16-bit floats are
    equal bit by bit, on float32 within torch's own few units in the last place; sums, products, softmax, norms and
    attention lie in the enclosures that npusim.numerics.bounds and row_bounds compute from their operands, whatever the
    order of the sums; any other operator, a loss or a backward formula, is computed in float32 throughout and rounded
    once. A model amplifies what its operators differ by, so compare outputs by npusim.numerics.measures.sqnr_db and
    never bit by bit: between the float way and the kernels, which differ in nothing but the order of sums, ViT-B of 12
    layers has 39.9 dB in bfloat16 (39.4 dB to float32) and 57.9 dB in float16 (48.1 dB), as
    benchmarks/bench_torch_execute.py measures. That far apart two orders of the chip's own sums may be, too.

    A Python number keeps float32 precision beside a 16-bit tensor, by torch's rule.
    Random operators and dropout draw torch's numbers. Subnormal bfloat16 operands of a product may count as zero, as
    the CPU's own bfloat16 instructions have it. May be used from one thread at a time.
    """

    def __init__(self, profile: Profile, kernels: bool | None = None, accumulate_block: int | None = None) -> None:
        self.numerics: Numerics = profile.numerics
        self.paths: Counter[tuple[str, str]] = Counter()
        self._forced = bool(kernels)
        self._block = accumulate_block
        self._kernels = Kernels(profile, self.numerics)
        self._plans: dict[Any, Plan] = {}

    def compute(self, func: Any, args: Args, kwargs: Kwargs | None = None) -> Any:
        """Return what the operator (a torch.ops overload) gives on the chip, in torch's dtypes, shapes and aliases.

        What the operator writes, in place or to `out`, is written. Raises what torch raises, and ExecutionError if a
        kernel fails. Overflow, NaN and subnormals of the results are as the profile's numerics say.
        """
        kwargs = kwargs or {}
        key = (func, *map(_mark, args), *((name, _mark(value, exact=True)) for name, value in kwargs.items()))
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._plan(func, args, kwargs)
        self.paths[plan.operator, plan.path.value] += 1
        return plan.compute(func, args, kwargs)

    def _plan(self, func: Any, args: Args, kwargs: Kwargs) -> Plan:
        name, operator = base_name(func), func._schema.name.replace("::", ".")
        floats = [one for one in tensors((*args, *kwargs.values())) if one.is_floating_point()]
        if not floats or is_exact(func):
            return Plan(operator, Path.NATIVE, _native)
        operand, kinds = _operand(floats), {one.dtype for one in floats}
        if not self._forced and name in TABULATED and floats[0].dtype in LOW:
            return self._tabulated(operator, name, func, args, kwargs)
        is_single = name in SINGLE and not _is_scaled(kwargs)
        faithful = self._is_float32(operand) or (is_single and self._is_itself(operand))
        if self._block and not faithful and blocked(func, args, kwargs, self._block, self.numerics) is not None:
            return Plan(operator, Path.FLOAT, self._in_blocks)
        if (self._forced or not faithful) and self._kernels.offers(func, args, kwargs):
            return Plan(operator, Path.KERNEL, self._by_kernels(name, func, args, kwargs, kinds))
        own = row_of(operand).name
        rounds = name in PRODUCTS | ATTENTIONS and self.numerics.matmul_dtype(own) != own
        if self._is_ieee(operand) and not rounds and LOW.isdisjoint(kinds):
            return Plan(operator, Path.NATIVE if faithful else Path.APPROXIMATE, _native)
        path = Path.FLOAT if faithful else Path.APPROXIMATE
        return Plan(operator, path, self._in_float32(name, func, args, kwargs, kinds))

    def _in_float32(self, name: str, func: Any, args: Args, kwargs: Kwargs, kinds: set[torch.dtype]) -> Compute:
        """Return the computation in float32, rounded once, that suits the operator and its float dtypes."""
        numerics = self.numerics
        if name in CONVERSIONS:
            return self._converted
        if name in ATTENTIONS:
            return lambda func, args, kwargs: attended(func, args, kwargs, numerics)
        dtypes = result_dtypes(func, args, kwargs)
        if name in ROUNDED_ONCE and len(kinds) == 1 and kinds <= _IN_TORCH:
            if _is_scaled(kwargs):
                return lambda func, args, kwargs: widened(func, *_scaled(args, kwargs), dtypes, numerics)
            return self._settled
        if name in PRODUCTS:
            return lambda func, args, kwargs: contracted(func, args, kwargs, dtypes, numerics)
        return lambda func, args, kwargs: widened(func, args, kwargs, dtypes, numerics)

    def _settled(self, func: Any, args: Args, kwargs: Kwargs) -> Any:
        """Run torch's operator, which computes in float32 and rounds once itself."""
        output = func(*args, **kwargs)
        for one in tensors((output,)) or tensors(written(func, args, kwargs)):
            settled(one, self.numerics)
        return output

    def _in_blocks(self, func: Any, args: Args, kwargs: Kwargs) -> Any:
        """Run a matrix product whose sums are rounded block by block."""
        result = blocked(func, args, kwargs, self._block or 1, self.numerics)
        return delivered(func, args, kwargs, () if result is None else (result,))

    def _converted(self, func: Any, args: Args, kwargs: Kwargs) -> Any:
        """Run a conversion; one to the same dtype moves bits, and may give its argument back."""
        output = func(*args, **kwargs)
        source = args[1] if func._schema.name == "aten::copy_" else args[0]
        return output if output.dtype == source.dtype else settled(output, self.numerics)

    def _tabulated(self, operator: str, base: str, func: Any, args: Args, kwargs: Kwargs) -> Plan:
        """Return a plan by table, or by float arithmetic where that gives the table's every result."""
        dtype, numerics = args[0].dtype, self.numerics
        attributes = attributes_of(base, kwargs)
        results = table(base, attributes, dtype, numerics)
        if "out" not in kwargs:
            wide: Compute = lambda func, args, kwargs: widened(func, args, kwargs, (dtype,), numerics)  # noqa: E731
            for compute in (self._settled, wide):
                if agrees(results, lambda every, by=compute: by(func, (every, *args[1:]), kwargs)):  # type: ignore[misc]
                    return Plan(operator, Path.FLOAT, compute)
        look_up: Compute = lambda func, args, kwargs: delivered(func, args, kwargs, (looked_up(args[0], results),))  # noqa: E731
        return Plan(operator, Path.TABLE, look_up)

    def _by_kernels(self, name: str, func: Any, args: Args, kwargs: Kwargs, kinds: set[torch.dtype]) -> Compute:
        """Return the computation by kernels; what torch returns beside the kernels' results is computed in float32."""
        returns, dtypes = len(func._schema.returns), result_dtypes(func, args, kwargs)
        other = self._in_float32(name, func, args, kwargs, kinds)

        def compute(func: Any, args: Args, kwargs: Kwargs) -> Any:
            results: tuple[Any, ...] = self._kernels.compute(func, args, kwargs, dtypes)
            if returns > len(results):
                results = (*results, *other(func, args, kwargs)[len(results) :])
            return delivered(func, args, kwargs, results)

        return compute

    def _is_float32(self, operand: torch.dtype) -> bool:
        """Whether the chip computes and sums in float32 (float64 in float64) and rounds each operator once."""
        name = row_of(operand).name
        multiplied = self.numerics.matmul_dtype(name)
        held = "float64" if operand == torch.float64 else "float32"
        dtypes = {
            self.numerics.compute_dtype(name),
            self.numerics.accumulate_dtype(name),
            self.numerics.accumulate_dtype(multiplied),
        }
        once = self.numerics.rounding is Rounding.OPERATOR or operand in {torch.float32, torch.float64}
        return dtypes == {held} and once

    def _is_itself(self, operand: torch.dtype) -> bool:
        """Whether elementwise work is done in the operands' own dtype: one operation in float32 rounds to the same."""
        name = row_of(operand).name
        return self.numerics.compute_dtype(name) in {name, "float32"}

    def _is_ieee(self, operand: torch.dtype) -> bool:
        """Whether results of this dtype overflow and underflow as torch's do."""
        flushes = self.numerics.subnormals is Subnormals.FLUSH and operand != torch.float64
        return not flushes and self.numerics.overflow is not Overflow.SATURATE


def _native(func: Any, args: Args, kwargs: Kwargs) -> Any:
    return func(*args, **kwargs)


def _mark(value: Any, *, exact: bool = False) -> Any:
    """Return what a plan depends on of an argument: a tensor's dtype and rank, and a number's type unless `exact`."""
    match value:
        case Tensor():
            return value.dtype, value.dim()
        case list() | tuple():
            return tuple(_mark(one) for one in value) if any(isinstance(one, Tensor) for one in value) else list
        case bool() | str() | torch.dtype() | None:
            return value
        case int() | float() if exact:
            return type(value), value
        case _:
            return type(value)


def _operand(floats: list[Tensor]) -> torch.dtype:
    """Return the dtype that the float tensors meet in; those without dimensions do not count beside others."""
    deciding = [one.dtype for one in floats if one.dim()] or [one.dtype for one in floats]
    return reduce(torch.promote_types, deciding)


def _is_scaled(kwargs: Kwargs) -> bool:
    """Whether add or sub multiplies first; a whole number does so exactly."""
    return isinstance(kwargs.get("alpha"), float)


def _scaled(args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Return add's and sub's arguments with `alpha` multiplied into the second, which float32 rounds by itself."""
    held = args[1].float() if isinstance(args[1], Tensor) else args[1]
    return (args[0], held * kwargs["alpha"]), {**kwargs, "alpha": 1}
