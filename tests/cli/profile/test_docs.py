"""`npusim profile docs`: what is printed, what is written."""

from npusim.cli import main
from npusim.profiles import available

BODY = "operators: {neg: {ports: {self: float16}, source: a manual, confidence: inferred}}\n"


def test_a_page_is_printed(capsys, write_profile):
    assert main(["profile", "docs", str(write_profile(BODY))]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# A chip\n")
    assert "| `neg` | device | ● | 1 | inferred |\n" in out


def test_without_arguments_all_chips_are_listed(capsys):
    assert main(["profile", "docs"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# Chips\n")
    assert all(f"[{name}]({name}.md)" in out for name in available())


def test_pages_are_written(capsys, write_profile, tmp_path):
    folder = tmp_path / "some" / "chips"
    assert main(["profile", "docs", str(write_profile(BODY)), "--out", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {"README.md", "chip.md"}
    assert "[chip](chip.md)" in (folder / "README.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"{folder / 'README.md'} written\n{folder / 'chip.md'} written\n"


def test_a_file_in_the_way_is_a_usage_error(capsys, write_profile, tmp_path):
    path = write_profile(BODY)
    assert main(["profile", "docs", str(path), "--out", str(path)]) == 2
    assert "chip.yaml" in capsys.readouterr().err
