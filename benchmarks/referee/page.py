"""The page of the referees: how often each agrees, and every disagreement with who is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compare import CPU, Comparison
from rulings import ruling

HEAD = """# What the vendors' tools say

<!-- Written by `make referee`; edit benchmarks/referee instead. -->

Arm gives away the compiler of its Ethos-U NPUs and a validator for TOSA. They know what the profiles claim, so they are
asked: one small model a question, for every operator with every dtype, and on both sides of every limit. A verdict is
*npu*, *cpu* (the operator falls back to the host, with a warning) or *error* (nothing comes out). Where the operator
falls back, the first two lines of the warning are compared as well: the tool's have to begin with the profile's, which
may stop where the tool goes on with numbers of the call.

| profile | tool | cases | same verdict | of those that fall back, same text |
|---|---|---|---|---|
"""


def page(found: Mapping[str, tuple[str, Sequence[Comparison]]]) -> str:
    """Return the page in Markdown."""
    rows = [_row(title, tool, cases) for title, (tool, cases) in found.items()]
    return HEAD + "".join(rows) + "".join(_section(title, cases) for title, (_, cases) in found.items())


def _row(title: str, tool: str, cases: Sequence[Comparison]) -> str:
    agreed = sum(one.agrees for one in cases)
    fallen = [one for one in cases if one.agrees and one.tool == CPU]
    same = sum(one.says_the_same for one in fallen)
    texts = f"{same} of {len(fallen)}, {same / len(fallen):.1%}" if fallen else "nothing falls back"
    return f"| {title} | {tool} | {len(cases)} | {agreed}, {agreed / len(cases):.2%} | {texts} |\n"


def _section(title: str, cases: Sequence[Comparison]) -> str:
    differing = [one for one in cases if not one.agrees]
    other_words = [one for one in cases if one.agrees and one.tool == CPU and not one.says_the_same]
    lines = [f"\n## {title}\n\n"]
    if not differing:
        lines.append("No disagreement on a verdict.\n")
    else:
        lines.append("| question | the tool | the profile | who is right |\n|---|---|---|---|\n")
        lines += [
            f"| {one.id} | {one.tool}: {_quoted(one)} | {one.profile} | {ruling(title, one)} |\n" for one in differing
        ]
    if other_words:
        lines.append("\nSame verdict, other words:\n\n| question | the tool | the profile |\n|---|---|---|\n")
        lines += [f"| {one.id} | {_quoted(one)} | {_cell(' / '.join(one.profile_text[:2]))} |\n" for one in other_words]
    return "".join(lines)


def _quoted(one: Comparison) -> str:
    return _cell(" / ".join(one.tool_text[:2])) if one.tool_text else "no message"


def _cell(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'")[:160] + "`"
