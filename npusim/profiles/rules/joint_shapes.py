"""Rules on the shapes of several ports together, and on how a shape hangs on a dtype."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from npusim.dtypes import DType
from npusim.operators import Operator
from npusim.profiles.axes import Axes, different, read_by_axis, read_positive, shape_of, with_sizes
from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits, ends, reranked, resized
from npusim.profiles.json_parts import DTYPES, INTEGER, RANGES, TEXT, TEXTS, axes_of, list_of, mapping_of, record
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, by_port, named_ports, read_parts, read_ports
from npusim.profiles.subject import Subject
from npusim.profiles.values import read_dtype, read_dtypes


@dataclass(frozen=True, slots=True)
class SameShape(Rule):
    """The named ports, where present, have one shape; nothing is broadcast."""

    key: ClassVar[str] = "same_shape"
    code: ClassVar[str] = "NPU202"
    example: ClassVar[str] = "same_shape: [self, other]"
    sentences: ClassVar[Mapping[str, str]] = {"same_shape": "{name} has shape {found}, {first} has {first_shape}"}
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_shape"})
    schema: ClassVar[Mapping[str, Any]] = TEXTS

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "SameShape":
        return cls(read_ports(node, operator))

    @property
    def targets(self) -> tuple[str, ...]:
        return self.ports[1:] or self.ports

    def findings(self, seen: Subject) -> Iterator[Finding]:
        shaped = [(port, i, t.shape) for port in self.ports for i, t in enumerate(seen.types.get(port, ()))]
        for port, index, found in shaped[1:]:
            first, _, wanted = shaped[0]
            if found != wanted:
                hint = f"expand {port} to the shape of {first}"
                fields = {"first": first, "first_shape": wanted}
                yield Finding(port, found, (wanted,), hint, index=index, fields=fields)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        shapes = dict.fromkeys(t.shape for port in self.ports for t in seen.types.get(port, ()))
        yield from ((Edit(finding.port, shape=shape),) for shape in shapes)
        yield from (tuple(Edit(port, shape=shape) for port in self.ports if seen.types.get(port)) for shape in shapes)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for other in different(shape_of(seen, target)):
            yield (Edit(target, shape=other),)
            yield (Edit(target, index=-1, shape=other),)


@dataclass(frozen=True, slots=True)
class SameNumel(Rule):
    """The named ports, where present, have equally many elements."""

    key: ClassVar[str] = "same_numel"
    code: ClassVar[str] = "NPU208"
    example: ClassVar[str] = "same_numel: [src, dst]"
    sentences: ClassVar[Mapping[str, str]] = {"same_numel": "{name} has {found} elements, {first} has {wanted}"}
    fields: ClassVar[frozenset[str]] = frozenset({"first", "wanted"})
    schema: ClassVar[Mapping[str, Any]] = TEXTS

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "SameNumel":
        return cls(read_ports(node, operator))

    @property
    def targets(self) -> tuple[str, ...]:
        return self.ports[1:] or self.ports

    def findings(self, seen: Subject) -> Iterator[Finding]:
        sized = [(port, i, prod(t.shape)) for port in self.ports for i, t in enumerate(seen.types.get(port, ()))]
        for port, index, found in sized[1:]:
            first, _, wanted = sized[0]
            if found != wanted:
                fields = {"first": first, "wanted": wanted}
                yield Finding(port, found, (wanted,), f"reshape {port} and {first}", index=index, fields=fields)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield (Edit(finding.port, shape=shape_of(seen, self.ports[0])),)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        wanted = prod(shape_of(seen, self.ports[0]))
        others = (shape for shape in different(shape_of(seen, target)) if prod(shape) != wanted)
        yield from ((Edit(target, shape=shape),) for shape in others)


@dataclass(frozen=True, slots=True)
class RankRows(Rule):
    """Only these combinations of ranks are taken."""

    key: ClassVar[str] = "rank_rows"
    code: ClassVar[str] = "NPU206"
    example: ClassVar[str] = "rank_rows: [{self: 2, mat2: 2}, {self: 3, mat2: 2..3}]"
    sentences: ClassVar[Mapping[str, str]] = {"rank_rows": "the ranks {found} are not one of {allowed}"}
    schema: ClassVar[Mapping[str, Any]] = list_of(mapping_of(RANGES))

    rows: tuple[tuple[tuple[str, Ranges], ...], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "RankRows":
        return cls(tuple(by_port(row, operator, read_ranges) for row in node.some()))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        ports = dict.fromkeys(port for row in self.rows for port, _ in row)
        ranks = {port: found.rank for port in ports if (found := seen.type(port)) is not None}
        if not any(all(port not in ranks or within(ranks[port], r) for port, r in row) for row in self.rows):
            shown = ", ".join(f"{port}: {rank}" for port, rank in ranks.items())
            allowed = tuple(", ".join(f"{port}: {' or '.join(map(str, r))}" for port, r in row) for row in self.rows)
            yield Finding(next(iter(ranks), ""), shown, allowed, "reshape the operands")

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for row in self.rows:
            ranked = [(port, next(ends(ranges))) for port, ranges in row if seen.types.get(port)]
            yield tuple(Edit(port, shape=reranked(shape_of(seen, port), rank)) for port, rank in ranked)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port in dict.fromkeys(port for row in self.rows for port, _ in row):
            for rank in range(7):
                yield (Edit(port, shape=reranked(shape_of(seen, port), rank)),)


@dataclass(frozen=True, slots=True)
class Alignment(Rule):
    """An axis of a port has a size that is a multiple of a number that depends on the port's dtype."""

    key: ClassVar[str] = "alignment"
    code: ClassVar[str] = "NPU207"
    example: ClassVar[str] = "alignment: {mat2: {-1: {int8: 32, float16: 16}}}"
    sentences: ClassVar[Mapping[str, str]] = {
        "alignment": "size {found} of axis {axis} of {name} is not a multiple of {limit}, as {dtype} asks"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"axis", "limit", "dtype", "shape"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of(axes_of(mapping_of(INTEGER)))

    factors: tuple[tuple[str, Axes], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Alignment":
        return cls(by_port(node, operator, lambda axes: read_by_axis(axes, cls._by_dtype)))

    @staticmethod
    def _by_dtype(node: Node) -> tuple[tuple[DType, int], ...]:
        entries = node.mapping("a mapping from dtypes to numbers")
        return tuple((read_dtype(Node(name, value.mark)), read_positive(value)) for name, value in entries.items())

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.factors)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, axes in self.factors:
            for index, found in enumerate(seen.types.get(port, ())):
                for axis, factor in self._in_force(axes, found.dtype):
                    if -found.rank <= axis < found.rank and (size := found.shape[axis]) % factor:
                        fields = {"axis": axis, "limit": factor, "dtype": found.dtype, "shape": found.shape}
                        hint = f"pad axis {axis} of {port} from {size} to {-(-size // factor) * factor}"
                        yield Finding(port, size, (f"a multiple of {factor}",), hint, index=index, fields=fields)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from with_sizes(seen, finding.port, dict(self._sizes(seen, finding.port, 0)))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from with_sizes(seen, target, dict(self._sizes(seen, target, 1)))
        dtypes = (row for port, axes in self.factors if port == target for _, factors in axes for row, _ in factors)
        for row in dict.fromkeys(dtypes):
            yield Edit(target, dtype=row), Edit(target, shape=resized((1, *shape_of(seen, target)), -1, 7))

    def _sizes(self, seen: Subject, target: str, beyond: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        dtype = seen.dtype(target)
        for port, axes in self.factors:
            if port == target and dtype is not None:
                yield from ((axis, (factor + beyond,)) for axis, factor in self._in_force(axes, dtype))

    @staticmethod
    def _in_force(axes: Axes, dtype: DType) -> Iterator[tuple[int, int]]:
        yield from ((axis, factor) for axis, factors in axes for row, factor in factors if row is dtype)


@dataclass(frozen=True, slots=True)
class TileShapes(Rule):
    """A product of two matrices is of one of the MxKxN shapes that the unit has for their dtypes."""

    key: ClassVar[str] = "tile_shapes"
    code: ClassVar[str] = "NPU209"
    example: ClassVar[str] = "tile_shapes: [{self: int8, mat2: int8, tiles: [[4, 8, 8], [2, 8, 8]]}]"
    sentences: ClassVar[Mapping[str, str]] = {"tile_shapes": "a product of {found} is not one of {allowed}"}
    schema: ClassVar[Mapping[str, Any]] = list_of(
        {"type": "object", "properties": {"tiles": list_of(list_of(INTEGER))}, "additionalProperties": DTYPES}
    )

    rows: tuple[tuple[tuple[tuple[str, tuple[DType, ...]], ...], tuple[tuple[int, ...], ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "TileShapes":
        return cls(tuple(cls._row(row, operator) for row in node.some()))

    @staticmethod
    def _row(node: Node, operator: Operator) -> Any:
        entries = dict(node.mapping("a mapping with two ports and tiles"))
        tiles = entries.pop("tiles", None) or node.fail("a row of tile_shapes has tiles")
        ports = by_port(Node(entries, node.mark), operator, read_dtypes)
        found = tuple(tuple(read_positive(size) for size in tile.items("M, K and N")) for tile in tiles.some())
        if len(ports) != 2 or any(len(tile) != 3 for tile in found):
            node.fail("a row of tile_shapes has two ports, and tiles of three sizes: M, K and N")
        return ports, found

    def findings(self, seen: Subject) -> Iterator[Finding]:
        (left, _), (right, _) = self.rows[0][0]
        one, other = seen.type(left), seen.type(right)
        if one is None or other is None:
            return
        if one.rank < 2 or other.rank < 2:
            return
        tiles = self._tiles(one.dtype, other.dtype)
        found = (*one.shape[-2:], other.shape[-1])
        if found not in tiles:
            shown = (
                f"{one.dtype} {one.shape[-2]}x{one.shape[-1]} with {other.dtype} {other.shape[-2]}x{other.shape[-1]}"
            )
            allowed = tuple("x".join(map(str, tile)) for tile in tiles) or ("no shape for these dtypes",)
            yield Finding(left, shown, allowed, "split or pad the matrices to such tiles")

    def _tiles(self, one: DType, other: DType) -> tuple[tuple[int, ...], ...]:
        taken = (tiles for ((_, left), (_, right)), tiles in self.rows if one in left and other in right)
        return tuple(dict.fromkeys(tile for tiles in taken for tile in tiles))

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for ((left, lefts), (right, rights)), tiles in self.rows:
            for rows, inner, columns in tiles:
                one = Edit(left, dtype=lefts[0], shape=(rows, inner))
                yield one, Edit(right, dtype=rights[0], shape=(inner, columns))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        (left, _), (right, _) = self.rows[0][0]
        yield Edit(left, shape=(3, 5)), Edit(right, shape=(5, 7))


@dataclass(frozen=True, slots=True)
class BroadcastPattern(Rule):
    """A port has the shape of another, or one of some patterns of it that the stack can broadcast."""

    key: ClassVar[str] = "broadcast_pattern"
    code: ClassVar[str] = "NPU210"
    example: ClassVar[str] = (
        "broadcast_pattern: {port: other, against: self, names: [b, c, h, w], patterns: [[b, 1, 1, w], [1]]}"
    )
    sentences: ClassVar[Mapping[str, str]] = {
        "broadcast_pattern": "{name} of shape {found} cannot be broadcast to {first} of shape {first_shape}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_shape"})
    schema: ClassVar[Mapping[str, Any]] = record(
        {
            "port": TEXT,
            "against": TEXT,
            "names": list_of(TEXT),
            "patterns": list_of(list_of({"type": ["string", "integer"]})),
        }
    )

    port: str
    against: str
    names: tuple[str, ...]
    patterns: tuple[tuple[str | int, ...], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "BroadcastPattern":
        parts = read_parts(node, "port", "against", "names", "patterns")
        port, against = (named_ports(parts[key], parts[key].text(), operator)[0] for key in ("port", "against"))
        names = tuple(item.text("the name of an axis") for item in parts["names"].items())
        patterns = tuple(tuple(cls._axis(axis, names) for axis in p.items()) for p in parts["patterns"].some())
        return cls(port, against, names, patterns)

    @staticmethod
    def _axis(node: Node, names: tuple[str, ...]) -> str | int:
        if node.value in names:
            return node.text()
        return node.integer(f"one of {', '.join(names)} or a number")

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.port,)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found, whole = seen.type(self.port), seen.type(self.against)
        if found is None or whole is None or whole.rank != len(self.names) or found.shape == whole.shape:
            return
        shapes = list(self._shapes(whole.shape))
        if found.shape not in shapes:
            allowed = tuple(f"[{', '.join(map(str, pattern))}]" for pattern in self.patterns)
            fields = {"first": self.against, "first_shape": whole.shape}
            yield Finding(self.port, found.shape, allowed, f"expand {self.port} first", fields=fields)

    def _shapes(self, whole: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        sizes = dict(zip(self.names, whole, strict=True))
        for pattern in self.patterns:
            yield tuple(axis if isinstance(axis, int) else sizes[axis] for axis in pattern)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        whole = shape_of(seen, self.against)
        yield (Edit(self.port, shape=whole),)
        yield from ((Edit(self.port, shape=shape),) for shape in self._shapes(whole))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        whole = tuple(range(2, 2 + len(self.names)))
        given = Edit(self.against, shape=whole)
        for axis in range(len(whole)):
            yield given, Edit(self.port, shape=resized(whole, axis, 1))
        yield given, Edit(self.port, shape=whole[1:])
        yield given, Edit(self.port, shape=resized(whole, -1, whole[-1] + 1))
