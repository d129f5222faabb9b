"""Rules on elements that share a scale: groups along an axis, and blocks with their scales on another port."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits, ends, resized
from npusim.profiles.json_parts import FLAG, INTEGER, RANGES, TEXT, mapping_of, record
from npusim.profiles.ranges import Range, Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, by_port
from npusim.profiles.rules.joint_dtypes import read_port
from npusim.profiles.rules.quantisation import PER_GROUP, on_port, quantised_as, quantised_operands, with_quants
from npusim.profiles.subject import Subject


@dataclass(frozen=True, slots=True)
class GroupSizes:
    """The group sizes that are allowed: in ranges, and perhaps only powers of two."""

    ranges: Ranges
    power_of_two: bool = False

    def __contains__(self, size: int) -> bool:
        return within(size, self.ranges) and not (self.power_of_two and size & (size - 1))

    @property
    def shown(self) -> tuple[Range | str, ...]:
        """As a message lists them."""
        return (*self.ranges, "powers of two") if self.power_of_two else self.ranges

    def near(self, size: int) -> list[int]:
        """Allowed sizes, the nearest to one first."""
        tried = {size, *ends(self.ranges, floor=1), *(2**n for n in range(17))}
        return sorted((one for one in tried if one in self), key=lambda one: (abs(one - size), one))


_ANY_SIZE = (Range(1, None),)


def _read_group_sizes(node: Node) -> GroupSizes:
    """Return ranges alone, or a mapping with range, power_of_two or both."""
    if not isinstance(node.value, dict):
        return GroupSizes(read_ranges(node))
    entries = node.mapping()
    if not entries or not set(entries) <= {"range", "power_of_two"}:
        node.fail(f"expected the keys range, power_of_two or both, found {', '.join(entries) or 'none'}")
    flag = entries.get("power_of_two")
    if flag is not None and not isinstance(flag.value, bool):
        flag.fail(f"expected true or false, found {flag.shown}")
    ranges = read_ranges(entries["range"]) if "range" in entries else _ANY_SIZE
    return GroupSizes(ranges, flag is not None and flag.value is True)


@dataclass(frozen=True, slots=True)
class GroupSize(Rule):
    """A port that is quantised in groups has groups of one of some sizes."""

    key: ClassVar[str] = "group_size"
    code: ClassVar[str] = "NPU606"
    example: ClassVar[str] = "group_size: {weight: {range: 16.., power_of_two: true}}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(
        {"anyOf": [RANGES, record({}, {"range": RANGES, "power_of_two": FLAG})]}
    )
    sentences: ClassVar[Mapping[str, str]] = {
        "group_size": "{name} is quantised in groups of {found}; allowed: {allowed}"
    }

    sizes: tuple[tuple[str, GroupSizes], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "GroupSize":
        return cls(by_port(node, operator, _read_group_sizes))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, allowed in self.sizes:
            for index, quant in quantised_operands(seen, port):
                if quant.group_size is not None and quant.group_size not in allowed:
                    near = next(iter(allowed.near(quant.group_size)), "an allowed number")
                    hint = f"quantise {port} in groups of {near}"
                    yield Finding(port, quant.group_size, allowed.shown, hint, index=index)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.sizes)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from self._sized(seen, finding.port, on_port(finding.port, self.sizes).near(finding.found))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        allowed = on_port(target, self.sizes)
        tried = dict.fromkeys((*ends(allowed.ranges, outside=True, floor=1), 3, 24, 48, 7, 100_003))
        yield from self._sized(seen, target, (size for size in tried if size not in allowed))

    @staticmethod
    def _sized(seen: Subject, port: str, sizes: Iterable[int]) -> Iterator[Edits]:
        axis = next((quant.axis for _, quant in quantised_operands(seen, port) if quant.axis is not None), 0)
        for size in sizes:
            quant = quantised_as(seen, port, granularity=PER_GROUP, axis=axis, group_size=size)
            yield from with_quants(port, [quant])


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a port is scaled: one scale for each block of elements along an axis, on another port if there is one."""

    block: int
    axis: int
    scale: str = ""

    def scales(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the scales of a tensor."""
        return resized(shape, self.axis, shape[self.axis] // self.block)


@dataclass(frozen=True, slots=True)
class BlockScaled(Rule):
    """A port is scaled in blocks along an axis: it has whole ones, and its scale port one scale for each of them."""

    key: ClassVar[str] = "block_scaled"
    code: ClassVar[str] = "NPU113"
    example: ClassVar[str] = "block_scaled: {x1: {block: 32, axis: -1}}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(record({"block": INTEGER}, {"axis": INTEGER, "scale": TEXT}))
    sentences: ClassVar[Mapping[str, str]] = {
        "block_scaled": "size {found} of axis {axis} of {name} is not a multiple of the block of {block}",
        "block_scales": "{name} has shape {found}; with one scale for {block} elements along axis {axis} of {first} "
        "it has {allowed}",
    }
    fields: ClassVar[frozenset[str]] = frozenset({"axis", "block", "first"})

    blocks: tuple[tuple[str, Blocks], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "BlockScaled":
        return cls(by_port(node, operator, lambda value: _read_blocks(value, operator)))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, how in self.blocks:
            fields = {"axis": how.axis, "block": how.block, "first": port}
            for index, found in enumerate(seen.types.get(port, ())):
                if not -found.rank <= how.axis < found.rank:
                    continue
                size = found.shape[how.axis]
                if size % how.block:
                    whole = -(-size // how.block) * how.block
                    hint = f"pad axis {how.axis} of {port} from {size} to {whole}"
                    allowed = (f"a multiple of {how.block}",)
                    yield Finding(port, size, allowed, hint, "block_scaled", index, fields)
                    continue
                wanted = how.scales(found.shape)
                for scales in seen.types.get(how.scale, ())[index : index + 1]:
                    if scales.shape != wanted:
                        hint = f"give {how.scale} the shape [{','.join(map(str, wanted))}]"
                        yield Finding(how.scale, scales.shape, (wanted,), hint, "block_scales", index, fields)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for port, how in self.blocks for name in (port, how.scale) if name))

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for port, how in self.blocks:
            found = seen.type(port)
            if finding.port == how.scale and isinstance(finding.allowed[0], tuple):
                yield (Edit(how.scale, index=finding.index, shape=finding.allowed[0]),)
            elif finding.port == port and found is not None and -found.rank <= how.axis < found.rank:
                size = found.shape[how.axis]
                for blocks in dict.fromkeys((-(-size // how.block), max(1, size // how.block))):
                    yield from _in_blocks(port, how, resized(found.shape, how.axis, blocks * how.block))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port, how in self.blocks:
            found = seen.type(port)
            shape = found.shape if found is not None and -found.rank <= how.axis < found.rank else _minimal(how)
            if target == port:
                for size in (shape[how.axis] + 1, how.block + 1):
                    yield (Edit(port, shape=resized(shape, how.axis, size)),)
            elif target == how.scale:
                whole = resized(shape, how.axis, how.block)
                yield (Edit(port, shape=whole), Edit(target, shape=resized(whole, how.axis, 2)))
                yield (Edit(target, shape=resized(shape, how.axis, shape[how.axis] // how.block + 1)),)


def _minimal(how: Blocks) -> tuple[int, ...]:
    """A shape that has the axis of the blocks."""
    return (how.block,) * max(2, -how.axis, how.axis + 1)


def _in_blocks(port: str, how: Blocks, shape: tuple[int, ...]) -> Iterator[Edits]:
    """Yield the port with a shape of whole blocks, with and without its scales."""
    if how.scale:
        yield (Edit(port, shape=shape), Edit(how.scale, shape=how.scales(shape)))
    yield (Edit(port, shape=shape),)


def _read_blocks(node: Node, operator: Operator) -> Blocks:
    entries = node.mapping("a mapping such as {block: 32, scale: x_scale, axis: -1}")
    if "block" not in entries or not set(entries) <= {"block", "axis", "scale"}:
        node.fail(f"expected the key block, and perhaps axis and scale, found {', '.join(entries) or 'none'}")
    block = entries["block"].integer("the number of elements that share a scale")
    if block < 1:
        entries["block"].fail(f"a block has at least one element, not {block}")
    axis = entries["axis"].integer("an axis") if "axis" in entries else -1
    return Blocks(block, axis, read_port(entries["scale"], operator) if "scale" in entries else "")
