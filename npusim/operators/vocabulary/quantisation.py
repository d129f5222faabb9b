"""From real numbers to integers and back, with the scale as an attribute or on a port."""

from npusim.operators.model import operator

ROWS = (
    operator("quantize_per_tensor(self; scale: float = None, zero_point: int = None, dtype: dtype = None) -> out"),
    operator("quantize_per_channel(self, scales, zero_points?; axis: int = 0, dtype: dtype = None) -> out"),
    operator("dequantize_per_tensor(self; scale: float = None, zero_point: int = None, dtype: dtype = None) -> out"),
    operator("dequantize_per_channel(self, scales, zero_points?; axis: int = 0, dtype: dtype = None) -> out"),
    operator(
        "requantize(self; in_scale: float = None, in_zero_point: int = None, out_scale: float = None, "
        "out_zero_point: int = None, dtype: dtype = None) -> out",
        None,
        None,
        "rescale",
    ),
    operator(
        "fake_quantize_per_tensor_affine(self; scale: float, zero_point: int, quant_min: int, quant_max: int) -> out"
    ),
    operator(
        "fake_quantize_per_channel_affine(self, scale, zero_point; axis: int, quant_min: int, quant_max: int) -> out"
    ),
    operator("quantize_per_tensor_dynamic(self; dtype: dtype, reduce_range: bool) -> out"),
)
