"""The keys of a profile, version 1: one table a section, read by the builder and printed by the reference page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DType, dtype
from npusim.errors import UnknownDtypeError
from npusim.numerics.model import Numerics, Overflow, Rounding, Subnormals
from npusim.profiles.dialects import COMMON_FIELDS, SPELLINGS, WRAPPING_FIELDS, Dialect, fields_of
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.model import OpenCLLimits, Stack
from npusim.profiles.rules import KINDS
from npusim.profiles.values import read_dtype
from npusim.profiles.words import Enforcement, Placement

UNKNOWN = "unknown"
"""What a profile writes where nobody has published a fact; legal for every value but names, such as an id."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section: how its value is read, what it means, and an example of it."""

    name: str
    read: Callable[[Node], Any]
    doc: str
    example: str
    required: bool = False


Keys = tuple[Key, ...]


def read_keys(node: Node, keys: Keys, what: str) -> dict[str, Any]:
    """Return the values of a section's keys that are there and not `unknown`, which a required one may not be.

    Fails at an unknown key, with the nearest, and at a section that lacks a required one.
    """
    known = {key.name: key for key in keys}
    found = {}
    for name, value in node.mapping(what).items():
        if name not in known:
            value.fail_at_key(f"unknown key {name!r} in {what}{did_you_mean(name, list(known))}")
        if value.value != UNKNOWN or known[name].required:
            found[name] = known[name].read(value)
    missing = [key.name for key in keys if key.required and key.name not in node.mapping(what)]
    if missing:
        node.fail(f"{what} lacks {', '.join(missing)}")
    return found


def text(node: Node) -> str:
    """A string."""
    return node.text()


def texts(node: Node) -> tuple[str, ...]:
    """One string or several."""
    return tuple(item.text() for item in node.many())


def _any(node: Node) -> Node:
    return node


def _choice(names: type[StrEnum]) -> Callable[[Node], Any]:
    return lambda node: names(node.choice([member.value for member in names], names.__name__.lower()))


def _placement(node: Node) -> Placement:
    places = (Placement.DEVICE, Placement.HOST, Placement.METADATA)
    return Placement(node.choice([place.value for place in places], "placement"))


def _dtype_map(node: Node) -> Mapping[str, str]:
    return MappingProxyType({key.name: value.name for key, value in read_narrowing(node).items()})


def read_narrowing(node: Node) -> Mapping[DType, DType]:
    """A mapping from dtypes to dtypes."""
    entries = node.mapping("a mapping from dtypes to dtypes, such as {bfloat16: float32}")
    return MappingProxyType({read_dtype(Node(key, value.mark)): read_dtype(value) for key, value in entries.items()})


def _integer(node: Node) -> int:
    return node.integer()


def _integers(node: Node) -> tuple[int, ...]:
    return tuple(item.integer() for item in node.many())


def read_source(node: Node) -> str:
    """A repository and path, or any text that leads a reader to the fact."""
    if isinstance(node.value, str):
        return node.value
    found = read_keys(node, SOURCE, "a source")
    return " ".join(found[key.name] for key in SOURCE if key.name in found)


SOURCE: Keys = (
    Key("repo", text, "the repository", "hicann/ops-math", required=True),
    Key("path", text, "the file in it, with a line if that helps", "math/add/op_api/aclnn_add.cpp:266", required=True),
)

STACK: Keys = (
    Key("name", text, "the software stack", "CANN", required=True),
    Key("version", text, "its version, in quotes; it chooses the dialect", '"8.1.RC1"', required=True),
    Key("frontend", text, "the framework plug-in through which calls come", "torch_npu"),
)

