"""What numbers a probe feeds to learn how a chip computes, and how the numbers that come back are read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.call import Call, Operand, TensorType
from npusim.dtypes import DTYPES
from npusim.numerics.model import Numerics, Rounding
from npusim.numerics.reference import elementwise
from npusim.operators import OPERATORS, bind
from npusim.probe.cases import Case, Runs

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Format:
    """A float format as the probes see it: bits of precision, exponents of the smallest and largest normal value."""

    precision: int
    least: int
    most: int

    @property
    def largest(self) -> float:
        """The largest finite value."""
        return float(np.ldexp(2 - 2.0 ** (1 - self.precision), self.most))


FORMATS: Mapping[str, Format] = MappingProxyType(
    {"float16": Format(11, -14, 15), "bfloat16": Format(8, -126, 127), "float32": Format(24, -126, 127)}
)
"""The dtypes whose arithmetic is probed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What numbers say of one field: the operator and dtype that were tried, and the values that fit what was seen.

    Of several values that look the same the likeliest comes first. `seen` puts what was seen into words.
    """

    field: str
    dtype: str
    operator: str
    values: tuple[str, ...]
    seen: str


Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Question:
    """One call with numbers, and how its result is read; the result has the shape that the call says."""

    topic: str
    dtype: str
    operator: str
    operands: Mapping[str, tuple[tuple[int, ...], Runs]]
    read: Callable[[Array], Findings]
    attributes: Mapping[str, Any]

    @property
    def case(self) -> Case:
        """The case that asks it."""
        return Case(
            f"{self.operator}/numbers/{self.topic}.{self.dtype}",
            self._call,
            MappingProxyType({port: runs for port, (_, runs) in self.operands.items()}),
        )

    @property
    def _call(self) -> Call:
        row = DTYPES[self.dtype]
        operands = {port: Operand(TensorType(row, shape)) for port, (shape, _) in self.operands.items()}
        return bind(OPERATORS[self.operator], (), {**operands, **self.attributes})


@cache
def questions() -> Mapping[str, Question]:
    """Return every question by the id of its case."""
    makers = (_products, _sums, _chains, _ties, _tiny, _tiny_products, _huge, _huge_products, _not_a_number)
    found = [question for name in FORMATS for make in makers for question in make(name)]
    return MappingProxyType({question.case.id: question for question in found})


def _question(
    read: Callable[..., Findings],
    topic: str,
    name: str,
    operator: str,
    operands: Mapping[str, tuple[tuple[int, ...], Runs]],
    **attributes: Any,
) -> Question:
    return Question(topic, name, operator, operands, partial(read, name, operator), attributes)


def _vector(values: Sequence[float]) -> tuple[tuple[int, ...], Runs]:
    return (len(values),), tuple((float(value), 1) for value in values)


def _matrix(rows: Sequence[Runs], height: int, width: int) -> tuple[tuple[int, ...], Runs]:
    """Rows that are filled up with zeros, and so is the matrix."""
    filled = [(*row, (0.0, width - sum(count for _, count in row))) for row in rows]
    runs = [*chain.from_iterable(filled), (0.0, (height - len(rows)) * width)]
    return (height, width), tuple(run for run in runs if run[1])


# Sums. A row holds a large number, far from it a small one, and at the end the large one's negative: what is left is
# the small one if the sum so far had room for both, else nothing. 2**15 and 2**-14 are normal values of every format.

_WIDTH, _BIG = 64, 15
_STEPS = range(1, 30)


def _ladder() -> list[Runs]:
    """Small numbers from 1 to 29 powers of two below the large one, then a row whose sum passes 2**16."""
    big = 2.0**_BIG
    steps = [((big, 1), (0.0, 31), (2.0 ** (_BIG - step), 1), (0.0, 30), (-big, 1)) for step in _STEPS]
    return [*steps, ((big, 4), (-big, 4), (1.0, 1))]


def _accumulators(left: Array) -> tuple[str, ...]:
    """The dtypes in which the ladder's rows can have been summed, given what is left of them."""
    kept = [bool(left[i] == 2.0 ** (_BIG - step)) for i, step in enumerate(_STEPS)]
    if all(kept):
        return ("float64",)
    precision = kept.index(False) + 1
    if any(kept[precision:]) or precision == 1:
        return ()
    return _named(precision, is_wide=bool(left[len(_STEPS)] == 1)) or (f"{precision} bits",)


