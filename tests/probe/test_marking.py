"""What was confirmed is marked as measured in the YAML, and nothing else in it changes."""

import json
from pathlib import Path

import pytest

from npusim.errors import ProbeError
from npusim.probe.confirm import confirm
from npusim.probe.marking import Place, places, raise_confidence
from npusim.probe.record import read_record
from npusim.profiles import load
from npusim.profiles.document import Mark
from npusim.profiles.words import Confidence
from tests.probe.conftest import TRUTH, confirmed


@pytest.fixture
def marked(claimed, write_answer):
    """Confirm a profile with the answer of the chip, and return its text with what that raised."""

    def mark(*changes):
        profile = claimed(*changes)
        path = write_answer()
        record = read_record(path, profile, "")
        raise_confidence(places(confirm(profile, record)))
        return Path(profile.file).read_bytes().decode()

    return mark


def test_confidences_are_raised_and_all_else_stays(marked, tmp_path):
    expected = (
        TRUTH.replace("confidence: inferred    # from a picture", "confidence: measured    # from a picture")
        .replace("confidence: documented      # in table 1", "confidence: measured      # in table 1")
        .replace('confidence: "inferred"', 'confidence: "measured"')
    )
    assert marked() == expected
    profile = load(tmp_path / "chip.yaml")
    assert profile.operators["abs"].confidence is Confidence.MEASURED
    assert profile.operators["mul"].confidence is Confidence.DOCUMENTED


def test_line_ends_stay(claimed, write_answer):
    path = Path(claimed().file)
    path.write_bytes(TRUTH.replace("\n", "\r\n").encode())
    raise_confidence(places(confirmed(load(path), write_answer())))
    text = path.read_bytes().decode()
    assert text.count("\r\n") == text.count("\n") == TRUTH.count("\n")
    assert text.count("measured") == 3


def test_an_entry_that_is_contradicted_stays(marked):
    text = marked(("ports: {self: [float16, float32]}", "ports: {self: [float16, int8]}"))
    assert text.count("measured") == 1
    assert 'confidence: "measured"' in text


def test_a_sentence_that_is_contradicted_keeps_its_entry_as_it_is(marked):
    text = marked(("at most 3 dimensions", "no more than 3"))
    assert text.count("measured") == 1


def test_a_confidence_that_several_operators_share_needs_them_all(marked):
    text = marked(("  neg:\n", "  neg, exp:\n"))
    assert 'confidence: "inferred"' in text


def test_what_was_killed_confirms_nothing(claimed, answer, write_answer):
    cases = [dict(case) for case in answer["cases"]]
    cases[0]["result"] = {"status": "killed", "text": "signal 11"}
    found = confirmed(claimed(), write_answer(cases=cases))
    assert cases[0]["operator"] == "abs"
    assert found.confirmed == {"neg"}


def test_no_file_is_written_if_one_cannot_be(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    for file in (good, bad):
        file.write_text("confidence: documented\n", encoding="utf-8")
    chosen = [Place(Mark(str(good), 1, 13), ("abs",)), Place(Mark(str(bad), 1, 3), ("neg",))]
    with pytest.raises(ProbeError, match="found 'nfidence: documented'; allowed: a confidence"):
        raise_confidence(chosen)
    assert good.read_text(encoding="utf-8") == "confidence: documented\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.yaml", "good.yaml"]


def test_the_answer_is_plain_json(answer):
    assert json.loads(json.dumps(answer)) == answer