NUMERICS: Keys = (
    Key("compute", _dtype_map, "dtype of storage -> dtype of elementwise work", "{bfloat16: float32}"),
    Key("rounding", _choice(Rounding), "round to storage once per operator, or after every primitive", "operator"),
    Key("accumulate", _dtype_map, "dtype of operands -> dtype in which sums are carried", "{float16: float32}"),
    Key("matmul", _dtype_map, "dtype of operands -> dtype to which matmul rounds them first", "{float32: float16}"),
    Key("subnormals", _choice(Subnormals), "keep them, or flush them to zero", "keep"),
    Key("overflow", _choice(Overflow), "inf_nan (IEEE) or saturate (inf -> max, nan -> 0)", "saturate"),
    Key("source", read_source, "who says so", "{repo: ..., path: ...}"),
)

OPENCL: Keys = (
    Key("max_work_group_size", _integer, "work-items in a group", "256"),
    Key("max_work_item_sizes", _integers, "work-items along each dimension of a group", "[256, 256, 64]"),
    Key("local_mem_size_bytes", _integer, "local memory of a group", "32768"),
    Key("sub_group_sizes", _integers, "widths of a sub-group (warp, wave)", "[32]"),
    Key("preferred_work_group_size_multiple", _integer, "work-items of which groups are best made", "32"),
    Key("max_constant_buffer_size_bytes", _integer, "constant memory of a kernel", "65536"),
    Key("max_parameter_size_bytes", _integer, "arguments of a kernel", "4352"),
    Key("half_fp_config", texts, "what half arithmetic can do: denorm, inf_nan, round_to_nearest, fma, ...", "[]"),
    Key("single_fp_config", texts, "what float arithmetic can do", "[denorm, inf_nan, round_to_nearest, fma]"),
    Key("double_fp_config", texts, "what double arithmetic can do", "[denorm, inf_nan, round_to_nearest, fma]"),
    Key("extensions", texts, "extensions that the driver exposes", "[cl_khr_fp16]"),
    Key("lacks_extensions", texts, "extensions that it is known not to expose", "[cl_khr_fp16]"),
)


def _sentences(node: Node) -> Mapping[str, str]:
    known = {key: kind.fields for kind in KINDS.values() for key in kind.sentences}
    found = {}
    for key, value in node.mapping("a mapping from rule kinds to sentences").items():
        if key not in known:
            value.fail_at_key(f"unknown sentence {key!r}{did_you_mean(key, sorted(known))}")
        found[key] = check_sentence(value, value.text("a sentence"), known[key])
    return MappingProxyType(found)


def _spelling(node: Node) -> str | Mapping[str, str]:
    if not isinstance(node.value, dict):
        return node.choice(SPELLINGS, "spelling")
    entries = node.mapping().items()
    return MappingProxyType({_spelled_name(name): value.text("a spelling") for name, value in entries})


def _spelled_name(name: str) -> str:
    """The name under which a spelling is looked up: a dtype's own, or that of a feature."""
    try:
        return dtype(name).name
    except UnknownDtypeError:
        return name


def _wrappings(node: Node) -> Mapping[str, str]:
    entries = node.mapping("a mapping from the first digits of a status to wrappings").items()
    for digits, value in entries:
        if not digits.isdecimal():
            value.fail_at_key(f"expected the first digits of a status, in quotes, found {digits!r}")
    return MappingProxyType({digits: _wrapping(value) for digits, value in entries})


def _wrapping(node: Node) -> str:
    template = node.text("a wrapping")
    if "sentence" not in fields_of(template):
        node.fail("a wrapping holds {sentence}")
    return _check_fields(node, template, WRAPPING_FIELDS, "a wrapping")


DIALECT: Keys = (
    Key("until", text, "the last stack version that speaks so; leave out for all later ones", '"8.1.RC1"'),
    Key("spelling", _spelling, "how dtypes and features are printed: cann, or a mapping", "{int8: Int8}"),
    Key("opening", text, "what opens a list", '"["'),
    Key("separator", text, "what stands between the items of a list", '","'),
    Key("closing", text, "what closes a list", '",]"'),
    Key(
        "sentences", _sentences, "rule kind -> sentence with {fields}", '{dtype: "{name} not implemented for {found}"}'
    ),
    Key("wrapping", _wrapping, "what the framework prints around a sentence", '"call {api} failed, detail:{sentence}"'),
    Key("returns", _integer, "the status that the vendor's function returns where a rule does not say", "161002"),
    Key(
        "wrappings",
        _wrappings,
        "the first digits of a status -> what the framework prints instead where it was returned",
        """{"5": "call {api} failed, error code is {returned}: {sentence}"}""",
    ),
)