_PRECISIONS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {8: ("bfloat16", "bfloat16"), 11: ("float16", "tfloat32"), 24: ("float32", "float32")}
)
"""Bits of precision -> the format of that many, of float16's range and of float32's."""


def _named(precision: int, *, is_wide: bool) -> tuple[str, ...]:
    """The format of so many bits; sums of pairs keep one more, where a difference has a smaller exponent."""
    found = _PRECISIONS.get(precision) or _PRECISIONS.get(precision - 1)
    return (found[is_wide],) if found else ()


_LONGEST: Mapping[str, int] = MappingProxyType({"float16": 2048, "bfloat16": 256, "float32": 8192})
"""How long a row may be whose count of ones is to come out exactly."""


def _sums(name: str) -> Iterator[Question]:
    ladder = _matrix(_ladder(), 32, _WIDTH)
    yield _question(_read_sums, "accumulate", name, "sum", {"self": ladder}, dim=(1,))
    length, rows = _LONGEST[name], _halves(name)
    yield _question(_read_blocks, "blocks", name, "sum", {"self": _matrix(rows, 16, length)}, dim=(1,))
    ones = ((length, 16), ((1.0, length * 16),))
    yield _question(_read_blocks, "blocks", name, "matmul", {"self": _matrix(rows, 16, length), "mat2": ones})


def _read_sums(name: str, operator: str, result: Array) -> Findings:
    found = _accumulators(result)
    if found:
        yield Finding("accumulate", name, operator, found, "a small number beside a large one, in sums of 64")


def _lengths(name: str) -> list[int]:
    """For every precision how many numbers a row has: so few that their sum needs no more bits."""
    return [min(_LONGEST[name], 2**bits) for bits in _PRECISIONS]


def _halves(name: str) -> list[Runs]:
    """For every precision a row of a large number, many that are half its last bit, and its negative."""
    ends = [(2.0 ** (12 - bits), length) for bits, length in zip(_PRECISIONS, _lengths(name), strict=True)]
    return [((2.0**12, 1), (half, length - 2), (-(2.0**12), 1)) for half, length in ends]


def _read_blocks(name: str, operator: str, result: Array) -> Findings:
    """Halves vanish where they meet the large number one by one, and count where they first meet one another."""
    sums = result if result.ndim == 1 else result[:, 0]
    for row, (bits, length) in enumerate(zip(_PRECISIONS, _lengths(name), strict=True)):
        lost = length - 2 - sums[row] / 2.0 ** (12 - bits)
        if lost == 0:
            continue
        if lost == int(lost) and 0 < lost <= length - 2:
            met = length if lost == length - 2 else int(lost) + 1
            value = f"all of {length} numbers in one" if met == length else f"{met} of {length} numbers in each"
            yield Finding("partial_sums", name, operator, (value,), f"{int(lost)} halves of a last bit were lost")
        return


# Products: as sums, against ones, with rows below that tell how a matmul rounds its operands.


def _products(name: str) -> Iterator[Question]:
    bits = range(1, FORMATS[name].precision)
    operands: list[Runs] = [((1 + 2.0**-bit, 1),) for bit in bits]
    reach = _reach(name)
    rows = [*_ladder(), *[()] * (32 - len(_ladder())), ((2.0**reach, 1),), *operands]
    factors: Runs = ((1.0, 1), (2.0**-reach, 1), (0.0, 14), *(((1.0, 1), (0.0, 15)) * (_WIDTH - 1)))
    matrices = {"self": _matrix(rows, 64, _WIDTH), "mat2": ((_WIDTH, 16), factors)}
    yield _question(_read_products, "accumulate", name, "matmul", matrices)


def _reach(name: str) -> int:
    """An exponent that float16 has no room for, where the format itself has."""
    return 40 if FORMATS[name].most > 40 else 10


def _read_products(name: str, operator: str, result: Array) -> Findings:
    accumulators = _accumulators(result[:, 0])
    if accumulators:
        yield Finding("accumulate", name, operator, accumulators, "a small product beside a large one, in sums of 64")
    own = FORMATS[name].precision
    kept = [bool(result[33 + i, 0] == 1 + 2.0**-bit) for i, bit in enumerate(range(1, own))]
    precision = kept.index(False) + 1 if False in kept else own
    is_wide = bool(result[32, 1] == 1)
    seen = f"{precision} bits of an operand came through" + ("" if is_wide else f", 2^{_reach(name)} did not")
    found = _roundings(name, precision, accumulators, is_wide=is_wide)
    if found and not any(kept[precision:]):
        yield Finding("matmul", name, operator, found, seen)


