"""What CANN's tables and sources say of one operator, before it becomes an entry of a profile."""

from dataclasses import dataclass

Value = bool | int | float | str | tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output; the i-th dtype of every port makes one row, unless they are free of those of others."""

    name: str
    is_input: bool
    kind: str
    dtypes: tuple[str, ...]
    formats: tuple[str, ...]
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `default` is None where there is none, or none that could be read."""

    name: str
    type: str
    required: bool
    default: Value


@dataclass(frozen=True, slots=True)
class OperatorInfo:
    """One operator: its ports in order, what could not be read of it, and where in the file it is."""

    name: str
    ports: tuple[Port, ...]
    attributes: tuple[Attribute, ...]
    offset: int
    problems: tuple[str, ...] = ()


def literal(text: str) -> Value:
    """Return the value that a default is written as: true, -1, 1e-5f, [1,1] or {1, 1}; None if it is none of these."""
    text = text.strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if text[:1] in {"[", "{"} and text[-1:] in {"]", "}"}:
        parts = [_number(part) for part in text[1:-1].split(",") if part.strip()]
        return None if None in parts else tuple(part for part in parts if part is not None)
    return _number(text)


def _number(text: str) -> float | None:
    for read in (int, float):
        try:
            return read(text.strip().removesuffix("f") if read is float else text.strip())
        except ValueError:
            continue
    return None
