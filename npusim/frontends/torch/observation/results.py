"""What observation hands back: trouble with the range of a format, and accuracy against a wider one."""

from dataclasses import dataclass
from enum import StrEnum

from npusim.call import Site


class Kind(StrEnum):
    """What was seen in a result, the gravest first.

    overflow    an infinity where the true value is finite
    nan         a NaN though no operand has one
    saturation  the largest finite value where the true value is beyond it
    lost        a finite result that has nothing to do with the true value: something inside a fused operator left its
                range, as the square inside a normalisation does
    infinity    an infinity, and rightly so: the true value is infinite or beyond float64
    flushed     zeros where the true value is not zero
    input       an operand, made by no operator that was observed, is infinite or NaN
    mask        -inf that is meant: given as such, or the sum of a score and the lowest value of the format
    """

    OVERFLOW = "overflow"
    NAN = "nan"
    SATURATION = "saturation"
    LOST = "lost"
    INFINITY = "infinity"
    FLUSHED = "flushed"
    INPUT = "input"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class Observation:
    """One kind of trouble at one place; of several calls there, the numbers are those of the worst.

    operator    the torch overload, such as aten.pow.Tensor_Scalar
    dtype       canonical name of the result's dtype (kind `input`: of the operand's)
    limit       the largest finite value of that dtype; None where the limit plays no part
    true_value  the number whose true value is farthest beyond the limit, computed in float64 from the actual operands;
                None where there is none (the true value is NaN, or was not to be had)
    input_max   the largest finite magnitude among the operands; None if no operand has a finite number
    count       the elements concerned in that call, of `elements`
    calls       how many calls of this operator at this place showed it
    detail      what true_value is when it is not the result itself, or what else is known
    """

    kind: Kind
    operator: str
    site: Site
    dtype: str
    limit: float | None
    true_value: float | None
    input_max: float | None
    count: int
    elements: int
    calls: int = 1
    detail: str = ""

    @property
    def fraction(self) -> float:
        """The share of the elements that is concerned."""
        return self.count / self.elements


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far results of one operator at one place, or all results within one module, are from the truth.

    accumulated: against the model computed in the wide dtype from its beginning; local: against this operator alone
    computed in the wide dtype on the operands it really had, so it says who adds the error.

    operator              the torch overload; empty for a module
    dtype                 canonical name of the results' dtype; empty for a module
    sqnr_db_*             10 log10(sum truth^2 / sum (result - truth)^2) over all calls; inf for exact results, -inf
                          where the truth is all zero and the result is not. Elements where either is not finite are
                          left out and counted in `nonfinite` unless both are the same; NaN if no element is left or
                          the results are integers
    max_ulp_*             the most representable values between a result and the truth rounded to the result's dtype,
                          as npusim.numerics.ulp.ulp_distance counts; much inflated near zero; 0 for integers
    mismatch_*            for integer and bool results the fraction that differs; 0 for floats. The shadow goes on with
                          the indices that were really computed, or nothing behind them could be compared
    flushed               the fraction that is zero where the local truth is not
    nonfinite             the elements that are finite in one of result and accumulated truth only, or differ in kind
    elements              how many were measured, over all calls: a sample of large results unless all were asked for
    """

    operator: str
    site: Site
    dtype: str
    sqnr_db_accumulated: float
    sqnr_db_local: float
    max_ulp_accumulated: int
    max_ulp_local: int
    mismatch_accumulated: float
    mismatch_local: float
    flushed: float
    nonfinite: int
    elements: int
    calls: int

    @property
    def module(self) -> str:
        """The path of the module, as `model.visual.blocks.3.attn`."""
        return self.site.module
