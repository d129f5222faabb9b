"""The manifests beside the kernels say what the kernels and the executor really are."""

import re

import pytest
import yaml

from npusim.executor.executor import implementations
from npusim.resources import folder

FILES = ("attention", "matmul", "movement", "reduce", "rope", "rows")


def manifest(file):
    return yaml.safe_load((folder("kernels") / f"{file}.yaml").read_text(encoding="utf-8"))


def signatures(file):
    """Return the argument names of every kernel of a file, macros that define kernels expanded by name."""
    text = (folder("kernels") / f"{file}.cl").read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = {}
    for name, arguments in re.findall(r"__kernel void (\w+)\((.*?)\)\s*\{", text, flags=re.DOTALL):
        plain = re.sub(r"NPU_STORAGE\(\w+\)", "", arguments)
        names = [re.findall(r"\w+", argument)[-1] for argument in plain.split(",")]
        for kernel in re.findall(r"^PACK\((\w+),", text, flags=re.MULTILINE) if name == "NAME" else [name]:
            found[kernel] = names
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_kernel_is_listed_with_its_arguments(file):
    listed = {name: entry["arguments"] for name, entry in manifest(file)["kernels"].items()}
    assert listed == signatures(file)


@pytest.mark.parametrize("file", FILES)
def test_every_group_is_one_of_the_source(file):
    text = (folder("kernels") / f"{file}.cl").read_text(encoding="utf-8")
    groups = {entry["group"] for entry in manifest(file)["kernels"].values() if "group" in entry}
    assert groups == set(re.findall(r"#ifdef GROUP_(\w+)", text))


def test_every_operator_beyond_elementwise_is_in_a_manifest():
    listed = {operator for file in FILES for operator in manifest(file)["operators"]}
    elementwise = yaml.safe_load((folder("kernels") / "elementwise.yaml").read_text(encoding="utf-8"))["kernels"]
    assert listed == set(implementations()) - {entry["operator"] for entry in elementwise.values()} - {"cast"}
