"""The function that a user names: found, called, and blamed with its line where it fails."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from torch import nn

from npusim.errors import DataReadError
from npusim.frontends.torch.target import Inputs, TargetError, call, describe, find_target, made

MODULES = {
    "zoo/__init__.py": "",
    "zoo/crashes.py": "1 / 0",
    "zoo/needs.py": "import a_package_nobody_has",
    "zoo/exits.py": "import sys; sys.exit(3)",
    "zoo/syntax.py": "\ndef build(:",
    "zoo/nets.py": """\
        import torch
        from torch import nn

        THREE = 3

        def build(): return nn.Linear(4, 4), torch.ones(2, 4)

        def raises():
            return {}["missing"]

        def reads():
            if torch.ones(4, 99_999).sum() > 0:
                return build()

        def alone(): return nn.Linear(4, 4)

        def three(): return nn.Linear(4, 4), 1, 2
        """,
}


@pytest.fixture(autouse=True, scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("target")
    for name, text in MODULES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(dedent(text), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        yield


def line_of(code: str) -> int:
    lines = dedent(MODULES["zoo/nets.py"]).splitlines()
    return next(number for number, line in enumerate(lines, 1) if code in line)


def test_a_function_is_found_and_makes_a_model_and_inputs() -> None:
    model, inputs = made(find_target("zoo.nets:build"))
    assert isinstance(model, nn.Linear)
    assert call(model, inputs).shape == (2, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zoo/nets.py:build", "does not name a function: write package.module:function"),
        ("zoo.nets", "does not name a function: write package.module:function"),
        (":build", "does not name a function"),
        ("zoo.nest:build", "there is no module 'zoo.nest' in .* did you mean zoo.nets"),
        ("zooo.nets:build", "there is no module 'zooo' in .* did you mean zoo?"),
        ("zoo.nets:biuld", r"module zoo.nets has no function 'biuld'; did you mean build\?"),
        ("zoo.nets:THREE", "THREE is a int, not a function that returns"),
        ("zoo.crashes:build", "importing zoo.crashes failed: ZeroDivisionError: division by zero at zoo/crashes.py:1$"),
        ("zoo.needs:build", "failed: ModuleNotFoundError: No module named 'a_package_nobody_has' at zoo/needs.py:1$"),
        ("zoo.exits:build", "failed: SystemExit: 3 at zoo/exits.py:1$"),
        ("zoo.syntax:build", "failed: SyntaxError: .* at zoo/syntax.py:2$"),
    ],
)
def test_a_wrong_target_is_one_clear_sentence(text: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        find_target(text)


@pytest.mark.parametrize("fake", [False, True])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", r"zoo.nets:raises\(\) failed: KeyError: 'missing' at zoo/nets.py:{line}$"),
        ("alone", r"zoo.nets:alone\(\) returned Linear; it must return \(model, inputs\)"),
        ("three", r"zoo.nets:three\(\) returned \(Linear, int, int\); it must return \(model, inputs\)"),
    ],
)
def test_a_function_that_fails_is_named_with_its_line(name: str, said: str, fake: bool) -> None:
    with pytest.raises(TargetError, match=said.replace("{line}", str(line_of('{}["missing"]')))):
        made(find_target(f"zoo.nets:{name}"), fake=fake)


def test_a_model_that_is_put_on_cuda_is_told_to_stay_on_the_cpu() -> None:
    error = AssertionError("Torch not compiled with CUDA enabled")
    assert describe(error).endswith('; npusim simulates on the CPU: leave .cuda() and device="cuda" out')


def test_reading_a_fake_float_names_the_line() -> None:
    with pytest.raises(DataReadError, match=f"nets.py:{line_of('.sum() > 0')} in reads"):
        made(find_target("zoo.nets:reads"), fake=True)


@pytest.mark.parametrize(
    ("inputs", "expected"), [({"input": torch.ones(4)}, 4), ([torch.ones(4)], 4), (torch.ones(4), 4)]
)
def test_inputs_are_keywords_positions_or_one_tensor(inputs: Inputs, expected: int) -> None:
    assert len(call(nn.Identity(), inputs)) == expected


def test_an_error_within_torch_is_placed_at_the_line_that_called_it() -> None:
    with pytest.raises(RuntimeError) as caught:
        nn.functional.linear(torch.ones(2, 3), torch.ones(4, 4))
    assert f"{Path(__file__).name}:{caught.traceback[0].lineno + 1}" in describe(caught.value)


def test_a_device_that_is_not_there_yet_is_offered() -> None:
    error = RuntimeError("Expected one of cpu, cuda device type at start of device string: npu")
    assert describe(error).endswith('npusim.torch.install() makes torch.device("npu") work without torch_npu')
