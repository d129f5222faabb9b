"""The file that the author of a new profile starts from: it loads as it is, and says in comments what may be added."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from npusim.profiles import gates
from npusim.profiles.document import parse
from npusim.profiles.inheritance import resolve

_EXAMPLE = """\
#  add:                                          # an entry, to uncomment and fill in from the vendor's table
#    api: vendorAdd                              # the vendor's name, as its messages print it
#    frameworks: {torch: [aten.add.Tensor]}
#    ports:                                      # the dtypes, in the vendor's order; joint signatures go in `rows`
#      self, other: [float32, float16]
#    rules:                                      # checked in this order; `npusim explain` lists the kinds
#      - same_dtype: [self, other]
#      - rank: {self: ..8, other: ..8}
#    source: SDK 1.0 operator manual, table 1    # or {repo: ..., path: ...}
#    confidence: documented                      # or measured, inferred
"""


def from_scratch(identity: str) -> str:
    """Return the text of a profile that extends nothing."""
    return "".join(_scratch(_quoted(identity)))


def extending(identity: str, parent: str, parent_file: Path) -> str:
    """Return the text of a profile that is laid over another; raises ProfileError if that one cannot be read."""
    features = gates.read_features(resolve(parent_file)[0])
    return "".join(_extension(_quoted(identity), _quoted(parent), features))


def _scratch(identity: str) -> Iterator[str]:
    yield f"npusim: 1\nid: {identity}    # the name of this file\nname: {identity}    # the product's name\n"
    yield 'stack: {name: SDK, version: "1.0"}    # the software stack; the version is in quotes\n'
    yield """
# How the chip computes. What nobody has published stays unknown.
numerics:
  compute: unknown       # dtype of storage -> dtype of elementwise work, as {float16: float32}
  rounding: unknown      # operator: once per operator; primitive: after every step
  accumulate: unknown    # dtype of operands -> dtype in which sums are carried, as {float16: float32}
  subnormals: unknown    # keep, flush
  overflow: unknown      # inf_nan, saturate

# In the vendor's words: one sentence for each kind of rule.
#dialects:
#  - sentences:
#      dtype: "{name}: {found} is not one of {allowed}"

# What the chip says to each operator. Only what a source says; an operator that is not here is unknown as well.
operators:
  matmul: unknown        # it exists, and nobody has published what it takes
"""
    yield _EXAMPLE


def _extension(identity: str, parent: str, features: Mapping[str, bool]) -> Iterator[str]:
    yield f"npusim: 1\nid: {identity}    # the name of this file\n"
    yield f"extends: {parent}    # mappings below are laid over its own, everything else replaces\n"
    yield f"name: {identity}    # the product's name\n"
    if features:
        yield "\n# Parts of it that a chip may switch, here or not at all.\n#features:\n"
        yield from (f"#  {name}: {str(value).lower()}\n" for name, value in features.items())
    yield """
# How this chip computes, where it differs.
#numerics:
#  overflow: saturate    # or inf_nan

# What this chip says to an operator, where it differs.
#operators:
"""
    yield _EXAMPLE


def _quoted(name: str) -> str:
    """Return a name as YAML reads it back: in quotes if it looks like a number or another word of YAML."""
    is_text = parse(f"id: {name}", "").mapping()["id"].value == name
    return name if is_text else f'"{name}"'
