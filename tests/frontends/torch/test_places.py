"""Where a call was made: the line outside torch, the path of the module, and the user's own line."""

import linecache
import sys

import torch
from torch import nn

from npusim.frontends.torch import places


class Leaf(nn.Module):
    def forward(self, x):
        self.seen = places.site("op"), places.caller(), places.module_stack()
        return x


class Tree(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Identity(), Leaf())])

    def forward(self, x):
        return self.blocks[0](x)


def test_a_site_has_the_path_from_the_root_and_the_line_outside_torch():
    tree = Tree()
    tree(torch.ones(1))
    site, caller, stack = tree.blocks[0][1].seen
    assert (site.file, site.function, site.module, site.operator) == (__file__, "Leaf.forward", "blocks.0.1", "op")
    assert linecache.getline(site.file, site.line).strip().startswith("self.seen")
    assert caller.file == __file__
    assert [type(one).__name__ for one in stack] == ["Tree", "Sequential", "Leaf"]


def test_the_root_is_called_by_its_class():
    leaf = Leaf()
    leaf(torch.ones(1))
    assert leaf.seen[0].module == "Leaf"


def test_outside_of_modules_there_is_no_path():
    assert places.site().module == ""


def test_a_module_attached_later_is_found():
    tree = Tree()
    tree(torch.ones(1))
    tree.blocks[0].append(Leaf())
    tree(torch.ones(1))
    assert tree.blocks[0][2].seen[0].module == "blocks.0.2"


def test_the_users_own_line_is_outside_of_installed_packages(tmp_path):
    package = next(path for path in map(str, places._INSTALLED) if path.endswith("site-packages"))
    code = compile("def call(function):\n    return function()\n", f"{package}/vendor/code.py", "exec")
    space = {"__name__": "vendor.code"}
    exec(code, space)
    line = sys._getframe().f_lineno + 1
    site, caller = space["call"](lambda: (places.site(), places.caller()))
    assert site.file == caller.file == __file__
    assert caller.line == line

    inner = space["call"](lambda: places.innermost(sys._getframe(1))[0].f_code.co_filename)
    assert inner.endswith("vendor/code.py")
