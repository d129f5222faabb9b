"""The importer of CANN's operator definitions, on small sources of their structure."""

import pytest

from npusim.errors import ImportFormatError, UsageError
from npusim.importers.cann import import_cann
from npusim.profiles import load
from npusim.profiles.lint import lint

SOURCE = """\
/* class Hidden : public OpDef { */
#include "register/op_def_registry.h"
namespace ops {
static const std::vector<ge::DataType> scaleTypes = {ge::DT_FLOAT, ge::DT_FLOAT};
class SwishMul : public OpDef {
public:
    explicit SwishMul(const char* name) : OpDef(name)
    {
        this->Input("x") // not this->Input("z")
            .ParamType(REQUIRED)
            .DataType({ge::DT_FLOAT16, ge::DT_BF16})
            .Format({ge::FORMAT_ND, ge::FORMAT_FRACTAL_NZ});
        this->Input("scale").ParamType(OPTIONAL).DataType(scaleTypes).FormatList({ge::FORMAT_ND});
        this->Input("index").ParamType(DYNAMIC).DataTypeList({ge::DT_INT32, ge::DT_INT64});
        this->Output("x").ParamType(REQUIRED).Follow("x", FollowType::DTYPE);
        this->Attr("eps").AttrType(OPTIONAL).Float(1e-6f);
        this->Attr("axis").AttrType(REQUIRED).Int();
        this->Attr("mode").AttrType(OPTIONAL).String("half (of it)");
        this->Attr("sizes").AttrType(OPTIONAL).ListInt({0, 1});
        this->Attr("limit").AttrType(OPTIONAL).Float(DEFAULT_LIMIT);

        OpAICoreConfig plain;
        plain.DynamicShapeSupportFlag(true);
        this->AICore().AddConfig("ascend910b", plain);
        this->AICore().AddConfig("ascend910_93");
        OpAICoreConfig old = OldConfig();
        this->AICore().AddConfig("ascend310p", old);
    }

private:
    OpAICoreConfig OldConfig() const
    {
        OpAICoreConfig config;
        config.Input("x").ParamType(REQUIRED).DataType({ge::DT_FLOAT16, ge::DT_FLOAT}).Format({ge::FORMAT_ND});
        return config;
    }
};
OP_ADD(SwishMul);
} // namespace ops
"""


@pytest.fixture
def definition(tmp_path):
    def write(text=SOURCE):
        path = tmp_path / "swish_mul_def.cpp"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def entry_of(imported):
    (entry,) = imported.document["operators"].values()
    return entry


@pytest.mark.parametrize("soc", ["ascend910b", "ascend910_93"])
def test_the_dtypes_in_one_place_are_one_row(definition, soc):
    entry = entry_of(import_cann(definition(), soc))
    assert entry["rows"] == [
        {"x": "float16", "scale": "float32", "x_out": "float16"},
        {"x": "bfloat16", "scale": "float32", "x_out": "bfloat16"},
    ]
    assert entry["ports"] == {"index": ["int32", "int64"]}


def test_a_chip_may_say_otherwise(definition):
    rows = entry_of(import_cann(definition(), "ascend310p"))["rows"]
    assert [row["x"] for row in rows] == ["float16", "float32"]


def test_ports_and_attributes_make_a_signature(definition):
    assert entry_of(import_cann(definition(), "ascend910b"))["signature"] == (
        "cann_swish_mul(x, scale?, index*; eps: float = 1e-06, axis: int, mode: str = 'half (of it)', "
        "sizes: ints = (0, 1), limit: float = None) -> x_out"
    )


def test_the_profile_loads_and_lints(definition, tmp_path):
    path = tmp_path / "swish.yaml"
    path.write_text(import_cann(definition(), "ascend910b", "swish").text, encoding="utf-8")
    assert list(load(path).operators) == ["cann_swish_mul"]
    assert not lint(path).has_errors


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (".DataType(scaleTypes)", ".DataType(Types(2))", "the list Types(2) of scale, which the code computes"),
        ('this->Attr("axis")', "this->Attr(names[0])", "Attr(names[0]), whose name the code computes"),
        ("ge::DT_BF16}", "ge::DT_STRING}", "the row DT_STRING, DT_FLOAT, DT_STRING, because npusim knows no dtype"),
        (
            'AddConfig("ascend910_93")',
            "AddConfig(version)",
            "what AddConfig(version, ...) adds for chips that the code",
        ),
        ("ge::DT_FLOAT16, ge::DT_BF16}", "ge::DT_FLOAT16}", "rows, because the lists of dtypes are not equally long"),
    ],
)
def test_what_cannot_be_read_is_kept_and_reported(definition, old, new, said):
    assert old in SOURCE
    imported = import_cann(definition(SOURCE.replace(old, new, 1)), "ascend910b")
    (remark,) = imported.remarks.lines()
    assert remark.startswith(f"cann_swish_mul: {said}")


def test_the_chip_must_be_one_of_the_source(definition):
    with pytest.raises(UsageError, match="is written for ascend910b, ascend910_93, ascend310p: give one with --soc"):
        import_cann(definition())
    with pytest.raises(UsageError, match="is written for ascend910b, ascend910_93, ascend310p: not ascend1"):
        import_cann(definition(), "ascend1")


def test_the_only_chip_need_not_be_named(definition):
    alone = SOURCE.replace('AddConfig("ascend910_93")', "Nothing()").replace(
        'AddConfig("ascend310p", old)', "Nothing()"
    )
    assert import_cann(definition(alone)).document["soc"] == "ASCEND910B"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("int main() {}", "1:1: no operator is defined here; expected a class of OpDef"),
        ("\nclass A : public OpDef {};", '2:1: A is added for no chip; expected AddConfig("ascend910b")'),
        (SOURCE.replace("ge::DT_BF16})", "ge::DT_BF16"), "11:22: '(' is not closed"),
        (SOURCE.replace('Input("scale")', 'Input("")'), "13:21: expected the name of an Input"),
    ],
)
def test_what_is_no_definition_is_refused_with_its_place(definition, text, said):
    path = definition(text)
    with pytest.raises(ImportFormatError) as caught:
        import_cann(path, "ascend910b")
    assert str(caught.value).startswith(f"{path}:{said}")
