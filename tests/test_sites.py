"""Sites and origins: the line of the user's code, through every way of calling."""

from collections.abc import Callable
from inspect import currentframe
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import npusim
from npusim.call import Site
from npusim.report.text import show_site
from npusim.sites import caller

Make = Callable[..., npusim.Device]
BF16 = ml_dtypes.bfloat16


def line() -> int:
    """The line of the caller."""
    return currentframe().f_back.f_lineno


def born(array: Any) -> tuple[int, str]:
    """The line and operator of an array's dtype."""
    origin = array.birth.origin
    assert origin.file == __file__
    return origin.line, origin.operator


def test_the_caller_is_the_innermost_line_outside_npusim():
    site = caller("add")
    assert (site.file, site.line, site.operator) == (__file__, line() - 1, "add")
    assert site.function.endswith("test_the_caller_is_the_innermost_line_outside_npusim")


@pytest.mark.parametrize(
    ("name", "ours"), [("npusim.devices", True), ("npusim.demo.story", False), ("npusim_user", False), (None, False)]
)
def test_code_of_npusim_is_skipped_but_not_that_of_the_demo(name: str | None, ours: bool):
    scope: dict[str, Any] = {"__name__": name, "caller": caller}
    exec(compile("def f():\n    return caller()\n", "somewhere.py", "exec"), scope)
    site = scope["f"]()
    assert site.file == (__file__ if ours else "somewhere.py")


def test_a_stack_without_a_user_gives_an_empty_site():
    scope: dict[str, Any] = {"__name__": "npusim.x", "caller": caller}
    exec("def f():\n    return caller('op')\n", scope)
    import threading

    found: list[Site] = []
    scope["threading"] = threading
    thread = threading.Thread(target=lambda: found.append(scope["f"]()))
    thread.start()
    thread.join()
    assert found[0].operator == "op"


@pytest.mark.parametrize(
    ("site", "shown"),
    [
        (None, "unknown"),
        (Site(), "unknown"),
        (Site("/elsewhere/a.py", 3), "/elsewhere/a.py:3"),
        (Site("/elsewhere/a.py", 3, "f"), "/elsewhere/a.py:3 in f"),
        (Site("/elsewhere/a.py", 3, "f", "model.layers.0"), "/elsewhere/a.py:3 in model.layers.0"),
        (Site("/elsewhere/a.py", 3, "<module>"), "/elsewhere/a.py:3"),
    ],
)
def test_a_site_is_shown_as_file_line_and_place(site: Site | None, shown: str):
    assert show_site(site) == shown


def test_a_file_below_the_working_directory_is_shown_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert show_site(Site(str(tmp_path / "a" / "b.py"), 1)) == str(Path("a") / "b.py") + ":1"


def test_a_rejection_names_the_users_line_however_it_is_made(npu: npusim.Device):
    x = npu.xp.asarray(np.ones((2, 2), np.uint16))
    calls: list[Callable[[], Any]] = [
        lambda: x + x,
        lambda: 1 + x,
        lambda: -x,
        lambda: npu.xp.add(x, x),
        lambda: npu.run("add", x, x),
        lambda: npu.run("add", x.numpy(), other=x.numpy()),
        lambda: npu.xp.concat([x, x]),
        lambda: npu.xp.sum(x, axis=0),
    ]
    for call in calls:
        with pytest.raises(npusim.NPUError) as caught:
            call()
        site = caught.value.site
        assert (site.file, site.line) == (__file__, call.__code__.co_firstlineno)
        assert "<lambda>" in site.function


def test_judging_names_the_users_line(npu: npusim.Device):
    verdicts = [npu.judge("add", "uint16[2]", "uint16[2]") for _ in range(2)]
    for verdict in verdicts:
        assert (verdict.call.site.file, verdict.call.site.line) == (__file__, line() - 2)
        assert all(v.site == verdict.call.site for v in verdict.violations)


