"""The importer of CANN's installed tables, on small tables of their structure."""

import json

import pytest

from npusim.errors import ImportFormatError, UsageError
from npusim.importers.cann import import_cann
from npusim.profiles import load
from npusim.profiles.lint import lint
from npusim.simulator import Status, judge
from tests.importers.calls import call_of


def port(name, dtypes, kind="required", **more):
    return {"name": name, "dtype": dtypes, "paramType": kind, "shape": "all", **more}


def attribute(kind, default=None, required="optional"):
    return {"type": kind, "paramType": required, "value": "all"} | (
        {} if default is None else {"defaultValue": default}
    )


TABLE = {
    "ScaledAdd": {
        "attr": {"list": "alpha,keep,axes,mode,pairs"},
        "attr_alpha": attribute("float", "1e-05"),
        "attr_axes": attribute("listInt", "[0,1]"),
        "attr_keep": attribute("bool", "False"),
        "attr_mode": attribute("str", "sum"),
        "attr_pairs": attribute("listListInt", "[[]]"),
        "attr_size": attribute("int", required="required"),
        "input0": port("x", "float16,float,float16,bfloat16", format="ND,ND,NC1HWC0,ND"),
        "input1": port("y", "float16,float,float16,float"),
        "input2": port("bias", "float,float,float,float", "optional"),
        "input10": port("more", "int32,int32,int32,int64", "dynamic"),
        "output0": port("x", "float16,float,float16,bfloat16"),
    },
    "Odd4": {
        "input0": port("x", "float16,string,int8"),
        "output0": port("z", "float16,string,resource"),
    },
    "Selected": {"input0": {"name": "x", "paramType": "required"}, "output0": {"name": "y", "paramType": "required"}},
    "Silent": {"input0": port("x", "float16")},
}


