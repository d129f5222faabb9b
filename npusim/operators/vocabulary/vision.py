"""Resizing, sampling and detection."""

from npusim.operators.model import operator

_RESIZING = (
    operator("upsample_nearest1d(self; output_size: ints, scales: float = None) -> out"),
    operator("upsample_nearest2d(self; output_size: ints, scales_h: float = None, scales_w: float = None) -> out"),
    operator(
        "upsample_nearest3d(self; output_size: ints, scales_d: float = None, scales_h: float = None, "
        "scales_w: float = None) -> out"
    ),
    operator("upsample_nearest_exact1d(self; output_size: ints, scales: float = None) -> out"),
    operator(
        "upsample_nearest_exact2d(self; output_size: ints, scales_h: float = None, scales_w: float = None) -> out"
    ),
    operator(
        "upsample_nearest_exact3d(self; output_size: ints, scales_d: float = None, scales_h: float = None, "
        "scales_w: float = None) -> out"
    ),
    operator("upsample_linear1d(self; output_size: ints, align_corners: bool, scales: float = None) -> out"),
    operator(
        "upsample_bilinear2d(self; output_size: ints, align_corners: bool, scales_h: float = None, "
        "scales_w: float = None) -> out"
    ),
    operator(
        "upsample_bilinear2d_aa(self; output_size: ints, align_corners: bool, scales_h: float = None, "
        "scales_w: float = None) -> out"
    ),
    operator(
        "upsample_trilinear3d(self; output_size: ints, align_corners: bool, scales_d: float = None, "
        "scales_h: float = None, scales_w: float = None) -> out"
    ),
    operator(
        "upsample_bicubic2d(self; output_size: ints, align_corners: bool, scales_h: float = None, "
        "scales_w: float = None) -> out"
    ),
    operator(
        "upsample_bicubic2d_aa(self; output_size: ints, align_corners: bool, scales_h: float = None, "
        "scales_w: float = None) -> out"
    ),
    operator("resize(self; scales: floats = None, mode: str = 'nearest', size: ints = None) -> out"),
    operator(
        "crop_and_resize(image, boxes, box_indices; crop_size: ints, method: str = 'bilinear', "
        "extrapolation_value: float = 0.0) -> out"
    ),
)

_SAMPLING = (
    operator("grid_sampler_2d(input, grid; interpolation_mode: int, padding_mode: int, align_corners: bool) -> out"),
    operator("grid_sampler_3d(input, grid; interpolation_mode: int, padding_mode: int, align_corners: bool) -> out"),
    operator("affine_grid_generator(theta; size: ints, align_corners: bool) -> out"),
    operator("spatial_transformer(self, theta; output_size: ints = ()) -> out"),
)

_DETECTION = (
    operator(
        "roi_align(input, rois; spatial_scale: float, pooled_height: int, pooled_width: int, "
        "sampling_ratio: int = -1, aligned: bool = False) -> out"
    ),
    operator("roi_pool(input, rois; spatial_scale: float, pooled_height: int, pooled_width: int) -> out"),
    operator("nms(boxes, scores; iou_threshold: float) -> out", None, None, "non_max_suppression"),
)

ROWS = (*_RESIZING, *_SAMPLING, *_DETECTION)