class TestOrigins:
    """Where a dtype was born, through everything that can happen to it."""

    @pytest.fixture(autouse=True)
    def arrays(self, npu: npusim.Device) -> None:
        self.npu, self.xp = npu, npu.xp
        self.x = self.xp.asarray(np.ones((4, 4), BF16))
        self.x_line = line() - 1
        self.table = self.xp.asarray(np.ones((4, 4), np.float32))

    def test_conversion_from_numpy_is_a_birth(self):
        assert born(self.x) == (self.x_line, "asarray")

    def test_what_keeps_the_dtype_keeps_the_origin(self):
        x = self.x
        kept = [
            x + x, x * 2.0, 2.0 * x, 1 - x, -x, x @ x, x.T, x[1:], x[0, None], self.xp.exp(x), self.xp.sum(x, axis=0),
            self.xp.reshape(x, (2, 8)), self.xp.concat([x, x]), self.xp.split(x, 2)[1], self.xp.where(x > 0, x, x),
            self.xp.softmax(x, axis=0), x.astype("bfloat16"), self.xp.linear(x, x, bias=x[0]),
        ]  # fmt: skip
        assert {born(array) for array in kept} == {(self.x_line, "asarray")}

    def test_promotion_is_a_birth_at_its_line(self):
        promoted = self.x * self.table
        assert born(promoted) == (line() - 1, "mul(bfloat16, float32)")
        assert promoted.dtype.name == "float32"

    def test_the_first_promotion_is_blamed_for_all_that_follows(self):
        promoted = self.x * self.table
        expected = line() - 1, "mul(bfloat16, float32)"
        rotated = promoted + self.x
        later = self.xp.concat([rotated[:, :2], -rotated[:, 2:]], axis=-1) * 0.5
        assert born(rotated) == born(later) == expected

    def test_a_conversion_is_a_birth(self):
        converted = self.x.astype("float32")
        assert born(converted) == (line() - 1, "cast(bfloat16)")

    def test_a_0d_operand_changes_no_dtype(self):
        scale = self.xp.asarray(np.float32(2))
        assert born(self.x * scale) == born(scale * self.x) == (self.x_line, "asarray")

    def test_an_operand_of_another_dtype_that_does_not_decide_is_no_birth(self):
        weight = self.xp.asarray(np.ones(4, np.float32))
        normed = self.xp.rms_norm(self.x, weight, normalized_shape=4)
        assert normed.dtype.name == "bfloat16"
        assert born(normed) == (self.x_line, "asarray")

    def test_integers_have_origins_too(self):
        index = self.xp.asarray(np.zeros((4, 4), np.int64))
        index_line = line() - 1
        assert born(abs(index)) == born(index + 1) == born(index[0]) == (index_line, "asarray")
        assert born(self.xp.embedding(self.x, index)) == (self.x_line, "asarray")
        assert born(self.xp.gather(self.x, index, 0)) == (self.x_line, "asarray")
        compared = index == 0
        assert born(compared) == (line() - 1, "eq(int64, int64)")

    def test_a_rejection_prints_where_the_dtype_was_born(self):
        rotated = self.x * self.table
        birth = line() - 1
        with pytest.raises(npusim.DtypeNotSupportedError) as caught:
            self.xp.matmul_all_reduce(rotated, self.x)
        error = caught.value
        assert (error.origin.line, error.origin.operator) == (birth, "mul(bfloat16, float32)")
        place = f"{Path(__file__).relative_to(Path.cwd())}:{birth}"
        assert f"found    float32, born in mul(bfloat16, float32) at {place}" in str(error)
        assert "rotated = self.x * self.table" in str(error)

    def test_the_origin_is_that_of_the_operand_that_is_refused(self, make_device: Make):
        npu = make_device("ascend310p")
        fine = npu.xp.asarray(np.ones(2, np.float32))
        bad = npu.xp.asarray(np.ones(2, BF16))
        bad_line = line() - 1
        for call in (lambda: npu.xp.concat([fine, bad]), lambda: npu.run("cat", fine, bad), lambda: fine + bad):
            with pytest.raises(npusim.NPUError) as caught:
                call()
            assert caught.value.origin.line == bad_line
        verdict = npu.judge("cat", [fine, bad])
        assert [v.origin.line for v in verdict.violations] == [bad_line]

    def test_numpy_operands_have_no_origin(self):
        with pytest.raises(npusim.NPUError) as caught:
            self.npu.run("matmul_all_reduce", self.table.numpy(), self.table.numpy())
        assert caught.value.origin is None
