"""The importer of tosa.xml, on a small file of its structure: rows, needs, limits, constants, mistakes."""

import pytest

from npusim.errors import ImportFormatError
from npusim.importers.tosa import import_tosa
from npusim.profiles import load
from npusim.profiles.lint import lint
from npusim.simulator import Status, judge
from tests.importers.calls import call_of

HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tosa SYSTEM "tosa.dtd">
<tosa>
  <version major="1" minor="1" patch="0" draft="true"/>
  <profiles>
    <profile profile="Integer" name="PRO-INT" status="Complete" description="integers"/>
    <profile profile="Floating-Point" name="PRO-FP" status="Complete" description="floats"/>
  </profiles>
  <profile_extensions>
    <profile_extension name="EXT-BF16" description="" status="Complete"/>
    <profile_extension name="EXT-INT16" description="" status="Complete"/>
    <profile_extension name="EXT-FP8E4M3" description="" status="Complete"/>
    <profile_extension name="EXT-DYNAMIC" description="" status="Complete"/>
    <profile_extension name="EXT-ROUND" description="" status="Complete"/>
    <profile_extension name="EXT-IDLE" description="" status="Complete"/>
  </profile_extensions>
  <levels>
    <level name="none" max_rank="32" max_kernel="9000" max_tensor_list_size="256">No level</level>
    <level name="8K" max_rank="6" max_kernel="8192" max_tensor_list_size="64">Level 8K</level>
  </levels>
  <operators><operatorgroup name="all">
"""
TAIL = """
  </operatorgroup></operators>
  <enum name="nan_mode_t" description="">
    <enumval value="1" name="PROPAGATE" description=""/>
    <enumval value="2" name="IGNORE" description="" extension="EXT-ROUND"/>
  </enum>
</tosa>
"""
BLUR = """\
      <operator>
        <name>BLUR</name>
        <arguments>
          <argument category="input" name="input" type="tensor_t" shape="[N,H,W,C]" tensor-element-type="in_t">
            <description>Input tensor</description>
            <rank min="4" max="4"/>
          </argument>
          <argument category="input" name="zp" type="tensor_t" shape="[1]" tensor-element-type="zp_t">
            <description>Zero point</description>
            <rank min="1" max="1"/>
            <ctc><op_profile name="PRO-INT"/><op_profile name="PRO-FP"/></ctc>
            <ctc_remove><op_profile name="EXT-DYNAMIC"/></ctc_remove>
          </argument>
          <argument category="attribute" name="kernel" type="tensor_t" shape="[2]" tensor-element-type="i32_t">
            <description>[kernel_y, kernel_x]</description>
            <levellimit value="kernel_y" limit="MAX_KERNEL"/>
            <levellimit value="kernel_x" limit="MAX_KERNEL"/>
          </argument>
          <argument category="attribute" name="dilation" type="tensor_t" shape="[2]" tensor-element-type="i32_t">
            <description>[dilation_y, dilation_x]</description>
            <levellimit value="dilation_y * H" limit="MAX_KERNEL"/>
            <levellimit value="floor(dilation_x)" limit="MAX_KERNEL"/>
          </argument>
          <argument category="attribute" name="nan" type="nan_mode_t" shape="-" tensor-element-type="-">
            <description>Set to PROPAGATE by default.</description>
          </argument>
          <argument category="attribute" name="acc_type" type="acc_type_t" shape="-" tensor-element-type="-">
            <description>The accumulator</description>
          </argument>
          <argument category="attribute" name="body" type="tosa_graph_t" shape="-" tensor-element-type="-">
            <description>A graph</description>
          </argument>
          <argument category="output" name="output" type="tensor_t" shape="shape" tensor-element-type="out_t">
            <description>Output tensor</description>
            <rank min="0" max="MAX_RANK - 2"/>
          </argument>
        </arguments>
        <types><type name="in_t"/><type name="zp_t"/><type name="out_t"/><type name="acc_t"/></types>
        <typesupport mode="signed 8" in_t="i8_t" zp_t="i8_t" out_t="i8_t" acc_t="i32_t" version_added="1.0">
          <op_profile name="PRO-INT"/>
        </typesupport>
        <typesupport mode="either" in_t="i32_t" zp_t="i32_t" out_t="i32_t" acc_t="i32_t" version_added="1.0">
          <op_profile name="PRO-INT"/>
          <op_profile name="PRO-FP"/>
        </typesupport>
        <typesupport mode="both" in_t="i16_t" zp_t="i16_t" out_t="i16_t" acc_t="i32_t" version_added="1.0">
          <op_profile name="EXT-INT16" and_name="PRO-INT"/>
        </typesupport>
        <typesupport mode="mixed" out_t="fp16_t" acc_t="fp32_t" version_added="1.1">
          <op_profile name="DEDUCE-EXT"/>
          <type_set name="S" values="fp8e4m3_t fp16_t bf16_t bs32_set_t"/>
          <type_bind type="in_t" set="S"/>
          <type_bind type="zp_t" set="S" access_elem_type="in_t"/>
        </typesupport>
      </operator>
