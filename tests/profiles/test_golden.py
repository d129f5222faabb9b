"""Real messages that people met on real chips, as they reported them: the call that caused each gives that text."""

import re
from typing import Any

import numpy as np
import pytest

import npusim
from npusim.dtypes import dtype
from npusim.errors import NPUError

CAST = (
    "[DT_FLOAT16,DT_FLOAT,DT_DOUBLE,DT_INT8,DT_UINT8,DT_INT16,DT_INT32,DT_INT64,DT_UINT16,DT_UINT32,DT_UINT64,DT_BOOL,"
    "DT_COMPLEX64,DT_COMPLEX128,]"
)
BF16_CAST: dict[str, Any] = {"self": "bfloat16[2,4]", "dtype": "float32"}
VISION: dict[str, Any] = {"x1": "float32[16,1280]", "x2": "bfloat16[1280,1280]"}
RMS_NORM: dict[str, Any] = {"input": "bfloat16[2,4]", "weight": "bfloat16[4]", "normalized_shape": 4}
FLOATS: dict[str, Any] = {"self": "float32[2,4]", "mat2": "float32[4,2]"}
X1 = "x1 not implemented for DT_FLOAT, should be in dtype support list [DT_FLOAT16,DT_BFLOAT16,]."
IO = (
    "Io input dtype or format is not supported, get io input info is x(DT_BFLOAT16, ND) gamma(DT_BFLOAT16, ND) "
    "yOut(DT_BFLOAT16, ND) rstdOut(DT_FLOAT, ND) but supported list is:"
)
KEEP = "Self dtype DT_FLOAT or mat2 dtype DT_FLOAT not support under keep type mode."

# issue, profile, stack, operator, operands and attributes, sentence
REPORTED: list[tuple[str, str, str, str, dict[str, Any], str]] = [
    ("hiyouga/LlamaFactory#4165", "ascend910a", "8.1.RC1", "aclnnCast", BF16_CAST,
     f"self not implemented for DT_BFLOAT16, should be in dtype support list {CAST}."),
    # the report breaks off after DT_DOUBLE
    ("hiyouga/LlamaFactory#7522", "ascend310p", "8.1.RC1", "aclnnCast", BF16_CAST,
     f"self not implemented for DT_BFLOAT16, should be in dtype support list {CAST}."),
    # the report lacks the comma before the bracket, which every unedited list has
    ("InternLM/lmdeploy#3237", "ascend910b", "8.1.RC1", "aclnnMatmulAllReduce", VISION, X1),
    ("InternLM/lmdeploy#3237", "ascend910_93", "8.1.RC1", "aclnnMatmulAllReduce", VISION, X1),
    # the report names a chip without bfloat16, but not which
    ("vllm-project/vllm-ascend#6490", "ascend310p", "8.5", "aclnnRmsNorm", RMS_NORM, IO),
    ("vllm-project/vllm-ascend#6490", "ascend910a", "8.5", "aclnnRmsNorm", RMS_NORM, IO),
    # the report says 310
    ("PaddlePaddle/Paddle#70866", "ascend310b", "8.1.RC1", "aclnnMatmul", FLOATS, KEEP),
]  # fmt: skip


@pytest.mark.parametrize(("issue", "profile", "stack", "operator", "given", "sentence"), REPORTED)
def test_the_sentence_is_the_one_reported(
    issue: str, profile: str, stack: str, operator: str, given: dict[str, Any], sentence: str
):
    verdict = npusim.device(profile, stack=stack).judge(operator, **given)
    assert verdict.violations[0].text == sentence, issue


# As above, with what torch_npu prints around the sentence; time and process differ from report to report.
OLD, NEW = "call {} failed, detail:EZ1001: [PID] TIME {}", "[PID] TIME AclNN_Parameter_Error(EZ1001): {}"
WRAPPED = [
    ("hiyouga/LlamaFactory#7522", "ascend310p", "8.1.RC1", 0,
     OLD.format("aclnnCast", f"self not implemented for DT_BFLOAT16, should be in dtype support list {CAST}.")),
    # the third age of the wrapping, as in vllm-project/vllm-ascend#6636
    ("vllm-project/vllm-ascend#6636", "ascend310p", "8.5", 2,
     NEW.format(f"Tensor self not implemented for DT_BFLOAT16, should be in dtype support list {CAST}.")),
]  # fmt: skip


@pytest.mark.parametrize(("issue", "profile", "stack", "line", "text"), WRAPPED)
def test_the_wrapping_is_the_one_reported(issue: str, profile: str, stack: str, line: int, text: str):
    values = np.zeros((2, 4), dtype("bfloat16").storage)
    with pytest.raises(NPUError) as caught:
        npusim.device(profile, stack=stack, wrapped=True).run("cast", values, dtype="float32")
    printed = re.sub(r"\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d\.\d{3}\.\d{3}", "TIME", str(caught.value))
    assert re.sub(r"PID: ?\d+", "PID", printed).splitlines()[line] == text, issue
