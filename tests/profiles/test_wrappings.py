"""What the framework prints around a sentence, by the status that the vendor's function returned; computed fields."""

from collections.abc import Callable

import pytest

from npusim.call import Call
from npusim.errors import ProfileError
from npusim.frontends.numpy.spelling import parse_operand
from npusim.profiles import Profile
from npusim.profiles.dialects import Dialect
from npusim.report.text import rejection
from npusim.simulator import judge, wrapping

MakeProfile = Callable[[str], Profile]

DIALECTS = """
dialects:
  - returns: 161002
    wrapping: "{returned} parameter: {sentence}"
    wrappings: {"5": "{returned} inner: {sentence}", "5611": "{returned} kernel: {sentence}"}
"""


def _neg(operand: str) -> Call:
    return Call("neg", {"self": (parse_operand(operand),)})


@pytest.mark.parametrize(
    ("returned", "found"), [(None, "d 0"), (161001, "d 161001"), (561000, "i 561000"), (561103, "k 561103")]
)
def test_the_most_precise_wrapping_is_taken(returned: int | None, found: str):
    dialect = Dialect(wrapping="d {returned}", wrappings={"5": "i {returned}", "5611": "k {returned}"})
    assert dialect.around(returned) == found


@pytest.mark.parametrize(
    ("returns", "head"),
    [("", "161002 parameter: no"), ("returns: 561000", "561000 inner: no"), ("returns: 561103", "561103 kernel: no")],
)
def test_a_rule_says_what_is_returned(make_profile: MakeProfile, returns: str, head: str):
    rule = f"{{not_offered: none, text: 'no', {returns}}}" if returns else "{not_offered: none, text: 'no'}"
    profile = make_profile(f"{DIALECTS}\noperators: {{neg: {{rules: [{rule}]}}}}")
    verdict = judge(profile, _neg("float32[2]"))
    assert rejection(verdict, wrapping=wrapping(profile, verdict)).splitlines()[0] == head


def test_the_status_is_of_the_first_check_that_the_call_breaks(make_profile: MakeProfile):
    rules = "[{rank: {self: 1}, text: met, returns: 561000}, {rank: {self: 2}, text: broken, returns: 561103}]"
    profile = make_profile(f"{DIALECTS}\noperators: {{neg: {{rules: {rules}}}}}")
    verdict = judge(profile, _neg("float32[2]"))
    assert wrapping(profile, verdict) == "561103 kernel: {sentence}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[{= self.shape[0]}] of {= self.shape}", "[2] of 2, 3"),
        ("{= self.shape[0] / 4} of {self}", "0.5 of float32"),
        ("{= 'yes' if self.rank == 2 else 'no'}", "yes"),
        ("{= self.shape[7]} {= 1 // 0}", "? ?"),
        ("{=self.rank} {a b}", "{=self.rank} {a b}"),
    ],
)
def test_a_sentence_computes(make_profile: MakeProfile, text: str, said: str):
    profile = make_profile(f'operators: {{neg: {{rules: [{{rank: {{self: 1}}, text: "{text}"}}]}}}}')
    assert judge(profile, _neg("float32[2,3]")).violations[0].text == said


def test_the_chip_may_be_named_in_lower_case(make_profile: MakeProfile):
    profile = make_profile('soc: Chip9\noperators: {neg: {rules: [{not_offered: none, text: "{soc} {soc_lower}"}]}}')
    assert judge(profile, _neg("float32[2]")).violations[0].text == "Chip9 chip9"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('dialects: [{wrappings: {"5": "call"}}]\n', "a wrapping holds {sentence}"),
        ("dialects: [{wrappings: {inner: '{sentence}'}}]\n", "expected the first digits of a status"),
        ("dialects: [{returns: many}]\n", "expected a whole number"),
        ('operators: {neg: {rules: [{rank: {self: 1}, text: "{= sefl.rank}"}]}}\n', "sefl"),
        ('operators: {neg: {rules: [{rank: {self: 1}, text: "{= self.rank +}"}]}}\n', "not an expression"),
    ],
)
def test_a_mistake_is_an_error_at_its_place(make_profile: MakeProfile, body: str, message: str):
    with pytest.raises(ProfileError, match=message.replace("{", r"\{")):
        make_profile(body)