@pytest.fixture
def table(tmp_path):
    def write(content, name="aic-ascend910b-ops-info.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=4), encoding="utf-8")
        return path

    return write


@pytest.fixture
def imported(table):
    return import_cann(table(TABLE))


@pytest.fixture
def profile(imported, tmp_path):
    path = tmp_path / "ascend910b-kernels.yaml"
    path.write_text(imported.text, encoding="utf-8")
    return load(path)


def test_the_profile_loads_and_lints(profile, tmp_path):
    assert list(profile.operators) == ["cann_scaled_add", "cann_odd4", "cann_selected", "cann_silent"]
    assert (profile.soc, profile.id) == ("ASCEND910B", "ascend910b-kernels")
    assert not lint(tmp_path / "ascend910b-kernels.yaml").has_errors


def test_ports_and_attributes_make_a_signature(imported):
    entry = imported.document["operators"]["cann_scaled_add"]
    assert entry["signature"] == (
        "cann_scaled_add(x, y, bias?, more*; alpha: float = 1e-05, axes: ints = (0, 1), keep: bool = False, "
        "mode: str = 'sum', size: int) -> x_out"
    )
    assert entry["source"] == "CANN, aic-ascend910b-ops-info.json, ScaledAdd"
    assert "nothing?" in imported.document["operators"]["cann_silent"]["signature"]


def test_the_dtypes_in_one_place_are_one_row(imported):
    assert imported.document["operators"]["cann_scaled_add"]["rows"] == [
        {"x": "float16", "y": "float16", "bias": "float32", "more": "int32", "x_out": "float16"},
        {"x": "float32", "y": "float32", "bias": "float32", "more": "int32", "x_out": "float32"},
        {"x": "bfloat16", "y": "float32", "bias": "float32", "more": "int64", "x_out": "bfloat16"},
    ]


def test_what_has_no_place_in_a_profile_is_kept_and_reported(imported):
    assert list(imported.remarks.lines()) == [
        "cann_scaled_add: the attribute pairs of type listListInt",
        "cann_odd4: the row string, string, because npusim knows no dtype 'string'",
        "cann_odd4: the row int8, resource, because npusim knows no dtype 'resource'",
    ]
    assert "  # x_out is the output x\n  # formats of x: ND, NC1HWC0\n" in imported.text
    assert "  # not imported: the row int8, resource," in imported.text


@pytest.mark.parametrize(
    ("operator", "named", "status"),
    [
        ("cann_scaled_add", {"x": "bfloat16[2]", "y": "float32[2]", "more": ["int64[1]"], "size": 1}, Status.ACCEPTED),
        ("cann_scaled_add", {"x": "bfloat16[2]", "y": "float32[2]", "more": ["int32[1]"], "size": 1}, Status.REJECTED),
        ("cann_selected", {"x": "bfloat16[2]"}, Status.UNKNOWN),
    ],
)
def test_the_rows_hold(profile, operator, named, status):
    assert judge(profile, call_of(profile, operator, **named)).status is status


def test_the_chip_is_that_of_the_name_or_as_told(table):
    assert import_cann(table(TABLE, "ops.json"), "Ascend310P").document["id"] == "ascend310p-kernels"
    with pytest.raises(UsageError, match="does not say its chip: give it with --soc"):
        import_cann(table(TABLE, "ops.json"))
    with pytest.raises(UsageError, match="speaks of ascend910b, not of ascend310p"):
        import_cann(table(TABLE), "ascend310p")


def test_lists_that_are_not_equally_long_make_no_rows(table):
    imported = import_cann(table({"Add": {"input0": port("x", "float16"), "output0": port("y", "float16,float")}}))
    (said,) = imported.remarks.lines()
    assert said == "cann_add: rows, because the lists of dtypes are not equally long: x 1, y 2"
    assert "rows" not in imported.document["operators"]["cann_add"]


ADD = '{\n  "Add": {\n    "input0": {"name": "x", "paramType": "required", "dtype": "float16"}\n  }\n}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "1:1: not JSON: Expecting value; expected an aic-<soc>-ops-info.json"),
        (ADD[:-2], "4:4: not JSON"),
        ("[]", "1:1: expected an aic-<soc>-ops-info.json of an installed CANN"),
        ("{}", "1:1: expected an aic-<soc>-ops-info.json of an installed CANN"),
        (ADD.replace('"name": "x", ', ""), "3:5: 'input0' of Add lacks 'name'; it has paramType, dtype"),
        (
            ADD.replace('"required"', '"needed"'),
            "3:29: expected required, optional, dynamic as 'paramType', found 'needed'",
        ),
        (ADD.replace('"float16"', '["float16"]'), "3:54: expected text as 'dtype' of 'input0', found ['float16']"),
        (ADD.replace('"Add": {', '"Add": {"input0": {},'), "3:5: the key 'input0' stands twice"),
        ('{"Add": 1}', "1:2: expected an object of 'Add', found 1"),
        ('{"Add": NaN}', "1:9: NaN is no number of JSON"),
        ('{"Add": ' + "[" * 20 + "]" * 20 + "}", "1:24: nested deeper than 16 levels"),
        ('{"AddN": {}, "Add_N": {}}', "1:14: the operator Add_N has the name of AddN: cann_add_n"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(table, content, said):
    path = table(content)
    with pytest.raises(ImportFormatError) as caught:
        import_cann(path)
    assert str(caught.value).startswith(f"{path}:{said}")


def test_text_that_is_not_utf8_is_refused_with_its_place(tmp_path):
    path = tmp_path / "aic-ascend910b-ops-info.json"
    path.write_bytes(b'{\n "A\xff": {}}')
    with pytest.raises(ImportFormatError, match=r"json:2:4: not UTF-8 text"):
        import_cann(path)


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("npusim.importers.reading.MAX_BYTES", 3)
    path = tmp_path / "aic-ascend910b-ops-info.json"
    path.write_text("{   }", encoding="utf-8")
    with pytest.raises(ImportFormatError, match="1:1: the file has 5 bytes; what is imported has at most 3"):
        import_cann(path)
