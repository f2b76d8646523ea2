"""What a model's codec says of sizes and positions."""

from __future__ import annotations

from mmpose.codecs import IntegralRegressionLabel, MSRAHeatmap, UDPHeatmap
from mmpose.models import TopdownPoseEstimator

from ..heads import innermost


def heatmap_frame(codec: object) -> tuple[float, float]:
    """Factors (x, y) from a position in units of the input size to one in units of the heatmap.

    A pixel x lies in cell x * W / w of a plain heatmap, in cell x * (W - 1) / (w - 1) of an unbiased one
    (UDP, Huang et al., CVPR 2020, https://arxiv.org/abs/1911.07524).

    Raises:
        ValueError: If the codec is of another kind.
    """
    if isinstance(codec, (MSRAHeatmap, IntegralRegressionLabel)):
        return (1.0, 1.0)
    if isinstance(codec, UDPHeatmap) and codec.heatmap_type == 'gaussian':
        pairs = zip(codec.input_size, codec.heatmap_size)
        x, y = (pixels * (cells - 1) / (cells * (pixels - 1)) for pixels, cells in pairs)
        return x, y
    kind = getattr(codec, 'heatmap_type', '')
    raise ValueError(
        f'heatmaps come from a {type(codec).__name__}{f" ({kind})" * bool(kind)}: positions in them are '
        'known for MSRAHeatmap and UDPHeatmap (gaussian)'
    )


def input_size_of(role: str, model: TopdownPoseEstimator) -> tuple[int, int]:
    """Width and height of the images that a model takes.

    Raises:
        ValueError: If its head has no codec that says it.
    """
    codec = getattr(innermost(model.head), 'decoder', None)
    codec = getattr(codec, 'keypoint_codec', codec)  # of IntegralRegressionLabel
    if codec is None or not hasattr(codec, 'input_size'):
        raise ValueError(
            f"the {role}'s head has no decoder with an input_size: add the codec it is trained with"
        )
    width, height = codec.input_size
    return int(width), int(height)
