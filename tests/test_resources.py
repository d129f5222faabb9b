"""The shipped folders are found, or the installation is said to be damaged."""

from pathlib import Path

import pytest

from npusim import resources


@pytest.mark.parametrize(("name", "file"), [("device_profiles", "ascend910b.yaml"), ("kernels", "matmul.cl")])
def test_a_checkout_finds_its_folders(name: str, file: str):
    assert (resources.folder(name) / file).is_file()


def test_a_wheel_finds_its_own_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "npusim"
    inside, beside = package / "_data" / "kernels", tmp_path / "kernels"
    beside.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.folder("kernels") == beside
    inside.mkdir(parents=True)
    assert resources.folder("kernels") == inside


def test_a_damaged_installation_names_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "npusim")
    with pytest.raises(FileNotFoundError) as caught:
        resources.folder("kernels")
    assert str(tmp_path / "npusim" / "_data" / "kernels") in str(caught.value)
    assert f"nor {tmp_path / 'kernels'}; reinstall npusim" in str(caught.value)
