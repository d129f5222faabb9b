"""The profile loader: every mistake is one error with file, line, column, what was found and what is allowed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npusim.call import Call, Operand
from npusim.dtypes import DTYPES
from npusim.errors import ProfileError
from npusim.frontends.numpy.spelling import parse_tensor_type
from npusim.numerics.model import Numerics, Overflow, Rounding, Subnormals
from npusim.operators import OPERATORS, bind
from npusim.profiles import OpenCLLimits, Profile, Stack, inheritance, load
from npusim.profiles.schema import SECTIONS
from npusim.profiles.words import Confidence, Enforcement, Placement
from npusim.simulator import Status, judge

WHOLE = """npusim: 1
id: chip
name: A chip
soc: CHIP9
stack: {name: CANN, version: "8.1.RC1", frontend: torch_npu}
features: {bf16: true}
enforcement: narrow
narrows: {int64: int32, float64: float32}
numerics:
  compute: {bfloat16: float32}
  rounding: primitive
  accumulate: {float16: float32}
  matmul: {float32: float16}
  subnormals: flush
  overflow: saturate
  source: {repo: a/b, path: c.ini}
dialects:
  - {until: "8.1.RC1", spelling: cann, opening: "[", separator: ",", closing: ",]", sentences: {dtype: "no {found}"}}
  - {wrapping: "call {api} failed: {sentence}"}
opencl:
  max_work_group_size: 256
  max_work_item_sizes: [256, 256, 64]
  local_mem_size_bytes: 32768
  sub_group_sizes: 32
  extensions: [cl_khr_fp16]
operators:
  matmul:
    api: aclnnMatmul
    aliases: [aclnnMm]
    frameworks: {torch: [aten.mm, aten.bmm]}
    guards:
      - forbid_dtype: {self: bfloat16}
        unless: bf16
        text: "no {found}"
    ports:
      self: {dtypes: [float16, bfloat16 if bf16], label: matA, text: "{name} is {found}, mat2 {mat2}"}
      mat2: [DT_FLOAT16, bf16]
      out: unknown
    rows:
      - {self: float16, mat2: float16}
      - {self: bfloat16, mat2: [bfloat16, float16]}
    rules:
      - same_dtype: [self, mat2]
        when: {self: {dtype: float16, rank: 2.., present: true, constant: false}}
        source: "a document"
        confidence: inferred
      - rank: {self: [1, 3..4], mat2: ..6}
    notes:
      - {note: "slow", when: {self: {dtype: float16}}}
    variants:
      - {when: {mat2: {constant: true}}, api: aclnnMmConstant}
    placement: host
    source: {repo: r, path: p:1}
    confidence: documented
  add: unknown
