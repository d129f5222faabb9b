"""The rows of a TOSA operator: which dtypes go together, and the profiles and extensions that each row needs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from npusim.importers.markup import Element

if TYPE_CHECKING:
    from npusim.importers.tosa_arguments import Argument

DTYPES: Mapping[str, str] = {
    "bool_t": "bool",
    "i4_t": "int4",
    "i8_t": "int8",
    "i16_t": "int16",
    "i32_t": "int32",
    "i48_t": "int48",
    "i64_t": "int64",
    "fp4e2m1_t": "float4_e2m1fn",
    "fp6e2m3_t": "float6_e2m3fn",
    "fp6e3m2_t": "float6_e3m2fn",
    "fp8e4m3_t": "float8_e4m3fn",
    "fp8e5m2_t": "float8_e5m2",
    "fp8ue8m0_t": "float8_e8m0fnu",
    "fp16_t": "float16",
    "bf16_t": "bfloat16",
    "fp32_t": "float32",
}
"""TOSA's dtypes -> npusim's; block-scaled ones, which are data and scale in one, are not among these."""

_DEDUCE = "DEDUCE-EXT"
_DEDUCED: Mapping[str, str] = {
    "i64_t": "EXT-INT64",
    "i16_t": "EXT-INT16",
    "i4_t": "EXT-INT4",
    "bf16_t": "EXT-BF16",
    "fp8e4m3_t": "EXT-FP8E4M3",
    "fp8e5m2_t": "EXT-FP8E5M2",
    "fp8ue8m0_t": "EXT-MX-COMMON",
    "fp4e2m1_t": "EXT-MX-FP4E2M1",
    "fp6e2m3_t": "EXT-MX-FP6E2M3",
    "fp6e3m2_t": "EXT-MX-FP6E3M2",
}
"""What DEDUCE-EXT stands for, by dtype: the specification's table "Extension Data Type Mapping"."""
_PROFILES = ("PRO-FP", "PRO-INT")
_ALSO = ("name", "and_name", "and_name2")
_ABOUT = ("mode", "version_added")
_ACCUMULATOR = {"acc_type_t": "acc_t"}
"""Type of an attribute that names a dtype -> the type that it has to name."""

Remark = Callable[[str], None]
Cell = str | tuple[str, ...]
Row = tuple[dict[str, Cell], tuple[str, ...]]


class Extensions:
    """The profiles and extensions that the specification declares, and those among them that something needs."""

    def __init__(self, profiles: Sequence[str], extensions: Sequence[str]) -> None:
        self._is_on = {**dict.fromkeys(profiles, True), **dict.fromkeys(extensions, False)}
        self._used: set[str] = set()

    def feature(self, node: Element, attribute: str) -> str:
        """Return the feature that an attribute names, or fail."""
        return self.named(node, node.get(attribute))

    def named(self, node: Element, name: str) -> str:
        """Return the feature of a profile or an extension, or fail if the specification declares none of that name."""
        if name not in self._is_on:
            node.fail(f"{name!r} is neither a profile nor an extension of this file; it has {', '.join(self._is_on)}")
        self._used.add(name)
        return _feature(name)

    def features(self) -> dict[str, bool]:
        """Return every feature that something needs: profiles are on, extensions off."""
        return {_feature(name): is_on for name, is_on in self._is_on.items() if name in self._used}


def _feature(name: str) -> str:
    return name.lower().replace("-", "_")


