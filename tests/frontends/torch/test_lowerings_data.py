"""The files that describe lowerings: what they may say, how a mistake is named, and that every row of ours holds."""

import inspect

import pytest
import torch
from torch import nn

from npusim.call import Site
from npusim.errors import ProfileError
from npusim.frontends.torch import lowerings, vendor_ops
from npusim.frontends.torch.lowerings.reading import UnknownLoweringError, read
from npusim.frontends.torch.lowerings.replacements import REPLACEMENTS

EVERY_ROW = [
    pytest.param(row, id=f"{name}-{row.runs}-{row.patterns[0]}")
    for name in lowerings.names()
    for row in (*read(name).modules, *read(name).functions, *read(name).operators)
]


@pytest.fixture(autouse=True)
def stand_ins():
    vendor_ops.register()


def written(tmp_path, body):
    file = tmp_path / "mine.yaml"
    file.write_text(f"lowering: 1\nid: mine\nname: Mine\nviews_run: false\n{body}")
    return str(file)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.o_proj = nn.Linear(8, 8)

    def forward(self, x):
        return self.o_proj(x)


# Operators that become others, and files of one's own


def test_an_operator_becomes_another_where_its_row_holds(tmp_path):
    lowering = lowerings.load(
        written(
            tmp_path,
            "operators:\n"
            "  - {operator: aten.silu, within: '*.act', when: [{size_of: input.self, along: -1, is: 8..16}],"
            " runs: npu.npu_fast_gelu, arguments: {self: input.self}, source: a test}\n",
        )
    )
    silu = torch.ops.aten.silu.default
    wide, narrow = torch.ones(2, 8), torch.ones(2, 4)
    func, args, kwargs = lowering.rewrite(silu, (wide,), {}, lambda: Site(module="mlp.act"))
    assert (func, args, list(kwargs)) == (torch.ops.npu.npu_fast_gelu.default, (), ["self"])
    assert kwargs["self"] is wide
    assert lowering.rewrite(silu, (narrow,), {}, lambda: Site(module="mlp.act")) is None
    assert lowering.rewrite(silu, (wide,), {}, lambda: Site(module="mlp")) is None
    assert lowering.rewrite(torch.ops.aten.relu.default, (wide,), {}, Site) is None


def test_of_several_lowerings_the_later_one_replaces(tmp_path):
    mine = written(
        tmp_path,
        "modules:\n  - {class: Linear, held_as: o_proj, runs: npu.npu_linear, source: a test,"
        " arguments: {input: input.0, weight: module.weight, bias: module.bias}}\nnotes: [of my own]\n",
    )
    lowering = lowerings.load(("lmdeploy-tp", mine))
    with torch.profiler.profile() as profile, lowering.applied():
        Attention()(torch.ones(1, 8))
    names = {event.name for event in profile.events()}
    assert "npu::npu_linear" in names
    assert "npu::npu_mm_all_reduce_base" not in names
    assert lowering.names == ("eager", "lmdeploy-tp", "mine")
    assert "of my own" in lowering.notes


@pytest.mark.parametrize("name", ["eagr", "nowhere.yaml"])
def test_an_unknown_name_tells_the_known_ones(name):
    with pytest.raises(UnknownLoweringError, match="eager"):
        lowerings.load(name)


ROW = "runs: npu.npu_linear, arguments: {}, source: a test"
MISTAKES = {
    "unknown field": ("moduls: []", r"5:1: unknown field 'moduls'"),
    "no such replacement": (
        "modules:\n  - {class: X, runs: rotate_plan, arguments: {}, source: a}",
        r"6:22: unknown replacement 'rotate_plan'; did you mean rotate_plain",
    ),
    "no such argument": (
        "modules:\n  - {class: X, runs: rotate_plain, arguments: {w: 1}, source: a}",
        r"6:\d+: rotate_plain has no argument 'w'; it has q, k, cos, sin, heads",
    ),
    "an argument is missing": (
        "modules:\n  - {class: X, runs: rotate_plain, arguments: {q: 1, k: 1, cos: 1}, source: a}",
        "rotate_plain needs heads, sin",
    ),
    "nothing replaced": (f"modules:\n  - {{{ROW}}}", r"6:5: 'class' is missing"),
    "no source": ("modules:\n  - {class: X, runs: npu.npu_linear, arguments: {}}", r"6:5: 'source' is missing"),
    "a mapping": ("modules:\n  - {class: X, runs: a.b, arguments: {a: {b: c}}, source: a}", r"6:\d+: expected input"),
    "axis from the front": (
        f"modules:\n  - {{class: X, {ROW}, when: [{{size_of: input.0, along: 1, is: 3}}]}}",
        r"an axis is counted from the end",
    ),
    "a size": (
        f"modules:\n  - {{class: X, {ROW}, when: [{{size_of: input.0, along: -1, is: x}}]}}",
        r"a range such as",
    ),
    "a condition": (f"modules:\n  - {{class: X, {ROW}, when: [{{shape: 3}}]}}", r"one of size_of, same_size"),
    "one argument": (
        f"modules:\n  - {{class: X, {ROW}, when: [{{same_size: [1], along: -1}}]}}",
        "two arguments, found 1",
    ),
    "a list of values": (
        f"modules:\n  - {{class: X, {ROW}, when: [{{value_of: input.0, is: [[1]]}}]}}",
        "number, text, true, false or null, found a list",
    ),
    "an attribute": ("modules:\n  - {class: X, runs: a.b, arguments: {a: [eps]}, source: a}", r"expected module.NAME"),
    "a missing header": ("id: again", r"duplicate key 'id'"),
}


@pytest.mark.parametrize(("body", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_file_is_named_with_its_place(tmp_path, body, message):
    with pytest.raises(ProfileError, match=message) as raised:
        lowerings.load(written(tmp_path, body))
    assert "mine.yaml:" in str(raised.value)


# The tables are complete


@pytest.mark.parametrize("row", EVERY_ROW)
def test_every_row_calls_something_that_is_there_with_arguments_that_it_takes(row):
    replacement = REPLACEMENTS.get(row.runs)
    if replacement is not None:
        parameters = inspect.signature(replacement).parameters.values()
        known = {one.name for one in parameters}
        demanded = {one.name for one in parameters if one.default is inspect.Parameter.empty}
    else:
        namespace, name = row.runs.split(".")
        schema = getattr(getattr(torch.ops, namespace), name).default._schema
        known = {one.name for one in schema.arguments}
        demanded = {one.name for one in schema.arguments if not one.has_default_value()}
        assert (row.result is not None) == (len(schema.returns) > 1)
    assert demanded <= set(row.arguments) <= known
    assert "/" in row.source


def test_every_replacement_is_used():
    used = {row.runs for name in lowerings.names() for row in (*read(name).modules, *read(name).functions)}
    assert set(REPLACEMENTS) <= used


@pytest.mark.parametrize("name", lowerings.names())
def test_a_lowering_is_named_as_its_file_and_has_something_to_say(name):
    described = read(name)
    assert described.name == name
    assert described.notes
    assert not described.views_run


def test_what_torch_npu_overrides_are_composites_of_this_torch():
    for name in lowerings.load("eager").overrides:
        _, operator, overload = name.split(".")
        qualified = f"aten::{operator}" + ("" if overload == "default" else f".{overload}")
        assert torch._C._dispatch_has_kernel_for_dispatch_key(qualified, "CompositeImplicitAutograd"), name
