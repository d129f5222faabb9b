"""Read the manifests that say what each kernel in kernels/ computes and how it is launched."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import yaml

from npusim.resources import folder


@dataclass(frozen=True, slots=True)
class KernelEntry:
    """One kernel: its file in kernels/, the operator it computes, the group it is built with, and what it takes.

    `takes` holds "float" and "integer" (the promoted dtypes it computes in) or "real" (computes in a float, whatever
    it is given); `when` are the attributes it is meant for; `arguments` the names of its arguments, in order.
    """

    name: str
    file: str
    operator: str
    group: str
    launch: str
    takes: tuple[str, ...]
    arguments: tuple[str, ...]
    when: Mapping[str, Any]

    def fits(self, attributes: Mapping[str, Any]) -> bool:
        """Whether the kernel is meant for a call with these attributes; one that is absent has no say."""
        return all(attributes.get(name, wanted) == wanted for name, wanted in self.when.items())


@cache
def elementwise_kernels() -> Mapping[str, tuple[KernelEntry, ...]]:
    """Return the kernels of kernels/elementwise.yaml by operator, in the manifest's order."""
    content = yaml.safe_load((folder("kernels") / "elementwise.yaml").read_text(encoding="utf-8"))
    found: dict[str, tuple[KernelEntry, ...]] = {}
    for name, row in content["kernels"].items():
        entry = KernelEntry(
            name=name,
            file=row.get("file", "elementwise.cl"),
            operator=row["operator"],
            group=row["group"],
            launch=row["launch"],
            takes=tuple(row["takes"]),
            arguments=tuple(content["launches"][row["launch"]]),
            when=MappingProxyType(row.get("when", {})),
        )
        found[entry.operator] = (*found.get(entry.operator, ()), entry)
    return MappingProxyType(found)
