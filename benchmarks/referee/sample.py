"""The committed sample of the referees' answers: npusim calls with what the tool said, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from compare import Comparison

from npusim.call import Call, Operand
from npusim.profiles.model import Profile

SIZE = 100
MAX_VALUES = 64
"""Cases whose constants are larger are not in the sample, unless one number fills them."""


def write_sample(folder: Path, title: str, profile: Profile, comparisons: Sequence[Comparison]) -> None:
    """Write a spread of the cases on which both agree in verdict and words."""
    folder.mkdir(exist_ok=True)
    kept = [one for one in comparisons if one.agrees and one.says_the_same]
    chosen = list(_spread(kept))
    features = [name for name, is_on in profile.features.items() if is_on]
    head = {"profile": profile.id, "features": features, "title": title}
    lines = [head, *(_line(one) for one in chosen)]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (folder / f"{title.replace(' ', '-')}.jsonl").write_text(text)


def _spread(kept: Sequence[Comparison]) -> Iterator[Comparison]:
    """One of each operator and verdict in turn, until there are enough."""
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for one in kept:
        reason = "" if len(one.profile_text) < 2 else one.profile_text[1][:24]
        groups.setdefault((one.call.operator, one.tool, reason), []).append(one)
    queues = list(groups.values())
    count = 0
    while queues and count < SIZE:
        for queue in queues[: SIZE - count]:
            yield queue.pop(0)
            count += 1
        queues = [queue for queue in queues if queue]


def _line(one: Comparison) -> dict[str, Any]:
    return {"id": one.id, **_call(one.call), "verdict": one.tool, "text": [*one.tool_text[:2]]}


def _call(call: Call) -> dict[str, Any]:
    return {
        "operator": call.operator,
        "operands": {port: list(map(_operand, held)) for port, held in call.operands.items() if held},
        "outputs": {port: list(map(_operand, held)) for port, held in call.outputs.items() if held},
        "attributes": {name: _plain(value) for name, value in call.attributes.items() if value is not None},
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | tuple) else str(value)


def _operand(operand: Operand) -> dict[str, Any]:
    data: dict[str, Any] = {"type": f"{operand.type.dtype}[{','.join(map(str, operand.type.shape))}]"}
    if operand.constant:
        data["constant"] = True
    if operand.value is not None:
        data["value"] = [operand.value[0]] if len(set(operand.value)) == 1 else list(operand.value)
    if operand.quant is not None:
        data["quant"] = [list(operand.quant.scales), list(operand.quant.zero_points), operand.quant.axis]
    if operand.dynamic:
        data["dynamic"] = sorted(operand.dynamic)
    return data