PROFILE: Keys = (
    Key("npusim", _integer, "the version of this schema", "1", required=True),
    Key("id", text, "the profile's id: the name of its file without .yaml", "ascend310p"),
    Key("family", text, "instead of id: only a base that others extend", "ascend"),
    Key(
        "extends",
        texts,
        "the profiles that this one is laid over, a later one over an earlier: mappings merge, the rest replaces",
        "ascend",
    ),
    Key("name", text, "the product's name", "Huawei Ascend 310P"),
    Key("soc", text, "the name by which the stack's messages call the chip", "ASCEND310P"),
    Key("stack", _any, "the software stack", '{name: CANN, version: "8.1.RC1"}'),
    Key("features", _any, "flags that gate parts of a profile: `bfloat16 if bf16`, `unless: bf16`", "{bf16: false}"),
    Key("limits", _any, "names for numbers, usable in ranges (`..MAX_RANK`) and in `expr`", "{MAX_RANK: 6}"),
    Key("frontends", _any, "front end -> what is different through it; the first is the default", "{tflite: {...}}"),
    Key("enforcement", _choice(Enforcement), "what the stack does on a rejection: error, fallback or narrow", "error"),
    Key("narrows", read_narrowing, "with `narrow`: dtype -> dtype to which it is silently converted", "{int64: int32}"),
    Key("numerics", _any, "how the chip computes", "{overflow: saturate}"),
    Key("dialects", _any, "how the stack speaks, oldest first", "[...]"),
    Key("opencl", _any, "what the chip allows an OpenCL kernel", "{max_work_group_size: 256}"),
    Key("rules", _any, "rules for every operator, or for some with `only` or `except`", "[{static: {inputs: all}}]"),
    Key(
        "unlisted",
        _any,
        "the rule for operators without an entry, if the list is known to be whole; else they are unknown",
        "{not_offered: not in the list of operators}",
    ),
    Key("settled_by", text, "what would settle that which is unknown", '"the operator list of the SDK"'),
    Key("operators", _any, "what the chip says to each operator", "{add: {...}}"),
)

OPERATOR: Keys = (
    Key(
        "signature",
        text,
        "the ports and attributes of an operator that only this chip has",
        "\"nc_transpose(data; engine: str = 'tensor') -> dst\"",
    ),
    Key("same_as", text, "another operator of the profile, over whose entry this one is laid", "conv2d"),
    Key("api", text, "the vendor's name of the operator, as messages print it", "aclnnAdd"),
    Key("aliases", texts, "further vendor names of it", "[aclnnInplaceAdd]"),
    Key("frameworks", _any, "framework -> its names for the operator", "{torch: [aten.add.Tensor]}"),
    Key(
        "ports",
        _any,
        "port -> the dtypes it takes, in the order in which the stack checks and prints them",
        "{self: float16}",
    ),
    Key("rows", _any, "joint signatures; nothing else is taken", "[{self: float16, out: float32}]"),
    Key("guards", _any, "rules checked before all others", "[{forbid_dtype: {self: bfloat16}}]"),
    Key("rules", _any, "rules checked after the ports' dtypes, in order", "[{rank: {self: ..8}}]"),
    Key("notes", _any, "what a user should know about an accepted call", '[{note: "...", when: {...}}]'),
    Key(
        "variants", _any, "entries laid over this one where a condition on the call holds", "[{when: {...}, api: ...}]"
    ),
    Key("settled_by", text, "what would settle that which is unknown of it", '"a run on the chip"'),
    Key("placement", _placement, "device, host, or metadata: a view, nothing runs", "metadata"),
    Key("source", read_source, "who says so", "{repo: hicann/ops-math, path: math/add/op_api/aclnn_add.cpp}"),
    Key("confidence", text, "documented, measured, inferred or unknown", "documented"),
)

