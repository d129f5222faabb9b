"""The 61 kinds of constraint that real accelerators have, and where a shipped profile states each of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from npusim.profiles import available, load
from npusim.profiles.rules import KINDS
from npusim.profiles.rules.expression import Expr
from npusim.profiles.rules.placement import Layout
from npusim.profiles.rules.rows import Rows
from npusim.profiles.rules.shapes import Dim, Numel
from npusim.report import searches
from npusim.report.searches import Example, Search, checks, not_modelled, of, rule, section


@dataclass(frozen=True, slots=True)
class Constraint:
    """One kind of constraint: what it is, the part of the schema that says it, and how to find one in a profile.

    `within` is the profile to look into first; without `search` any rule of the kind `key` is one.
    """

    name: str
    words: str
    key: str
    within: str
    search: Search | None = None

    @property
    def example(self) -> Example | None:
        """The first one that a shipped profile states."""
        return _example(self)


@cache
def _example(constraint: Constraint) -> Example | None:
    search = constraint.search or of(constraint.key)
    names = dict.fromkeys((constraint.within, *available()))
    return next((found for name in names for found in search(load(name))), None)


_C = Constraint
CONSTRAINTS: tuple[Constraint, ...] = (
    # ---- dtypes ----
    _C("allowed dtypes", "a port takes the dtypes of a list; in short `ports`", "dtype", "mlu370"),
    _C("forbidden dtypes", "a port refuses some dtypes", "forbid_dtype", "neuroncore-v2"),
    _C("joint dtypes", "dtypes are taken row by row", "rows", "rk3588", checks(searches.joint_rows)),
    _C("dtypes with schemes", "a row pairs dtype and scheme", "rows", "vip9000", rule(Rows, searches.has_schemes)),
    _C("same dtype", "several ports have one dtype", "same_dtype", "neuroncore-v2"),
    _C("mixable dtypes", "dtypes of one family may be mixed, others not", "mixed_dtypes", "tenstorrent-wormhole"),
    _C("coupled dtypes", "if one port has such a dtype, so has the other", "coupled_dtypes", "neuroncore-v2"),
    _C("dtypes that exclude each other", "two formats may not meet in a call", "forbid_mix", "neuroncore-v4"),
    _C("dtype by dtype", "it depends on another port's", "when", "neuroncore-v2", checks(searches.dtype_by_dtype)),
    _C("dtype by mode", "it depends on an attribute", "when", "neuroncore-v3", checks(searches.dtype_by_attribute)),
    _C("dtype class", "any integer, or any float, whichever", "dtype_class", "neuroncore-v2"),
    _C("type variable", "several ports share one dtype of a list", "type_variable", "rk3588"),
    _C("item size", "any dtype of a width", "dtype_bits", "neuroncore-v2"),
    _C("extension", "rows that need a feature", "requires", "tosa-1.1", rule(Rows, searches.has_locked_rows)),
    _C("derived dtype", "an output's dtype follows from an input's", "derived_dtype", "tenstorrent-wormhole"),
    _C("block formats", "elements share a scale in blocks along an axis", "block_scaled", "neuroncore-v4"),
    _C("output-only dtype", "operators make it, no constant has it", "output_only", "tenstorrent-wormhole"),
    # ---- quantisation ----
    _C("granularity", "scales per tensor, per channel or per group", "granularity", "ethos-u55"),
    _C("channel axis", "the axis along which the scales lie", "channel_axis", "hexagon-htp"),
    _C("equal quantisation", "several ports have one scale and zero point", "same_quant", "ethos-u55"),
    _C("zero point", "its range, by dtype", "zero_point", "ethos-u85"),
    _C("scales needed", "integer operands carry positive scales", "quantised", "ethos-u55"),
    _C("group size", "how many elements share a scale", "group_size", "hexagon-htp"),
    # ---- rank, shape, size ----
    _C("rank", "how many dimensions a port has", "rank", "telum-z16"),
    _C("joint ranks", "ranks are taken row by row", "rank_rows", "telum-z17"),
    _C("leading ones", "only the innermost dimensions may exceed one", "leading_ones", "edgetpu"),
    _C("size of an axis", "a range for each axis", "dim", "telum-z17"),
    _C("product of sizes", "a bound on some axes together", "numel", "rk3588", rule(Numel, searches.on_some_axes)),
    _C(
        "computed product",
        "a bound on a product of any parts",
        "expr",
        "neutron-n3",
        rule(Expr, searches.computed_product),
    ),
    _C("multiple", "a size is a multiple of a number", "multiple_of", "neuroncore-v2"),
    _C("alignment by dtype", "a size is a multiple that depends on the dtype", "alignment", "rk3588"),
    _C("tile shapes", "the MxKxN tiles that the unit has, by dtype", "tile_shapes", "amd-xdna"),
    _C("equal shapes", "nothing is broadcast", "same_shape", "telum-z16"),
    _C("broadcast patterns", "only some ways of broadcasting", "broadcast_pattern", "rk3588"),
    _C("equal numbers of elements", "whatever the shapes", "same_numel", "neuroncore-v2"),
    _C("fixed output size", "whatever the input's", "numel", "neuroncore-v2", checks(searches.fixed_output)),
    _C("batch of one", "the outermost size is 1", "dim", "ethos-u55", rule(Dim, searches.batch_of_one)),
    _C("static shape", "sizes are fixed when the program is built", "static", "ethos-u55"),
    _C("limit with a name", "a level says which number it is", "limits", "tosa-1.1", section("limits")),
    # ---- attributes and values ----
    _C("attribute", "the values that it may have", "attribute", "rk3588"),
    _C("related attributes", "one bounds another", "expr", "edgetpu", rule(Expr, searches.related_attributes)),
    _C("attribute left out", "a variant of the operator that is not there", "attribute_absent", "telum-z16"),
    _C("axis", "the axes along which it may work", "axis", "edgetpu"),
    _C("permutations", "only some, with sizes and dtypes of their own", "permutation", "rk3588"),
    _C("value of an operand", "its numbers are some of a few", "value", "rk3588"),
    _C("constant only", "an operand is known when the program is built", "constant", "neutron-n3"),
    _C("content of a constant", "bounds on the numbers in it", "content", "ethos-u55"),
    _C("numeric domain", "outside it the result is wrong, and nothing says so", "domain", "neuroncore-v2"),
    _C("conditional bound", "it holds only in some calls", "when", "rk3588", checks(searches.conditional_bound)),
    _C("arity", "how many operands a variadic port takes", "arity", "telum-z16"),
    _C("fused activation", "what may be fused into it", "not_modelled", "edgetpu", checks(searches.fusion)),
    # ---- placement, memory, context ----
    _C("layout by dtype", "how elements lie", "layout", "tenstorrent-wormhole", rule(Layout, searches.by_dtype)),
    _C("memory of a port", "where an operand lies", "memory", "neuroncore-v2"),
    _C("engine", "each unit has limits of its own", "engine", "neuroncore-v2"),
    _C("joint memories", "memories are taken row by row", "memory_rows", "tenstorrent-wormhole"),
    _C("generation", "a newer chip has what an older one lacks", "if", "telum-z17", searches.gated),
    _C("graph", "it depends on the neighbours", "not_modelled", "neutron-n3", not_modelled("graph_context")),
    _C("capacity", "all together must fit a memory", "not_modelled", "edgetpu", not_modelled("capacity")),
    _C("state", "it depends on what ran before", "not_modelled", "neuroncore-v2", not_modelled("state")),
    _C("run-time data", "only the run knows it", "not_modelled", "neuroncore-v2", not_modelled("runtime_data")),
    _C("launch", "sizes of work-groups and memories", "opencl", "opencl-nvidia-rtx", section("opencl")),
)
"""Every kind, numbered from 1 in this order."""


def missing() -> Iterator[tuple[int, Constraint]]:
    """Yield the kinds that no shipped profile states, by their numbers."""
    yield from ((number, row) for number, row in enumerate(CONSTRAINTS, 1) if row.example is None)


def constraint_reference() -> Iterator[str]:
    """Yield the lines of the page on the kinds of constraint."""
    yield f"The {len(CONSTRAINTS)} kinds of constraint that the documents of real accelerators state, the part of a"
    yield "profile that says each, and one place where a shipped profile does, as it is loaded; `...` stands for more."
    yield from ("", "| | kind | what it is | said by | for example |", "|---|---|---|---|---|")
    for number, row in enumerate(CONSTRAINTS, 1):
        found = row.example
        example = f"[{found}](chips/{found.profile}.md): `` {found.yaml} ``" if found else "none yet"
        example = example.replace("|", "\\|")
        yield f"| {number} | {row.name} | {row.words} | {_said_by(row.key)} | {example} |"


def _said_by(key: str) -> str:
    return f"`{key}`, [{KINDS[key].code}](rules.md)" if key in KINDS else f"`{key}`"
