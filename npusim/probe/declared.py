"""What a profile says of a field of its numerics, where it says it, and what npusim takes where it says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from npusim.probe.numerics import Finding
from npusim.profiles import Profile
from npusim.profiles.document import Mark, Node
from npusim.profiles.flattening import flatten
from npusim.profiles.schema import UNKNOWN

BEYOND = frozenset({"ties", "partial_sums", "subnormal_operands"})
"""What probes see and no profile says."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One field of the numerics, of one dtype where the field has several: "" for a value that is unknown."""

    field: str
    dtype: str
    value: str
    is_stated: bool
    mark: Mark

    @property
    def name(self) -> str:
        """The field as a path."""
        return ".".join(filter(None, ("numerics", self.field, self.dtype)))


@dataclass(frozen=True, slots=True)
class Declared:
    """The numerics of a profile with the places where they stand."""

    profile: Profile
    section: Mapping[str, Node]
    mark: Mark
    is_unknown: bool

    def claim(self, finding: Finding) -> Claim:
        """Return what the profile says of that which a finding is about."""
        numerics = self.profile.numerics
        field, dtype = finding.field, finding.dtype
        match field:
            case "accumulate":
                dtype = numerics.matmul_dtype(dtype) if finding.operator == "matmul" else dtype
                value = numerics.accumulate_dtype(dtype)
            case "compute":
                value = numerics.compute_dtype(dtype)
            case "matmul":
                value = numerics.matmul_dtype(dtype)
            case _:
                dtype, value = "", str(getattr(numerics, field))
        node = self.section.get(field)
        stated = node.value.get(dtype) if node is not None and isinstance(node.value, dict) else node
        is_unknown = self.is_unknown or value == UNKNOWN or (node is not None and node.value == UNKNOWN)
        mark = next((one.mark for one in (stated, node) if one is not None), self.mark)
        return Claim(field, dtype, "" if is_unknown else value, stated is not None, mark)

    def unseen(self, seen: set[str]) -> list[str]:
        """Return the names of the fields that the profile states and no finding was about."""
        names = []
        for field, node in self.section.items():
            dtypes = node.value if isinstance(node.value, dict) else [""]
            names += [".".join(filter(None, ("numerics", field, dtype))) for dtype in dtypes if field != "source"]
        return [name for name in names if name not in seen]


def declared(profile: Profile, frontend: str = "") -> Declared:
    """Return the numerics of a profile as its files state them."""
    document = flatten(Path(profile.file), frontend=frontend or None).document
    node = document.mapping().get("numerics")
    section = node.value if node is not None and isinstance(node.value, dict) else {}
    return Declared(profile, section, node.mark if node is not None else document.mark, is_unknown=not section)