"""


def test_every_key_is_read(make_profile: Callable[..., Profile]):
    profile = make_profile(WHOLE, header="")
    assert (profile.id, profile.name, profile.soc) == ("chip", "A chip", "CHIP9")
    assert profile.stack == Stack("CANN", "8.1.RC1", "torch_npu")
    assert profile.enforcement is Enforcement.NARROW
    assert profile.narrows == {DTYPES["int64"]: DTYPES["int32"], DTYPES["float64"]: DTYPES["float32"]}
    assert profile.numerics == Numerics(
        {"bfloat16": "float32"},
        Rounding.PRIMITIVE,
        {"float16": "float32"},
        {"float32": "float16"},
        Subnormals.FLUSH,
        Overflow.SATURATE,
    )
    assert profile.opencl == OpenCLLimits(256, (256, 256, 64), 32768, (32,), extensions=("cl_khr_fp16",))
    assert profile.dialect.sentences == {"dtype": "no {found}"}
    assert profile.features == {"bf16": True}
    entry = profile.operators["matmul"]
    assert (entry.api, entry.aliases) == ("aclnnMatmul", ("aclnnMm",))
    assert entry.frameworks == {"torch": ("aten.mm", "aten.bmm")}
    assert entry.labels == {"self": "matA"}
    assert [check.rule.code for check in entry.checks] == ["NPU101", "NPU101", "NPU102", "NPU103", "NPU201"]
    assert entry.unknown_ports == {"out"}
    assert entry.placement is Placement.HOST
    assert (entry.source, entry.confidence) == ("r p:1", Confidence.DOCUMENTED)
    assert (entry.checks[3].source, entry.checks[3].confidence) == ("a document", Confidence.INFERRED)
    assert (entry.checks[4].source, entry.checks[4].confidence) == ("r p:1", Confidence.DOCUMENTED)
    ((_, variant),) = entry.variants
    assert (variant.api, variant.aliases) == ("aclnnMmConstant", ("aclnnMm",))
    assert profile.operators["add"].unknown
    assert profile.names == {"aclnnmatmul": "matmul", "aclnnmm": "matmul", "aclnnmmconstant": "matmul"}


def test_a_profile_needs_no_more_than_a_version_and_an_id(make_profile: Callable[..., Profile]):
    profile = make_profile("npusim: 1\nid: chip\n", header="")
    assert (profile.name, profile.soc, profile.stack) == ("chip", "CHIP", Stack("", ""))
    assert (profile.enforcement, profile.numerics, profile.operators) == (Enforcement.ERROR, Numerics(), {})


def _optional(section: str) -> list[str]:
    return [key.name for key in SECTIONS[section][1] if not key.required]


@pytest.mark.parametrize("key", [k for k in _optional("profile") if k not in {"id", "family", "extends", "features"}])
def test_unknown_is_a_legal_value_of_every_key(key: str, make_profile: Callable[..., Profile]):
    make_profile(f"npusim: 1\nid: chip\n{key}: unknown\n", header="")


@pytest.mark.parametrize("section", ["stack", "numerics", "opencl"])
def test_unknown_is_a_legal_value_inside_a_section(section: str, make_profile: Callable[..., Profile]):
    body = "".join(f"  {key.name}: unknown\n" for key in SECTIONS[section][1])
    profile = make_profile(f"{section}:\n{body}")
    assert profile.numerics == Numerics()
    assert profile.opencl == OpenCLLimits()


@pytest.mark.parametrize("key", [k for k in _optional("operator") if k not in {"signature", "same_as"}])
def test_unknown_is_a_legal_value_inside_an_operator(key: str, make_profile: Callable[..., Profile]):
    make_profile(f"operators:\n  add:\n    {key}: unknown\n")


OPERATOR = "operators:\n  add:\n"
RULES = "operators:\n  matmul_all_reduce:\n    rules:\n"

# A name, the text after the usual three lines (or, with None before it, the whole file), and how the error begins.
WRONG: dict[str, tuple[str, str]] = {
    "unknown key": ("opreators: {}\n", "4:1: unknown key 'opreators' in a profile; did you mean operators?"),
    "unknown key, value below": (
        "opreators:\n  add: {}\n",
        "4:1: unknown key 'opreators' in a profile; did you mean op",
    ),
    "unknown key like nothing": ("zzz: 1\n", "4:1: unknown key 'zzz' in a profile; allowed: dialects, enforcement,"),
    "empty key": ("'': 1\n", "4:1: unknown key '' in a profile; allowed:"),
    "stack key": (
        "stack: {name: a, version: b, front: c}\n",
        "4:30: unknown key 'front' in stack; did you mean frontend?",
    ),
    "stack lacks": ("stack: {name: a}\n", "4:8: stack lacks version"),
    "stack version": ("stack: {name: a, version: 8.1}\n", "4:27: expected text, found 8.1; put it in quotes"),
    "stack text": ("stack: CANN\n", "4:8: expected stack, found 'CANN'"),
    "enforcement": ("enforcement: eror\n", "4:14: unknown enforcement 'eror'; did you mean error?"),
    "enforcement like nothing": ("enforcement: x\n", "4:14: unknown enforcement 'x'; allowed: error, fallback, narrow"),
    "narrows": ("narrows: {int46: int32}\n", "4:18: unknown dtype 'int46'; did you mean int4 or"),
    "narrows to": ("narrows: {int64: int23}\n", "4:18: unknown dtype 'int23'; did you mean"),
    "narrows list": (
        "narrows: [int64]\n",
        "4:10: expected a mapping from dtypes to dtypes, such as {bfloat16: float32}",
    ),
    "rounding": ("numerics: {rounding: up}\n", "4:22: unknown rounding 'up'; allowed: operator, primitive"),
    "subnormals": ("numerics: {subnormals: no}\n", "4:24: expected subnormals, found False"),
    "numerics key": (
        "numerics: {acumulate: {}}\n",
        "4:12: unknown key 'acumulate' in numerics; did you mean accumulate or",
    ),
    "opencl": ("opencl: {max_work_group_size: big}\n", "4:31: expected a whole number, found 'big'"),
    "opencl key": (
        "opencl: {local_mem_size: 1}\n",
        "4:10: unknown key 'local_mem_size' in opencl; did you mean local_mem_",
    ),
    "dialects": ("dialects: {}\n", "4:11: expected a list of dialects, found a mapping"),
    "dialect key": (
        "dialects: [{sentence: {}}]\n",
        "4:13: unknown key 'sentence' in a dialect; did you mean sentences?",
    ),
    "spelling": ("dialects: [{spelling: __class__}]\n", "4:23: unknown spelling '__class__'; allowed: cann"),
    "sentence": ("dialects: [{sentences: {dtpye: x}}]\n", "4:25: unknown sentence 'dtpye'; did you mean dtype"),
    "sentence field": (
        'dialects: [{sentences: {dtype: "{nmae} bad"}}]\n',
        "4:32: unknown field {nmae} in a sentence; did you mean name?",
    ),
    "field of another kind": (
        'dialects: [{sentences: {dtype: "{first_dtype}"}}]\n',
        "4:32: unknown field {first_dtype} in a sentence; allowed: allowed, api, found, index, name, operator, out",
    ),
    "wrapping": ('dialects: [{wrapping: "call {api}"}]\n', "4:23: a wrapping holds {sentence}"),
    "wrapping field": (
        'dialects: [{wrapping: "{sentence} {tme}"}]\n',
        "4:23: unknown field {tme} in a wrapping; did you mean",
    ),
    "operator": (
        "operators: {matmull: {}}\n",
        "4:13: unknown operator 'matmull'; did you mean matmul or quant_matmul?; one of",
    ),
    "operator by an alias": ("operators: {concat: {}}\n", "4:13: unknown operator 'concat'"),
    "operators": ("operators: [add]\n", "4:12: expected a mapping from operators, found a list"),
    "entry": ("operators: {add: 1}\n", "4:18: expected the entry of add, found 1"),
    "empty entry": (OPERATOR, "5:7: expected the entry of add, found None"),
    "entry key": (f"{OPERATOR}    rulse: []\n", "6:5: unknown key 'rulse' in the entry of add; did you mean rules?"),
    "port": (f"{OPERATOR}    ports: {{othr: float16}}\n", "6:13: add has no port 'othr'; did you mean other?"),
    "ports": (f"{OPERATOR}    ports: [self]\n", "6:12: expected a mapping from ports to dtypes, found a list"),
    "dtype": (
        f"{OPERATOR}    ports: {{self: [float16, flaot32]}}\n",
        "6:29: unknown dtype 'flaot32'; did you mean float32",
    ),
    "dtype like nothing": (f"{OPERATOR}    ports: {{self: q}}\n", "6:19: unknown dtype 'q'; known: bool, int1, int2,"),
    "dtype number": (f"{OPERATOR}    ports: {{self: 16}}\n", "6:19: expected a dtype, found 16; put it in quotes"),
    "dtype twice": (f"{OPERATOR}    ports: {{self: [bf16, bfloat16]}}\n", "6:26: bfloat16 is listed twice"),
    "no dtypes": (f"{OPERATOR}    ports: {{self: []}}\n", "6:19: expected at least one item, found an empty list"),
    "gated away": (
        f"features: {{f: false}}\n{OPERATOR}    ports: {{self: [float16 if f]}}\n",
        "7:19: expected at least one item, found an empty list",
    ),
    "port key": (
        f"{OPERATOR}    ports: {{self: {{dtype: bool}}}}\n",
        "6:20: unknown key 'dtype' in a port; did you mean dtypes?",
    ),
    "port lacks": (f"{OPERATOR}    ports: {{self: {{label: x}}}}\n", "6:19: a port lacks dtypes"),
    "port sentence": (
        f'{OPERATOR}    ports: {{self: {{dtypes: bool, text: "{{weight}}"}}}}\n',
        "6:19: unknown field {weight} in a sentence; allowed: allowed, api, found, index, name, operator, other, out,",
    ),
    "guards": (f"{OPERATOR}    guards: {{}}\n", "6:13: expected a list, found a mapping"),
    "rule": (f"{RULES}      - x1\n", "7:9: expected a rule such as {same_dtype: [x1, x2]}, found 'x1'"),
    "rule of no kind": (
        f"{RULES}      - {{when: {{x1: {{rank: 2}}}}}}\n",
        "7:9: a rule has one kind, this has 0: when",
    ),
    "empty rule": (f"{RULES}      - {{}}\n", "7:9: a rule has one kind, this has 0"),
    "rule of two kinds": (
        f"{RULES}      - {{rank: {{x1: 2}}, absent: x3}}\n",
        "7:9: a rule has one kind, this has 2: rank, absent",
    ),
    "unknown kind": (
        f"{RULES}      - {{same_dtpye: [x1, x2]}}\n",
        "7:10: unknown key 'same_dtpye' in a rule; did you mean same_",
    ),
    "rule on no port": (f"{RULES}      - same_dtype: [x1, y2]\n", "7:26: matmul_all_reduce has no port 'y2'"),
    "rule on no ports": (f"{RULES}      - same_dtype: []\n", "7:21: expected at least one item, found an empty list"),
    "rank of no port": (f"{RULES}      - rank: {{x: 2}}\n", "7:16: matmul_all_reduce has no port 'x'"),
    "empty range": (f"{RULES}      - rank: {{x1: 3..2}}\n", "7:20: the range 3..2 is empty: 3 is above 2"),
    "no range": (f"{RULES}      - rank: {{x1: []}}\n", "7:20: expected at least one item, found an empty list"),
    "open range": (
        f"{RULES}      - rank: {{x1: ..}}\n",
        "7:20: expected a number or a range such as 2..3, 1.. or ..8, found",
    ),
    "word as range": (
        f"{RULES}      - rank: {{x1: two}}\n",
        "7:20: expected a number or a range such as 2..3, 1.. or ..8, found",
    ),
    "fraction as range": (f"{RULES}      - rank: {{x1: 2.5}}\n", "7:20: expected a number or a range such as"),
    "endless range": (f"{RULES}      - rank: {{x1: 1..{'9' * 5000}}}\n", "7:20: expected a number or a range such as"),
    "attribute": (
        f"{RULES}      - attribute: {{grup: a}}\n",
        "7:21: matmul_all_reduce has no attribute 'grup'; did you mean group",
    ),
    "attribute value": (
        f"{RULES}      - attribute: {{group: [[a]]}}\n",
        "7:29: expected a value or a range, found a list",
    ),
    "attribute range": (f"{RULES}      - attribute: {{group: 2..1}}\n", "7:28: the range 2..1 is empty"),
    "no rows": (
        f"{RULES}      - rows: []\n",
        "7:15: rows: at least one row; an operator that is not offered says `not_off",
    ),
    "row": (f"{RULES}      - rows: [[x1]]\n", "7:16: expected a mapping from ports to dtypes, found a list"),
    "promoted": (
        f"{RULES}      - promoted: {{ports: [x1]}}\n",
        "7:19: expected the keys ports, to, found ports",
    ),
    "axis": (
        f"{RULES}      - dim: {{x1: {{last: 2}}}}\n",
        "7:20: an axis is a whole number, negative ones counted from the last, not",
    ),
    "size on an axis": (
        f"{RULES}      - dim: {{x1: {{-1: lots}}}}\n",
        "7:24: expected a number or a range such as 2..3",
    ),
    "multiple": (f"{RULES}      - multiple_of: {{x1: {{-1: 0}}}}\n", "7:32: expected a positive number, found 0"),
    "numel": (
        f"{RULES}      - numel: {{x1: {{axes: 1}}}}\n",
        "7:21: numel takes size and, if wanted, axes; found axes",
    ),
    "not offered": (f"{RULES}      - not_offered: true\n", "7:22: expected the reason, found True"),
    "when": (
        f"{RULES}      - absent: x3\n        when: {{x4: {{rank: 2}}}}\n",
        "8:16: matmul_all_reduce has no port or attribute 'x4'",
    ),
    "when key": (
        f"{RULES}      - absent: x3\n        when: {{x1: {{rnk: 2}}}}\n",
        "8:21: unknown key 'rnk' in a condition; did you",
    ),
    "when port": (
        f"{RULES}      - absent: x3\n        when: {{x1: float16}}\n",
        "8:20: expected a mapping such as {dtype: float32",
    ),
    "when flag": (
        f"{RULES}      - absent: x3\n        when: {{x3: {{present: 1}}}}\n",
        "8:30: expected true or false, found 1",
    ),
    "when unknown": (
        f"{RULES}      - absent: x3\n        when: unknown\n",
        "8:15: expected a condition such as {self: {dtype: float32}}",
    ),
    "when no dtype": (
        "operators:\n  cast:\n    rules:\n      - {rank: {self: 1}, when: {dtype: flaot32}}\n",
        "7:41: unknown dtype 'flaot32'; did you mean float32",
    ),
    "rule sentence": (
        f"{RULES}      - absent: x3\n        text: 'no {{fuond}}'\n",
        "8:15: unknown field {fuond} in a sentence; did you mean found?",
    ),
    "rule text": (f"{RULES}      - absent: x3\n        text: [a]\n", "8:15: expected text, found a list"),
    "confidence": (
        f"{OPERATOR}    confidence: q\n",
        "6:17: unknown confidence 'q'; allowed: documented, inferred,",
    ),
    "placement": (f"{OPERATOR}    placement: nowhere\n", "6:16: unknown placement 'nowhere'"),
    "source": (f"{OPERATOR}    source: {{repo: a}}\n", "6:13: a source lacks path"),
    "source key": (
        f"{OPERATOR}    source: {{rep: a, path: b}}\n",
        "6:14: unknown key 'rep' in a source; did you mean repo?",
    ),
    "note": (f"{OPERATOR}    notes: [{{when: {{}}}}]\n", "6:13: a note lacks note"),
    "note text": (f"{OPERATOR}    notes: [text]\n", "6:13: expected a note, found 'text'"),
    "variant": (f"{OPERATOR}    variants: [{{api: x}}]\n", "6:16: a variant has a condition: when"),
    "variant key": (
        f"{OPERATOR}    variants: [{{when: {{}}, apy: x}}]\n",
        "6:27: unknown key 'apy' in the entry of add; did you mean api?",
    ),
    "frameworks": (f"{OPERATOR}    frameworks: [torch]\n", "6:17: expected a mapping from frameworks, found a list"),
    "list": ("- a\n", "4:1: not YAML: did not find expected key"),
}
HEADERS: dict[str, tuple[str, str]] = {
    "list at the top": ("- a\n", "1:1: expected a profile (a mapping), found a list"),
    "text at the top": ("chip\n", "1:1: expected a profile (a mapping), found 'chip'"),
    "no version": ("id: chip\n", "1:1: a profile lacks npusim"),
    "later version": ("npusim: 2\nid: chip\n", "1:9: this npusim reads version 1 of the schema, not 2"),
    "version in quotes": ("npusim: '1'\nid: chip\n", "1:9: expected a whole number, found '1'"),
    "version true": ("npusim: true\nid: chip\n", "1:9: expected a whole number, found True"),
    "version unknown": ("npusim: unknown\nid: chip\n", "1:9: expected a whole number, found 'unknown'"),
    "no id": ("npusim: 1\n", "1:1: a profile has an id"),
    "id unknown": ("npusim: 1\nid: unknown\n", "1:1: a profile has an id"),
    "another id": ("npusim: 1\nid: ship\n", "2:5: the id 'ship' must be the file's name, 'chip'"),
    "id is a number": ("npusim: 1\nid: 910\n", "2:5: expected text, found 910; put it in quotes"),
    "family": (
        "npusim: 1\nfamily: chip\n",
        "1:1: chip is a family for others to extend, not a device; load a profile that",
    ),
    "empty": ("", "1:1: the file is empty"),
    "null": ("~\n", "1:1: expected a profile (a mapping), found None"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_an_error_at_its_place(name: str, write_profile: Callable[..., Path]):
    body, message = WRONG[name]
    path = write_profile(body)
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{message}")


@pytest.mark.parametrize("name", HEADERS)
def test_a_mistake_at_the_top_is_an_error_at_its_place(name: str, write_profile: Callable[..., Path]):
    text, message = HEADERS[name]
    path = write_profile(header=text)
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{message}")


def test_a_mistake_in_a_parent_names_the_parents_file(write_profile: Callable[..., Path]):
    parent = write_profile("operators:\n  add: {api: 1}\n", name="base")
    with pytest.raises(ProfileError) as caught:
        load(write_profile("extends: base\n"))
    assert str(caught.value).startswith(f"{parent}:5:14: expected text, found 1")


def _call(operator: str, *types: str) -> Call:
    return bind(OPERATORS[operator], [Operand(parse_tensor_type(t), constant=t.endswith("]")) for t in types], {})


CALLS = [
    _call("matmul", "float16[2,3]", "float16[3,2]"),
    _call("matmul", "bfloat16[1,2,3]", "float32[3]"),
    _call("add", "int8", "float32[7]"),
]
_TOKENS = re.findall(r"\w+|[^\w\s]|\s+", WHOLE)
_ODD = st.sampled_from([
    "", "unknown", "~", "[]", "{}",
    "[[]]", "{a: b}", "&x", "*x", "!!python/name:os.system", "3..2", "..", "-1", "1e999",
    ".nan", "true", "'", '"', "#", ":", "- ", "\t", "\x07", "\u2028", "{found}", "if", "unless: bf16", "9" * 30,
    "<<: {a: 1}",
    "...", "---", "%", "|", ">", "? ", ",", "float16", "self",
])  # fmt: skip


@given(data=st.data())
def test_any_text_is_a_profile_or_a_profile_error(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory):
    tokens = list(_TOKENS)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(tokens) - 1))
        match data.draw(st.sampled_from(("replace", "insert", "delete", "repeat", "swap"))):
            case "replace":
                tokens[at] = data.draw(_ODD)
            case "insert":
                tokens.insert(at, data.draw(_ODD | st.text(max_size=4)))
            case "delete":
                del tokens[at : at + data.draw(st.integers(1, 20))]
            case "repeat":
                tokens[at:at] = tokens[at : at + data.draw(st.integers(1, 40))]
            case _:
                other = data.draw(st.integers(0, len(tokens) - 1))
                tokens[at], tokens[other] = tokens[other], tokens[at]
        if not tokens:
            break
    path = tmp_path_factory.getbasetemp() / "chip.yaml"
    path.write_bytes("".join(tokens).encode("utf-8", "surrogatepass"))
    inheritance._read.cache_clear()
    try:
        profile = load(path)
    except ProfileError as error:
        found = str(error)
    else:
        found = profile.id
        assert all(judge(profile, call).status in Status for call in CALLS)
    assert found == "chip" or re.match(rf"{re.escape(str(path))}:\d+:\d+: \S", found)