def rows_of(
    node: Element, arguments: "Sequence[Argument]", extensions: Extensions, remark: Remark
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return an operator's rows, and rules that say what it needs where no port has a dtype that rows could name."""
    columns = _columns(node, arguments)
    found: list[Row] = []
    needs: list[tuple[str, ...]] = []
    for support in node.all("typesupport"):
        for types in _bindings(support):
            cells = {name: types[type_] for name, type_ in columns.items() if types.get(type_, "-") != "-"}
            unknown = sorted({token for token in cells.values() if token not in DTYPES})
            for token in unknown:
                remark(f"rows with {token} ({support.get('mode')}), which has no dtype here")
            if not unknown:
                dtypes: dict[str, Cell] = {name: DTYPES[token] for name, token in cells.items()}
                lists = [one for one in arguments if one.scale and one.name in dtypes]
                dtypes |= {one.name: _with_scale(one, types, dtypes) for one in lists}
                ways = tuple(_requires(support, types, extensions))
                found.extend((dtypes, way) for way in ways if dtypes)
                needs.extend(way for way in ways if not dtypes)
    rows = list(_rows(found))
    return rows, list(_needs(needs)) if not rows else []


def _with_scale(argument: "Argument", types: Mapping[str, str], dtypes: Mapping[str, Cell]) -> Cell:
    """Return the dtypes of a list that holds data and, after them, their scales."""
    data, scale = dtypes[argument.name], DTYPES.get(types.get(argument.scale, ""), "")
    return (str(data), scale) if scale and scale != data else data


def _columns(node: Element, arguments: "Sequence[Argument]") -> dict[str, str]:
    """Return the ports and attributes that rows name, each with its type."""
    declared = {one.get("name") for part in node.all("types") for one in part.all("type")}
    found = {one.name: one.element if one.is_port else _ACCUMULATOR.get(one.type, "") for one in arguments}
    return {name: type_ for name, type_ in found.items() if type_ in declared}


def _bindings(support: Element) -> Iterator[dict[str, str]]:
    """Yield every choice of dtypes for the types of an operator that one <typesupport> allows."""
    single = {name: value for name, value in support.attributes.items() if name not in _ABOUT}
    sets = {one.get("name"): one.get("values").split() for one in support.all("type_set")}
    free: dict[str, list[str]] = {}
    following: dict[str, str] = {}
    for bind in support.all("type_bind"):
        type_, other = bind.get("type"), bind.attributes.get("access_elem_type") or bind.attributes.get("same_as")
        if other is not None:
            following[type_] = other
        elif bind.get("set") in sets:
            free[type_] = sets[bind.get("set")]
        else:
            bind.fail(f"no <type_set> {bind.get('set')!r} in this <typesupport>; it has {', '.join(sets) or 'none'}")
    for choice in product(*free.values()):
        types = {**single, **dict(zip(free, choice, strict=True))}
        yield types | {type_: types.get(other, "-") for type_, other in following.items()}


def _requires(support: Element, types: Mapping[str, str], extensions: Extensions) -> Iterator[tuple[str, ...]]:
    """Yield what one choice of dtypes needs, each way by itself."""
    ways = support.all("op_profile")
    if not ways:
        support.fail("expected <op_profile> in <typesupport>, found none; this reads TOSA 1.0 or later")
    for way in ways:
        names = [way.attributes[key] for key in _ALSO if key in way.attributes]
        plain = [name for name in names if name != _DEDUCE]
        if _DEDUCE in names:
            plain += sorted({_DEDUCED[token] for token in types.values() if token in _DEDUCED})
            plain = plain or [_PROFILES[0] if any("fp" in token for token in types.values()) else _PROFILES[1]]
        if not plain:
            way.fail("<op_profile> names no profile and no extension")
        yield tuple(extensions.named(way, name) for name in dict.fromkeys(plain))


def _rows(found: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield the rows without those that an earlier one holds.

    Of several ways to the same dtypes only the first stays where it needs no more than the others.
    """
    ways: dict[tuple[tuple[str, Cell], ...], list[tuple[str, ...]]] = {}
    for cells, requires in found:
        earlier = ways.setdefault(tuple(cells.items()), [])
        if any(set(needed) <= set(requires) for needed in earlier):
            continue
        lacking = [set(needed) - set(requires) for needed in earlier]
        enough = sorted({name for names in lacking if len(names) == 1 for name in names})
        written = {name: cell if isinstance(cell, str) else list(cell) for name, cell in cells.items()}
        yield {
            **written,
            "requires": one_or_several(requires),
            **({"unless": one_or_several(enough)} if enough else {}),
        }
        earlier.append(requires)


def one_or_several(features: Sequence[str]) -> str | list[str]:
    """Return features as a profile writes them."""
    return features[0] if len(features) == 1 else list(features)


def _needs(ways: Sequence[tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """Yield rules by which an operator is not offered unless one of some ways is open."""
    different = list(dict.fromkeys(ways))
    if len(different) == 1:
        yield from ({"not_offered": f"it needs {name}", "unless": name} for name in different[0])
    elif different and all(len(way) == 1 for way in different):
        names = [name for (name,) in different]
        yield {"not_offered": f"it needs {' or '.join(names)}", "unless": one_or_several(names)}