"""
JOIN = """\
      <operator>
        <name>JOIN</name>
        <arguments>
          <argument category="input" name="list" type="tensor_list_t" shape="shapes" tensor-element-type="in_out_t">
            <description>Inputs</description>
            <levellimit value="length(tensor_list_shape(list))" limit="MAX_TENSOR_LIST_SIZE"/>
            <rank min="1" max="MAX_RANK"/>
          </argument>
          <argument category="attribute" name="axis" type="i32_t" shape="-" tensor-element-type="-" optional="true">
            <description>Axis</description>
          </argument>
          <argument category="output" name="output" type="tensor_t" shape="shape" tensor-element-type="in_out_t">
            <description>Output</description>
          </argument>
        </arguments>
        <types><type name="in_out_t"/></types>
        <typesupport mode="boolean" in_out_t="bool_t" version_added="1.0">
          <op_profile name="PRO-INT"/>
          <op_profile name="PRO-FP"/>
        </typesupport>
      </operator>
"""


@pytest.fixture
def specification(tmp_path):
    def write(*operators, head=HEAD, tail=TAIL):
        path = tmp_path / "tosa.xml"
        path.write_text(head + "".join(operators) + tail, encoding="utf-8")
        return path

    return write


@pytest.fixture
def imported(specification):
    return import_tosa(specification(BLUR, JOIN))


@pytest.fixture
def profile(imported, tmp_path):
    def profile(**features):
        path = tmp_path / "tosa-1.1.yaml"
        path.write_text(imported.text, encoding="utf-8")
        return load(path, features=features)

    return profile


def test_the_profile_loads_and_lints(profile, tmp_path):
    assert list(profile().operators) == ["tosa_blur", "tosa_join"]
    assert not lint(tmp_path / "tosa-1.1.yaml").has_errors


def test_an_operator_is_declared_with_its_attributes(imported):
    blur, join = (imported.document["operators"][name] for name in ("tosa_blur", "tosa_join"))
    assert blur["signature"] == (
        "tosa_blur(input, zp; kernel: ints, dilation: ints, nan: str = 'PROPAGATE', acc_type: dtype) -> output"
    )
    assert join["signature"] == "tosa_join(list*; axis: int = None) -> output"
    assert (blur["api"], blur["confidence"], blur["source"]) == ("BLUR", "documented", "TOSA 1.1.0, tosa.xml, BLUR")


def test_rows_are_joint_and_say_what_they_need(imported):
    int8, either, other, both, *mixed = imported.document["operators"]["tosa_blur"]["rows"]
    assert int8 == {"input": "int8", "zp": "int8", "acc_type": "int32", "output": "int8", "requires": "pro_int"}
    assert either["requires"] == "pro_int"
    assert (other["requires"], other["unless"]) == ("pro_fp", "pro_int")
    assert both["requires"] == ["ext_int16", "pro_int"]
    assert [(row["input"], row["zp"], row["requires"]) for row in mixed] == [
        ("float8_e4m3fn", "float8_e4m3fn", "ext_fp8e4m3"),
        ("float16", "float16", "pro_fp"),
        ("bfloat16", "bfloat16", "ext_bf16"),
    ]


def test_what_has_no_place_in_a_profile_is_kept_and_reported(imported):
    said = [
        "tosa_blur: the attribute body, a tosa_graph_t of shape -",
        "tosa_blur: rows with bs32_set_t (mixed), which has no dtype here",
        "tosa_blur: the level limit floor(dilation_x) <= MAX_KERNEL of dilation",
    ]
    assert list(imported.remarks.lines()) == said
    assert "  # not imported: the attribute body, a tosa_graph_t of shape -\n" in imported.text


def test_only_features_that_gate_something_are_declared(imported):
    assert imported.document["features"] == {
        "level_8k": True, "pro_int": True, "pro_fp": True,
        "ext_bf16": False, "ext_int16": False, "ext_fp8e4m3": False, "ext_dynamic": False, "ext_round": False,
    }  # fmt: skip


CALL = {
    "input": "int8[1,4,4,3]",
    "zp": "const:int8[1]",
    "kernel": (2, 2),
    "dilation": (1, 1),
    "acc_type": "int32",
    "output": "int8[4]",
}


@pytest.mark.parametrize(
    ("changes", "features", "status"),
    [
        ({}, {}, Status.ACCEPTED),
        ({"zp": "int8[1]"}, {}, Status.REJECTED),
        ({"zp": "int8[1]"}, {"ext_dynamic": True}, Status.ACCEPTED),
        ({"zp": "const:int8[2]"}, {}, Status.REJECTED),
        ({"input": "int8[4,4,3]"}, {}, Status.REJECTED),
        ({"output": "int8[1,1,1,1,1]"}, {}, Status.REJECTED),
        ({"output": "int8[1,1,1,1,1]"}, {"level_8k": False}, Status.ACCEPTED),
        ({"kernel": (1, 8193)}, {}, Status.REJECTED),
        ({"kernel": (1, 8193)}, {"level_8k": False}, Status.ACCEPTED),
        ({"dilation": (3000, 1)}, {}, Status.REJECTED),
        ({"nan": "IGNORE"}, {}, Status.REJECTED),
        ({"nan": "IGNORE"}, {"ext_round": True}, Status.ACCEPTED),
        ({"acc_type": "float32"}, {}, Status.REJECTED),
        ({}, {"pro_int": False}, Status.REJECTED),
    ],
)
def test_the_rules_hold(profile, changes, features, status):
    chip = profile(**features)
    assert judge(chip, call_of(chip, "tosa_blur", **CALL | changes)).status is status


@pytest.mark.parametrize("on", [{"pro_int": False}, {"pro_fp": False}, {}])
def test_either_of_two_profiles_is_enough(profile, on):
    chip = profile(**on)
    assert judge(chip, call_of(chip, "tosa_join", list=["bool[2]", "bool[3]"])).status is Status.ACCEPTED


def test_neither_is_not(profile):
    chip = profile(pro_int=False, pro_fp=False)
    verdict = judge(chip, call_of(chip, "tosa_join", list=["bool[2]"]))
    assert verdict.status is Status.REJECTED
    assert "pro_int" in verdict.violations[0].text


def test_a_list_is_no_longer_than_the_level_says(profile):
    chip = profile()
    assert judge(chip, call_of(chip, "tosa_join", list=["bool[1]"] * 65)).status is Status.REJECTED


def replaced(text, old, new):
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<tosa>", "<cosa>", "mismatched tag"),
        ('major="1" minor="1"', 'major="0" minor="90"', "4:3: expected the specification's tosa.xml, version 1.0"),
        ('major="1"', 'major="one"', "4:3: expected a whole number as 'major' of <version>, found 'one'"),
        (
            "<name>BLUR</name>",
            "<name>BLUR 2D</name>",
            "expected the name of an operator, such as CONV2D, found 'BLUR 2D'",
        ),
        ("<name>JOIN</name>", "<name>BLUR</name>", "a second operator BLUR; the first is in tosa.xml:22"),
        ('and_name="PRO-INT"', 'and_name="PRO-IMT"', "'PRO-IMT' is neither a profile nor an extension of this file"),
        ('set="S"/>', 'set="T"/>', "no <type_set> 'T' in this <typesupport>; it has S"),
        ('max="MAX_RANK - 2"', 'max="RANK"', "expected a rank such as 4 or MAX_RANK - 1, found 'RANK'"),
        (
            'limit="MAX_KERNEL"',
            'limit="kernel"',
            "expected a limit of the levels, MAX_RANK, MAX_KERNEL, MAX_TENSOR_LIST_SIZE, found",
        ),
        ('category="output"', 'category="result"', "expected input, output or attribute as 'category', found 'result'"),
        ('name="zp" type', 'name="input" type', "a second argument 'input'"),
        (' name="input" ', " ", "<argument> lacks the attribute 'name'"),
        ('<!DOCTYPE tosa SYSTEM "tosa.dtd">', '<!DOCTYPE tosa [<!ENTITY a "aa">]>', "2:16: a document type with decl"),
        ("Input tensor", "Input &tensor;", "the entity 'tensor' is not one of XML itself"),
        ("<types>", "<types", "not XML: not well-formed"),
    ],
)
def test_what_is_not_the_specification_is_refused_with_its_place(tmp_path, old, new, said):
    path = tmp_path / "tosa.xml"
    path.write_text(replaced(HEAD + BLUR + JOIN + TAIL, old, new), encoding="utf-8")
    with pytest.raises(ImportFormatError) as caught:
        import_tosa(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert said in message


def test_other_xml_is_refused(tmp_path):
    path = tmp_path / "other.xml"
    path.write_text("<svg/>", encoding="utf-8")
    with pytest.raises(ImportFormatError, match=r"other.xml:1:1: expected <tosa>, found <svg>; this reads the specif"):
        import_tosa(path)


def test_a_file_without_operators_is_refused(specification):
    with pytest.raises(ImportFormatError, match="no operators were found"):
        import_tosa(specification())


def test_a_list_of_data_and_scales_takes_both(specification):
    pair = JOIN.replace('in_out_t">', 'in_out_t" tensor-element-scale-type="scale_t">', 1)
    pair = pair.replace('in_out_t="bool_t"', 'in_out_t="fp16_t" scale_t="bf16_t"')
    (row, _) = import_tosa(specification(pair)).document["operators"]["tosa_join"]["rows"]
    assert (row["list"], row["output"]) == (["float16", "bfloat16"], "float16")


def test_an_operator_that_rows_cannot_name_says_what_it_needs(specification, tmp_path):
    shape = """\
      <operator>
        <name>SHAPE</name>
        <arguments>
          <argument category="input" name="input" type="shape_t" shape="-" tensor-element-type="-">
            <description>A shape</description>
          </argument>
        </arguments>
        <types><type name="shape_t"/></types>
        <typesupport mode="shape" shape_t="tensor_size_t"><op_profile name="EXT-ROUND"/></typesupport>
      </operator>
"""
    path = tmp_path / "tosa-1.1.yaml"
    path.write_text(import_tosa(specification(shape)).text, encoding="utf-8")
    for features, status in (({}, Status.REJECTED), ({"ext_round": True}, Status.UNKNOWN)):
        chip = load(path, features=features)
        assert judge(chip, call_of(chip, "tosa_shape", input="int64[3]")).status is status