def _roundings(name: str, precision: int, accumulators: tuple[str, ...], *, is_wide: bool) -> tuple[str, ...]:
    """The dtypes to which operands can have been rounded; sums of so few bits leave it open whether they were."""
    if precision == FORMATS[name].precision:
        return (name,) if is_wide else ("float16",)
    found = _PRECISIONS.get(precision)
    exact = (found[is_wide],) if found else (f"{precision} bits",)
    return (name, *exact) if is_wide and accumulators in (exact, found and found[:1]) else exact


# Chains of primitives: computed by the literal reference under every hypothesis, and compared.

_HYPOTHESES = tuple(
    (compute, rounding) for compute in ("float32", "float64", "float16", "bfloat16") for rounding in Rounding
)
_COUNT, _SEED = 96, 7
_FITS = 0.98
_CHAINS: Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]] = MappingProxyType(
    {
        "add": (("self", "other"), {"alpha": 0.7}),
        "rsqrt": (("self",), {}),
        "sigmoid": (("self",), {}),
        "silu": (("self",), {}),
    }
)
"""Operators of several primitives: their ports and attributes."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """What was fed to an operator of several primitives."""

    operator: str
    dtype: str
    inputs: tuple[NDArray[Any], ...]

    def fit(self, hypothesis: tuple[str, str], result: Array) -> float:
        """The share of results that are what a hypothesis says."""
        compute, rounding = hypothesis
        numerics = Numerics(compute=MappingProxyType({self.dtype: compute}), rounding=Rounding(rounding))
        attributes = _CHAINS[self.operator][1]
        expected = elementwise(self.operator, self.inputs, attributes, self.dtype, numerics).astype(np.float64)
        return float(np.mean(expected == result))


def _chains(name: str) -> Iterator[Question]:
    for operator, (ports, attributes) in _CHAINS.items():
        low = 0.1 if operator == "rsqrt" else -4.0
        generator = np.random.default_rng(_SEED)
        inputs = tuple(_stored(generator.uniform(low, 4.0, _COUNT), name) for _ in ports)
        vectors = [_vector([float(value) for value in values]) for values in inputs]
        read = partial(_read_chain, _Chain(operator, name, inputs))
        yield _question(read, "compute", name, operator, dict(zip(ports, vectors, strict=True)), **attributes)


def _stored(values: Any, name: str) -> NDArray[Any]:
    return np.asarray(values).astype(DTYPES[name].storage)


def _read_chain(chain: _Chain, name: str, operator: str, result: Array) -> Findings:
    fits = {one: chain.fit(one, result) for one in _hypotheses(name)}
    best = max(fits.values())
    if best < _FITS:
        return
    left = [one for one, fit in fits.items() if fit == best]
    computes, roundings = (tuple(dict.fromkeys(one[i] for one in left)) for i in (0, 1))
    seen = f"{best:.0%} of {_COUNT} results"
    yield Finding("compute", name, operator, computes, seen)
    if len(roundings) == 1:
        yield Finding("rounding", name, operator, roundings, seen)


def _hypotheses(name: str) -> list[tuple[str, str]]:
    """All hypotheses, those that compute in the dtype itself first: it explains the most with the least."""
    return sorted(((c, r.value) for c, r in _HYPOTHESES), key=lambda one: one[0] != name)


# Single values.


def _ties(name: str) -> Iterator[Question]:
    ulp = 2.0 ** (1 - FORMATS[name].precision)
    first, second = [1, 1 + ulp, 1, 1 + ulp, -1, -1 - ulp], [ulp / 2, ulp / 2, ulp * 3 / 4, 0, -ulp / 2, -ulp / 2]
    yield _question(_read_ties, "ties", name, "add", {"self": _vector(first), "other": _vector(second)})


_TIES: Mapping[tuple[float, ...], str] = MappingProxyType(
    {
        (0, 2, 1, 0, -2): "nearest_even",
        (1, 2, 1, -1, -2): "nearest_away",
        (0, 1, 0, 0, -1): "toward_zero",
        (1, 2, 1, 0, -1): "upward",
        (0, 1, 0, -1, -2): "downward",
    }
)
"""By how many last bits five sums, the fourth and fifth negative, exceed 1 in magnitude -> how they were rounded."""


def _read_ties(name: str, operator: str, result: Array) -> Findings:
    ulp = 2.0 ** (1 - FORMATS[name].precision)
    if result[3] != 1 + ulp:  # the operands themselves were rounded
        return
    pattern = tuple((np.concatenate([result[:3] - 1, result[4:] + 1]) / ulp).tolist())
    found = _TIES.get(pattern, f"other: {', '.join(map(str, pattern))}")
    yield Finding("ties", name, operator, (found,), "sums half way between two values")


def _tiny(name: str) -> Iterator[Question]:
    """Results below the smallest normal value, operands below it, and a result just above it as a control."""
    least = FORMATS[name].least
    half = least // 2
    first = [2.0**half, -(2.0**half), 2.0 ** (least - 2), 2.0**half]
    second = [2.0 ** (least - half - 2), 2.0 ** (least - half - 2), 2.0**4, 2.0 ** (least - half)]
    yield _question(_read_tiny, "subnormals", name, "mul", {"self": _vector(first), "other": _vector(second)})


def _tiny_products(name: str) -> Iterator[Question]:
    least = FORMATS[name].least
    half = least // 2
    rows: list[Runs] = [((value, 1),) for value in (2.0**half, -(2.0**half), 2.0 ** (least - 2), 2.0**half)]
    factors: Runs = ((2.0 ** (least - half - 2), 1), (2.0**4, 1), (2.0 ** (least - half), 1), (0.0, 13 + 15 * 16))
    matrices = {"self": _matrix(rows, 16, 16), "mat2": ((16, 16), factors)}
    yield _question(_read_tiny_products, "subnormals", name, "matmul", matrices)


def _read_tiny_products(name: str, operator: str, result: Array) -> Findings:
    yield from _read_tiny(name, operator, np.array([result[0, 0], result[1, 0], result[2, 1], result[3, 2]]))


def _read_tiny(name: str, operator: str, result: Array) -> Findings:
    least = FORMATS[name].least
    if result[3] != 2.0**least:
        return
    outputs = _tiny_word(result[:2], [2.0 ** (least - 2), -(2.0 ** (least - 2))])
    yield Finding("subnormals", name, operator, (outputs,), f"2^{least - 2} came out as {result[0]:g}")
    inputs = _tiny_word(result[2:3], [2.0 ** (least + 2)])
    yield Finding("subnormal_operands", name, operator, (inputs,), f"2^{least - 2} * 2^4 is {result[2]:g}")


def _tiny_word(found: Array, exact: Sequence[float]) -> str:
    if np.array_equal(found, exact):
        return "keep"
    return "other" if np.any(found) else "flush"


def _huge(name: str) -> Iterator[Question]:
    largest = FORMATS[name].largest
    operands = {"self": _vector([largest, -largest, largest]), "other": _vector([2.0, 2.0, 1.0])}
    yield _question(_read_huge, "overflow", name, "mul", operands)


def _huge_products(name: str) -> Iterator[Question]:
    largest = FORMATS[name].largest
    rows: list[Runs] = [((largest, 2),), ((-largest, 2),), ((largest, 1),)]
    matrices = {"self": _matrix(rows, 16, 16), "mat2": ((16, 16), ((1.0, 256),))}
    yield _question(_read_huge_products, "overflow", name, "matmul", matrices)


def _read_huge_products(name: str, operator: str, result: Array) -> Findings:
    yield from _read_huge(name, operator, result[:3, 0])


def _read_huge(name: str, operator: str, result: Array) -> Findings:
    largest = FORMATS[name].largest
    if result[2] != largest:
        return
    words = {(np.inf, -np.inf): "inf_nan", (largest, -largest): "saturate"}
    found = words.get((float(result[0]), float(result[1])), "other")
    yield Finding("overflow", name, operator, (found,), f"twice the largest value is {result[0]:g}")


def _not_a_number(name: str) -> Iterator[Question]:
    operands = {"self": _vector([0.0, -0.0]), "other": _vector([0.0, 0.0])}
    yield _question(_read_not_a_number, "overflow", name, "div", operands)


def _read_not_a_number(name: str, operator: str, result: Array) -> Findings:
    found = "inf_nan" if np.all(np.isnan(result)) else "saturate" if not np.any(result) else "other"
    yield Finding("overflow", name, operator, (found,), f"0 / 0 is {result[0]:g}")
