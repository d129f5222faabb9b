"""The pytest plugin: tests get a simulated device, and a call that it refuses fails them in the vendor's words.

Only wiring, and npusim itself is imported where a test asks for a device: a run without one pays nothing.
"""

import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from npusim.devices import Device
    from npusim.simulator import Verdict

_SELECTED = pytest.StashKey[tuple["_Choice", ...]]()
_MARKER = (
    "npu(*profiles, policy=None, stack=None, on_unknown='warn', wrapped=False): run the test on a device of each "
    "profile (an id, or the path of a YAML file from the root directory), one after the other, as the fixture `npu`"
)
_NO_PROFILE = (
    'the fixture npu needs a profile: mark the test with @pytest.mark.npu("ascend910b"), '
    "set npu_profiles in the configuration file, or pass --npu ascend910b"
)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the fixture makes a device of: the profile as npusim.device takes it, its id and the other arguments."""

    profile: str
    id: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def device(self) -> "Device":
        import npusim

        return npusim.device(self.profile, **dict(self.arguments))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --npu and npu_profiles."""
    parser.getgroup("npusim", "simulated accelerators").addoption(
        "--npu",
        action="append",
        default=[],
        metavar="ID[,ID]",
        help="run tests on these profiles only: of a marker's profiles those, and without a marker all of them",
    )
    parser.addini(
        "npu_profiles",
        "profiles, as ids or paths of YAML files, for tests that take the fixture npu without naming profiles",
        type="args",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and check what --npu names."""
    config.addinivalue_line("markers", _MARKER)
    names = _split(config.getoption("npu"))
    try:
        config.stash[_SELECTED] = tuple(_choices(names, config.invocation_params.dir, "--npu", {}))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which profiles --npu selects, if it does."""
    selected = [choice.id for choice in config.stash[_SELECTED]]
    return [f"npusim: profiles {', '.join(selected)}"] if selected else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise a test that takes the fixture over the profiles of its markers, of --npu, or of the configuration."""
    if "npu" not in metafunc.fixturenames:
        return
    try:
        choices = _choices_for(metafunc)
    except ValueError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    if choices:
        metafunc.parametrize("npu", choices, ids=[choice.id for choice in choices], indirect=True)


def _choices_for(metafunc: pytest.Metafunc) -> list[_Choice]:
    """Return a test's choices; raises ValueError for an unknown profile or argument."""
    config, place = metafunc.config, metafunc.definition.nodeid
    names: Sequence[str] = ()
    arguments: Mapping[str, Any] = {}
    for marker in metafunc.definition.iter_markers("npu"):  # the closest one first, and it wins
        names, arguments = names or marker.args, {**marker.kwargs, **arguments}
    if not names:
        names = [choice.profile for choice in config.stash[_SELECTED]] or _split(config.getini("npu_profiles"))
        place = f"npu_profiles, for {place}"
    return list(_choices(names, config.rootpath, place, arguments))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what runs on a profile that --npu does not name."""
    selected = {choice.id for choice in config.stash[_SELECTED]}
    if not selected:
        return
    kept, dropped = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        (kept if all(choice.id in selected for choice in _params(item)) else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


@pytest.fixture
def npu(request: pytest.FixtureRequest) -> "Generator[Device, None, None]":
    """Give the test a device of its own; under policy="record" fail afterwards if calls were rejected."""
    choice = getattr(request, "param", None)
    if choice is None:
        pytest.fail(_NO_PROFILE, pytrace=False)
    device = choice.device()
    yield device
    from npusim import Policy

    if device.policy is Policy.RECORD and device.verdicts:
        pytest.fail(_recorded(device.verdicts), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a refused or impossible call at the user's line, and a refused one with the command that repeats it."""
    errors = sys.modules.get("npusim.errors")
    error = call.excinfo.value if call.excinfo else None
    if errors is None or not isinstance(error, errors.NPUError | errors.UsageError):
        return (yield)
    if not item.config.getoption("fulltrace"):
        _hide_our_frames(error)
    report = yield
    if isinstance(error, errors.NPUError):
        report.sections.append(("npusim", _repeat(item, error.verdict)))
    return report


def _hide_our_frames(error: BaseException) -> None:
    """Take npusim's frames out of the traceback; the first one is pytest's."""
    error.__suppress_context__ = True
    step = error.__traceback__
    while step is not None:
        while step.tb_next is not None and _is_ours(step.tb_next):
            step.tb_next = step.tb_next.tb_next
        step = step.tb_next


def _is_ours(step: TracebackType) -> bool:
    return str(step.tb_frame.f_globals.get("__name__", "")).startswith("npusim.")


def _split(names: Iterable[str]) -> list[str]:
    return [name.strip() for text in names for name in text.split(",") if name.strip()]


def _choices(names: Iterable[str], base: Path, place: str, arguments: Mapping[str, Any]) -> Iterator[_Choice]:
    """Yield the choice that each name means, paths starting from `base`; raises ValueError, naming the place."""
    for name in map(str, names):
        profile = str(base / name) if "/" in name or name.endswith((".yaml", ".yml")) else name
        choice = _Choice(profile, name, tuple(arguments.items()))
        try:
            yield replace(choice, id=choice.device().profile.id)
        except (ValueError, TypeError) as error:  # an unknown or broken profile, or an argument that devices lack
            raise ValueError(f"{place}: {error}") from None


def _params(item: pytest.Item) -> list[_Choice]:
    """Return the choice that a test was parametrised with, in a list; an empty one for tests without."""
    callspec = getattr(item, "callspec", None)
    return [value for value in callspec.params.values() if isinstance(value, _Choice)] if callspec else []


def _recorded(verdicts: "list[Verdict]") -> str:
    from npusim.report.text import rejection

    return "\n\n".join([f"{len(verdicts)} rejected calls were recorded:", *map(rejection, verdicts)])


def _repeat(item: pytest.Item, verdict: "Verdict") -> str:
    """Say how to judge a refused call again, outside of the test."""
    from npusim.profiles import find_operator, load
    from npusim.report.command import judge_command

    profile = verdict.violations[0].profile
    choice = next((one for one in _params(item) if one.id == profile), _Choice(profile, profile))
    operator = find_operator(load(choice.profile), verdict.call.operator)
    command = judge_command(choice.profile, operator, verdict.call, dict(choice.arguments).get("stack"))
    return f"to judge this call again:\n  {command}"