PORT: Keys = (
    Key("dtypes", _any, "the dtypes it takes", "[float16, bfloat16]", required=True),
    Key("label", text, "the name by which messages call the port", "matA"),
    Key("text", text, "the sentence printed instead of the dialect's", '"Self dtype {found} should be in {allowed}."'),
)

RULE: Keys = (
    *(Key(kind.key, _any, (kind.__doc__ or "").strip(), kind.example) for kind in KINDS.values()),
    Key(
        "when",
        _any,
        "a condition on the call; without it the rule always holds",
        "{self: {dtype: float32, rank: 2..3}}",
    ),
    Key(
        "text",
        text,
        "the vendor's sentence, printed instead of the dialect's; with {fields} and {= expressions}",
        '"the mask is [{= mask.shape[0]}]"',
    ),
    Key("source", read_source, "who says so, if not the operator's source", "{repo: ..., path: ...}"),
    Key("confidence", text, "how sure, if not as the operator", "inferred"),
    Key(
        "enforcement",
        _choice(Enforcement),
        "what the stack does where this rule is broken, if not as the profile",
        "error",
    ),
    Key("returns", _integer, "the status that the vendor's function returns, if not as the dialect", "561103"),
)

GENERIC: Keys = (
    Key("only", texts, "the operators for which it holds", "[conv2d, linear]"),
    Key("except", texts, "the operators for which it does not hold", "[reshape]"),
)

NOTE: Keys = (
    Key("note", text, "what to know", '"computed in float16"', required=True),
    Key("when", _any, "a condition on the call", "{self: {dtype: float32}}"),
)

SECTIONS: Mapping[str, tuple[str, Keys]] = MappingProxyType(
    {
        "profile": ("The profile", PROFILE),
        "stack": ("`stack`", STACK),
        "numerics": ("`numerics`", NUMERICS),
        "dialect": ("An item of `dialects`", DIALECT),
        "opencl": ("`opencl`", OPENCL),
        "operator": ("An entry of `operators`", OPERATOR),
        "port": ("A port in long form", PORT),
        "rule": ("An item of `guards` and `rules`: one kind, and", RULE),
        "generic": ("An item of the profile's `rules`: as above, and", GENERIC),
        "note": ("An item of `notes`", NOTE),
        "source": ("`source` in long form", SOURCE),
    }
)
"""Every section in the order in which the reference page prints them."""


def read_stack(node: Node) -> Stack:
    """The `stack` section."""
    return Stack(**read_keys(node, STACK, "stack"))


def read_numerics(node: Node) -> Numerics:
    """The `numerics` section; `unknown` as a whole leaves every field unknown."""
    if node.value == UNKNOWN:
        return Numerics()
    found = read_keys(node, NUMERICS, "numerics")
    found.pop("source", None)
    return Numerics(**found)


def read_opencl(node: Node) -> OpenCLLimits:
    """The `opencl` section; `unknown` as a whole leaves every limit unknown."""
    return OpenCLLimits() if node.value == UNKNOWN else OpenCLLimits(**read_keys(node, OPENCL, "opencl"))


def read_dialects(node: Node) -> tuple[Dialect, ...]:
    """The `dialects` section."""
    return tuple(Dialect(**read_keys(item, DIALECT, "a dialect")) for item in node.items("a list of dialects"))


def check_sentence(node: Node, template: str, more: frozenset[str]) -> str:
    """Return the template, or fail at a {field} that no rule of that kind fills."""
    return _check_fields(node, template, COMMON_FIELDS | more, "a sentence")


def _check_fields(node: Node, template: str, allowed: frozenset[str], what: str) -> str:
    unknown = fields_of(template) - allowed
    if unknown:
        node.fail(f"unknown field {{{min(unknown)}}} in {what}{did_you_mean(min(unknown), sorted(allowed))}")
    return template
