"""The pytest plugin: tests get a simulated device, and a call that it refuses fails them in the vendor's words.

Only wiring, and npusim itself is imported where a test asks for a device: a run without one pays nothing.
"""

import sys
from collections.abc import Generator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from npusim.pytest_plugin.baseline import Known, read
from npusim.pytest_plugin.choices import Choice, check_mode, choices, split
from npusim.pytest_plugin.outcome import PROPERTY
from npusim.pytest_plugin.summary import Summary
from npusim.pytest_plugin.torch_runs import Torch
from npusim.pytest_plugin.watch import Watch

if TYPE_CHECKING:
    from npusim.devices import Device
    from npusim.simulator import Verdict

_SELECTED = pytest.StashKey[tuple[Choice, ...]]()
_KNOWN = pytest.StashKey[Known]()
_WATCH = pytest.StashKey[Watch]()
_MARKER = (
    "npu(*profiles, policy=None, stack=None, on_unknown='warn', wrapped=False, mode='record', lowering=None): run the "
    "test on a device of each profile (an id, or the path of a YAML file from the root directory), one after the "
    "other, as the fixture `npu`; mode and lowering are those of its torch runs"
)
_NO_PROFILE = (
    'the fixture npu needs a profile: mark the test with @pytest.mark.npu("ascend910b"), '
    "set npu_profiles in the configuration file, or pass --npu ascend910b"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line and of the configuration file."""
    group = parser.getgroup("npusim", "simulated accelerators")
    group.addoption(
        "--npu",
        action="append",
        default=[],
        metavar="ID[,ID]",
        help="run tests on these profiles only: of a marker's profiles those, and without a marker all of them",
    )
    group.addoption("--npu-report-only", action="store_true", help="fail no test for a rejected call, only report it")
    group.addoption(
        "--npu-update",
        action="store_true",
        help="write the recorded rejections to the baseline file, and fail no test for one",
    )
    parser.addini(
        "npu_profiles",
        "profiles, as ids or paths of YAML files, for tests that take the fixture npu without naming profiles",
        type="args",
        default=[],
    )
    parser.addini("npu_mode", "what torch runs do with a rejected call: raise, record or report", default="record")
    parser.addini("npu_lowering", "names of lowering sets for torch runs", type="args", default=[])
    parser.addini(
        "npu_repairs",
        "try repairs of what a torch run refused, each in a re-run of the model",
        type="bool",
        default=True,
    )
    parser.addini("npu_baseline", "the file that holds the known rejections", default="npu-baseline.json")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, check what the options name, and read the baseline file."""
    config.addinivalue_line("markers", _MARKER)
    baseline = config.rootpath / config.getini("npu_baseline")
    try:
        names = split(config.getoption("npu"))
        config.stash[_SELECTED] = tuple(choices(names, config.invocation_params.dir, "--npu", {}))
        check_mode(config.getini("npu_mode"), "npu_mode")
        config.stash[_KNOWN] = read(baseline)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if not hasattr(config, "workerinput"):  # under pytest-xdist only the process that reports adds up and writes
        options = {f"is_{name}": config.getoption(f"npu_{name}") for name in ("update", "report_only")}
        summary = Summary(baseline, config.stash[_KNOWN], **options)
        config.pluginmanager.register(summary, "npusim-summary")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which profiles --npu selects, if it does."""
    selected = [choice.id for choice in config.stash[_SELECTED]]
    return [f"npusim: profiles {', '.join(selected)}"] if selected else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise a test that takes the fixture over the profiles of its markers, of --npu, or of the configuration."""
    if "npu" not in metafunc.fixturenames:
        return
    try:
        chosen = _choices_for(metafunc)
    except ValueError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    if chosen:
        metafunc.parametrize("npu", chosen, ids=[choice.id for choice in chosen], indirect=True)


def _choices_for(metafunc: pytest.Metafunc) -> list[Choice]:
    """Return a test's choices; raises ValueError for an unknown profile or argument."""
    config, place = metafunc.config, metafunc.definition.nodeid
    names: Sequence[str] = ()
    arguments: Mapping[str, Any] = {}
    for marker in metafunc.definition.iter_markers("npu"):  # the closest one first, and it wins
        names, arguments = names or marker.args, {**marker.kwargs, **arguments}
    if not names:
        names = [choice.profile for choice in config.stash[_SELECTED]] or split(config.getini("npu_profiles"))
        place = f"npu_profiles, for {place}"
    return list(choices(names, config.rootpath, place, arguments))


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
    """Give the test a device of its own, and watch it."""
    choice = getattr(request, "param", None)
    if choice is None:
        pytest.fail(_NO_PROFILE, pytrace=False)
    device, config, node = choice.device(), request.config, request.node
    is_report_only = config.getoption("npu_report_only")
    torch = Torch(device, _torch_defaults(config, choice), is_report_only=is_report_only)
    vars(device)["torch"] = torch  # of this device only, in front of the method
    test = f"{node.parent.nodeid}::{node.name}"  # its own nodeid may have a group of pytest-xdist behind it
    known = config.stash[_KNOWN].get((test, device.profile.id), frozenset())
    fails = not is_report_only and not config.getoption("npu_update")
    watch = node.stash[_WATCH] = Watch(
        device, torch, known, config.rootpath, fails=fails, repairs=config.getini("npu_repairs")
    )
    if is_report_only:
        from npusim import Policy

        device.policy = Policy.RECORD
    yield device
    del node.stash[_WATCH]  # the item lives as long as the session
    came_to = watch.outcome(test)
    if came_to is not None:
        node.user_properties.append((PROPERTY, came_to.to_json()))
    watch.look()


@pytest.fixture
def npusim_torch(npu: "Device") -> Any:
    """Give the test `npu.torch`, with the mode and lowering of its marker or of the configuration file."""
    return npu.torch


def _torch_defaults(config: pytest.Config, choice: Choice) -> dict[str, Any]:
    """Return the options of a test's torch runs: those of its marker, or else of the configuration file."""
    configured = {"mode": config.getini("npu_mode"), "lowering": config.getini("npu_lowering") or None}
    return {**configured, **dict(choice.torch)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that went well, but for what it recorded."""
    result = yield
    watch = item.stash.get(_WATCH, None)
    if watch is not None:
        watch.end_of_test()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a refused or impossible call at the user's line, and a refused one with the command that repeats it."""
    errors = sys.modules.get("npusim.errors")
    error = call.excinfo.value if call.excinfo else None
    if errors is None or not isinstance(error, errors.NPUError | errors.UsageError | errors.MissingExtraError):
        return (yield)
    if not item.config.getoption("fulltrace"):
        _hide_our_frames(error)
    report = yield
    if isinstance(error, errors.NPUError):
        watch = item.stash.get(_WATCH, None)
        mended = watch.mended([error.verdict]) if watch is not None else []
        report.sections.append(("npusim", "\n".join([_repeat(item, error.verdict), *mended])))
    return report


def _hide_our_frames(error: BaseException) -> None:
    """Take the frames of npusim, and of torch around it, out of the traceback; the first one is pytest's."""
    error.__suppress_context__ = True
    step = error.__traceback__
    while step is not None:
        while step.tb_next is not None and _is_ours(step.tb_next):
            step.tb_next = step.tb_next.tb_next
        step = step.tb_next


def _is_ours(step: TracebackType) -> bool:
    return str(step.tb_frame.f_globals.get("__name__", "")).startswith(("npusim.", "torch."))


def _params(item: pytest.Item) -> list[Choice]:
    """Return the choice that a test was parametrised with, in a list; an empty one for tests without."""
    callspec = getattr(item, "callspec", None)
    return [value for value in callspec.params.values() if isinstance(value, Choice)] if callspec else []


def _repeat(item: pytest.Item, verdict: "Verdict") -> str:
    """Say how to judge a refused call again, outside of the test."""
    from npusim.profiles import find_operator, load
    from npusim.report.command import judge_command

    profile = verdict.violations[0].profile
    choice = next((one for one in _params(item) if one.id == profile), Choice(profile, profile))
    operator = find_operator(load(choice.profile), verdict.call.operator)
    command = judge_command(choice.profile, operator, verdict.call, dict(choice.arguments).get("stack"))
    return f"to judge this call again:\n  {command}"
