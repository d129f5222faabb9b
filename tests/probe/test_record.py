"""What a probe is said to have written is taken whole or not at all, with one message."""

import pytest

from npusim.errors import ProbeError, UsageError
from npusim.probe.record import read_record
from npusim.profiles import load


def refused(path, truth, soc="Chip"):
    with pytest.raises(ProbeError) as caught:
        read_record(path, load(truth), soc)
    message = str(caught.value)
    assert isinstance(caught.value, UsageError)
    assert message.startswith(f"{path}: ")
    assert "; allowed: " in message
    assert "; repair: " in message
    assert "\n" not in message
    return message


def test_what_a_script_wrote_is_read(write_answer, truth):
    record = read_record(write_answer(), load(truth), "Chip")
    assert (record.chip, dict(record.versions)["SDK"]) == ("Chip", "1.0")
    assert {answer.status for answer in record.answers} == {"accepted", "refused"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile": "other"}, "profile: found other; allowed: chip"),
        ({"chip": "Another"}, "chip: found Another; allowed: Chip"),
        ({"chip": ""}, "chip: found none"),
        ({"npusim_probe": 2}, "npusim_probe: found 2; allowed: version 1"),
        ({"digest": "0" * 64}, "cases: found cases of digest"),
        ({"cases": []}, "cases: found cases of digest"),
        ({"cases": {}}, "cases: found {}; allowed: a value of type list"),
        ({"cases": [17]}, "case 1: found 17"),
        ({"cases": [{"id": "x", "result": {"status": "fine"}}]}, "case x: found the result"),
        ({"versions": None}, "versions: found null"),
    ],
)
def test_what_is_wrong_is_named(write_answer, truth, changes, said):
    assert said in refused(write_answer(**changes), truth)


def test_a_changed_case_is_seen(write_answer, answer, truth):
    cases = [{**answer["cases"][0], "operator": "relu"}, *answer["cases"][1:]]
    assert "cases: found cases of digest" in refused(write_answer(cases=cases), truth)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", '{"profile": "chip"}', "\x00", "[" * 100_000])
def test_nonsense_is_refused(tmp_path, truth, text):
    path = tmp_path / "answer.json"
    path.write_text(text, encoding="utf-8")
    refused(path, truth)


def test_a_file_that_is_cut_off_is_refused(write_answer, truth):
    path = write_answer()
    path.write_text(path.read_text(encoding="utf-8")[:2000], encoding="utf-8")
    assert "line 1, column" in refused(path, truth)


def test_a_driver_may_call_the_chip_more_precisely(write_answer, truth):
    assert read_record(write_answer(chip="Chip-B3"), load(truth), "Chip").chip == "Chip-B3"


def test_a_profile_that_does_not_name_its_chip_takes_any(write_answer, truth):
    assert read_record(write_answer(chip="Another"), load(truth), "").chip == "Another"
