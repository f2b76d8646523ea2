"""From a head's raw output to keypoints in pixels, in plain operators: what its ``predict`` does.

With a flip test the raw outputs of the plain images come first and those of the mirrored ones behind
them: these are mirrored back and both are averaged, as MMPose's heads do it, before anything is decoded.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import torch
from mmpose.codecs import MSRAHeatmap, RegressionLabel, SimCCLabel, UDPHeatmap
from mmpose.models.heads import HeatmapHead, RegressionHead, RLEHead, RTMCCHead, SimCCHead
from torch import Tensor, nn

from ..models.heads import TokenRegressionHead, TokenSimCCHead
from .graph import ExportNotPossible

CAN_BE_EXPORTED = (
    'HeatmapHead and MCTHead with MSRAHeatmap or UDPHeatmap (gaussian), RTMCCHead, SimCCHead and '
    'TokenSimCCHead with SimCCLabel, RegressionHead, RLEHead and TokenRegressionHead with '
    'RegressionLabel'
)


#: Head -> what makes its decoding of (head, test_cfg, flip_indices).
_REGISTERED: dict[type, Callable[[Any, Mapping, Sequence[int] | None], Decoding]] = {}


def register_decoding(*heads: type) -> Callable[[Callable], Callable]:
    """Name a function that makes the decoding of heads of these classes; the most specific one counts.

    The function takes the head, the estimator's ``test_cfg`` and, for a flip test, where each keypoint
    is found in a mirrored image (None without one). An export checks what it makes against the head's
    own ``predict``.

    Examples:
        >>> from mmpose.models.heads import RegressionHead
        >>> from mmpose_sdpose.export.decoding import CoordinateDecoding, register_decoding
        >>> class OwnHead(RegressionHead):
        ...     pass
        >>> @register_decoding(OwnHead)
        ... def decode_own(head, test_cfg, flip_indices):
        ...     return CoordinateDecoding(head.decoder, flip_indices, shift_coords=True)
    """

    def register(make: Callable) -> Callable:
        _REGISTERED.update(dict.fromkeys(heads, make))
        return make

    return register


def decoding_of(
    head: nn.Module, test_cfg: Mapping, flip_indices: Sequence[int] | None = None
) -> Decoding:
    """What turns the raw output of a head into keypoints and scores.

    Args:
        head: A head of a top-down estimator.
        test_cfg: Of the estimator: how mirrored outputs are shifted.
        flip_indices: For a flip test: where each keypoint is found in a mirrored image.

    Raises:
        ExportNotPossible: If it is none of the heads and codecs that can be exported.
    """
    codec = getattr(head, 'decoder', None)
    make = next((_REGISTERED[kind] for kind in type(head).__mro__ if kind in _REGISTERED), None)
    if test_cfg.get('output_keypoint_indices') is not None:
        raise ExportNotPossible(
            'test_cfg.output_keypoint_indices picks some of the keypoints, which is not exported: '
            'export all of them without it, or train a model of the fewer keypoints'
        )
    if make is not None:
        return make(head, test_cfg, flip_indices)
    if isinstance(head, HeatmapHead) and isinstance(codec, (MSRAHeatmap, UDPHeatmap)):
        return HeatmapDecoding(codec, flip_indices, test_cfg.get('shift_heatmap', False))
    if isinstance(head, (RTMCCHead, SimCCHead, TokenSimCCHead)) and isinstance(codec, SimCCLabel):
        return SimCCDecoding(codec, flip_indices)
    # The default of shift_coords is each head's own.
    if isinstance(codec, RegressionLabel):
        if isinstance(head, (RegressionHead, RLEHead)):
            return CoordinateDecoding(codec, flip_indices, test_cfg.get('shift_coords', True))
        if isinstance(head, TokenRegressionHead):
            return CoordinateDecoding(codec, flip_indices, test_cfg.get('shift_coords', False))
    raise ExportNotPossible(
        f'{type(head).__name__} with the codec {type(codec).__name__} cannot be exported; what can is '
        f'{CAN_BE_EXPORTED}, and heads of your own with register_decoding'
    )


class Decoding(nn.Module):
    """Average with the mirror's output, and decode.

    Args:
        flip_indices: For a flip test: where each keypoint is found in a mirrored image.

    Shape:
        raw outputs (B, K, ...), with a flip test (2 * B, K, ...) -> keypoints (B, K, 2) in pixels of the
        input, scores (B, K)
    """

    partners: Tensor

    def __init__(self, flip_indices: Sequence[int] | None) -> None:
        super().__init__()
        self.flips = flip_indices is not None
        self.register_buffer('partners', torch.tensor(flip_indices or (), dtype=torch.long))

    def average(self, *parts: Tensor) -> Sequence[Tensor]:
        """With a flip test the mean of the plain images' and of what the mirrored ones say of them."""
        if not self.flips:
            return parts
        plain, mirrored = zip(*(part.unflatten(0, (2, -1)).unbind() for part in parts))
        back = self.mirror_back([part.index_select(1, self.partners) for part in mirrored])
        return [(one + other) * 0.5 for one, other in zip(plain, back)]

    @abstractmethod
    def mirror_back(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """Of mirrored images, left and right swapped already: as they are in the plain ones."""


class HeatmapDecoding(Decoding):
    """``decode`` of ``MSRAHeatmap`` and of ``UDPHeatmap``: the highest cell, refined.

    A heatmap without a cell above 0 has no place: it is a cell outside, as MMPose has it, but for its
    ``UDPHeatmap``, which takes a step there that it reads from the cells of another keypoint.

    Args:
        codec: The head's codec.
        flip_indices: For a flip test: where each keypoint is found in a mirrored image.
        shift_heatmap: Whether mirrored heatmaps are moved right by a cell.

    Raises:
        ExportNotPossible: For heatmaps combined with offsets.
    """

    cell: Tensor
    places: Tensor

    def __init__(
        self,
        codec: MSRAHeatmap | UDPHeatmap,
        flip_indices: Sequence[int] | None,
        shift_heatmap: bool,
    ) -> None:
        super().__init__(flip_indices)
        self.shift_heatmap = shift_heatmap
        self.width, self.height = (int(size) for size in codec.heatmap_size)
        self.refine = _refinement(codec, self.width, self.height)
        # A cell has its width around it; for UDP the outer cells are on the border of the image.
        spans = [size - isinstance(codec, UDPHeatmap) for size in (self.width, self.height)]
        self.register_buffer('cell', torch.tensor(codec.input_size) / torch.tensor(spans))
        column, row = _columns_and_rows(self.width, self.height)
        self.register_buffer('places', torch.stack([column, row], dim=-1).float())

    def mirror_back(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        heatmaps = parts[0].flip(-1)
        if self.shift_heatmap:
            heatmaps = torch.cat([heatmaps[..., :1], heatmaps[..., :-1]], dim=-1)
        return (heatmaps,)

    def forward(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        (heatmaps,) = self.average(heatmaps)
        cells = heatmaps.flatten(2)
        scores, index = cells.amax(-1, keepdim=True), cells.argmax(-1)
        location = self.places[index] + self.refine(heatmaps, scores, index)
        location = torch.where(scores > 0, location, -1.0)
        return location * self.cell, scores.squeeze(-1)


def _columns_and_rows(width: int, height: int) -> tuple[Tensor, Tensor]:
    """Of each cell, row after row: (H * W), (H * W)."""
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    return column.flatten(), row.flatten()


def _refinement(codec: MSRAHeatmap | UDPHeatmap, width: int, height: int) -> nn.Module:
    """The step from the highest cell to the keypoint."""
    if isinstance(codec, MSRAHeatmap) and not codec.unbiased:
        return QuarterRefinement(width, height)
    if isinstance(codec, MSRAHeatmap):
        return DarkRefinement(width, height, codec.blur_kernel_size)
    if codec.heatmap_type == 'gaussian':
        return UDPRefinement(width, height, codec.blur_kernel_size)
    raise ExportNotPossible(
        f"UDPHeatmap(heatmap_type='{codec.heatmap_type}') cannot be exported: only gaussian heatmaps can"
    )


class NewtonRefinement(nn.Module):
    """One Newton step on the logarithm of the blurred heatmap.

    DARK: Zhang et al., CVPR 2020, https://arxiv.org/abs/1910.06278, as MMPose computes it.

    Of few nodes: what depends on a cell's place alone is read from a table, and the blur has its border
    repeated as far as the stencil reaches. With conditions and limits computed, decoding took 2 to 3 %
    of SDPose-N's time.

    Args:
        width: Columns of a heatmap.
        height: Rows of a heatmap.
        kernel_size: Of the Gaussian, cells; odd.

    Shape:
        heatmaps (B, K, H, W), their maxima (B, K, 1), the cell of each (B, K) -> step in cells (B, K, 2)
    """

    #: x and y of the cells looked at around the maximum, and their factors in dx, dy, dxx, dxy, dyy.
    STENCIL: dict[tuple[int, int], tuple[float, ...]]
    #: What heatmaps are raised and cut to before the logarithm.
    RANGE: tuple[float, float | None]
    #: Nearer to the border, in cells, there is no step.
    MARGIN = 0
    #: Added to dxx and dyy.
    EPSILON = 0.0

    blur_rows: Tensor
    blur_columns: Tensor
    around: Tensor
    start: Tensor
    factors: Tensor
    added: Tensor
    inside: Tensor

    def __init__(self, width: int, height: int, kernel_size: int) -> None:
        super().__init__()
        x, y = torch.tensor(list(self.STENCIL)).unbind(-1)
        reach = int(x.abs().max())
        rows = _blur_matrix(height, kernel_size)
        columns = _blur_matrix(width, kernel_size)
        self.register_buffer('blur_rows', rows[_repeated(height, reach)])
        self.register_buffer('blur_columns', columns[:, _repeated(width, reach)])
        column, row = _columns_and_rows(width, height)
        self.register_buffer('start', (row + reach) * (width + 2 * reach) + column + reach)
        self.register_buffer('around', y * (width + 2 * reach) + x)
        # dx, dy | dy, dx | dyy, dxx | dxx | dyy | dxy
        dx, dy, dxx, dxy, dyy = 0, 1, 2, 3, 4
        order = [dx, dy, dy, dx, dyy, dxx, dxx, dyy, dxy]
        self.register_buffer('factors', torch.tensor(list(self.STENCIL.values()))[:, order])
        curved = torch.tensor([entry in (dxx, dyy) for entry in order])
        self.register_buffer('added', curved * self.EPSILON)
        far_x = (column >= self.MARGIN) & (column < width - self.MARGIN)
        far_y = (row >= self.MARGIN) & (row < height - self.MARGIN)
        self.register_buffer('inside', (far_x & far_y)[:, None])

    def forward(self, heatmaps: Tensor, scores: Tensor, index: Tensor) -> Tensor:
        blurred = (self.blur_rows @ heatmaps @ self.blur_columns).flatten(2)
        values = blurred.gather(2, self.start[index][..., None] + self.around)
        # As high as before the blur.
        values = values * (scores / blurred.amax(-1, keepdim=True))
        derivatives = values.clamp(*self.RANGE).log() @ self.factors + self.added
        first, swapped, others, dxx, dyy, dxy = derivatives.split([2, 2, 2, 1, 1, 1], dim=-1)
        det = dxx * dyy - dxy * dxy
        step = (dxy * swapped - others * first) / det
        defined = det != 0
        if self.MARGIN:
            defined = defined & self.inside[index]
        return torch.where(defined, step, 0.0)


def _repeated(length: int, reach: int) -> Tensor:
    """The rows 0 to ``length - 1`` with ``reach`` more at both ends, which are the border's."""
    return torch.arange(-reach, length + reach).clamp(0, length - 1)


class DarkRefinement(NewtonRefinement):
    """Of ``MSRAHeatmap``, unbiased: derivatives over cells two apart."""

    STENCIL = {
        (0, 0): (0, 0, -0.5, 0, -0.5),
        (1, 0): (0.5, 0, 0, 0, 0),
        (-1, 0): (-0.5, 0, 0, 0, 0),
        (0, 1): (0, 0.5, 0, 0, 0),
        (0, -1): (0, -0.5, 0, 0, 0),
        (2, 0): (0, 0, 0.25, 0, 0),
        (-2, 0): (0, 0, 0.25, 0, 0),
        (0, 2): (0, 0, 0, 0, 0.25),
        (0, -2): (0, 0, 0, 0, 0.25),
        (1, 1): (0, 0, 0, 0.25, 0),
        (-1, -1): (0, 0, 0, 0.25, 0),
        (1, -1): (0, 0, 0, -0.25, 0),
        (-1, 1): (0, 0, 0, -0.25, 0),
    }
    RANGE = (1e-10, None)
    MARGIN = 2


class UDPRefinement(NewtonRefinement):
    """Of ``UDPHeatmap``: derivatives over neighbours, at the border too.

    UDP: Huang et al., CVPR 2020, https://arxiv.org/abs/1911.07524.
    """

    STENCIL = {
        (0, 0): (0, 0, -2, 1, -2),
        (1, 0): (0.5, 0, 1, -0.5, 0),
        (-1, 0): (-0.5, 0, 1, -0.5, 0),
        (0, 1): (0, 0.5, 0, -0.5, 1),
        (0, -1): (0, -0.5, 0, -0.5, 1),
        (1, 1): (0, 0, 0, 0.5, 0),
        (-1, -1): (0, 0, 0, 0.5, 0),
    }
    RANGE = (1e-3, 50.0)
    EPSILON = torch.finfo(torch.float32).eps


class QuarterRefinement(nn.Module):
    """A quarter of a cell towards the higher neighbour, along each axis: ``MSRAHeatmap``, biased.

    Args:
        width: Columns of a heatmap.
        height: Rows of a heatmap.

    Shape:
        as :class:`NewtonRefinement`
    """

    around: Tensor
    moves: Tensor

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.register_buffer('around', torch.tensor([1, width, -1, -width]))
        column, row = _columns_and_rows(width, height)
        # The codec's own limits, which differ at the two borders.
        sideways = (column > 1) & (column < width - 1) & (row > 0)
        upright = (row > 1) & (row < height - 1) & (column > 0)
        self.register_buffer('moves', torch.stack([sideways, upright], dim=-1) * 0.25)

    def forward(self, heatmaps: Tensor, scores: Tensor, index: Tensor) -> Tensor:
        cells = heatmaps.flatten(2)
        around = (index[..., None] + self.around).clamp(0, cells.shape[2] - 1)
        higher, lower = cells.gather(2, around).split(2, dim=-1)
        return (higher - lower).sign() * self.moves[index]


class SimCCDecoding(Decoding):
    """``SimCCLabel.decode``: the highest bin along each axis.

    Args:
        codec: The head's codec.
        flip_indices: For a flip test: where each keypoint is found in a mirrored image.

    Raises:
        ExportNotPossible: If the codec refines the highest bin.
    """

    def __init__(self, codec: SimCCLabel, flip_indices: Sequence[int] | None) -> None:
        super().__init__(flip_indices)
        if codec.use_dark:
            raise ExportNotPossible(
                'SimCCLabel(use_dark=True) cannot be exported: set use_dark=False in the codec, which '
                'leaves the network as it is'
            )
        self.split_ratio = float(codec.simcc_split_ratio)

    def mirror_back(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        columns, rows = parts
        return columns.flip(-1), rows

    def forward(self, columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        columns, rows = self.average(columns, rows)
        scores = torch.minimum(columns.amax(-1), rows.amax(-1))
        location = torch.stack([columns.argmax(-1), rows.argmax(-1)], dim=-1).to(columns.dtype)
        # As the codec says that there is nothing.
        location = torch.where(scores[..., None] > 0, location, -1.0)
        return location / self.split_ratio, scores


class CoordinateDecoding(Decoding):
    """``RegressionLabel.decode``: coordinates in units of the input size to pixels.

    The score is 1 (``RegressionHead``), read by the head (``TokenRegressionHead``), or 1 less the mean
    sigma (``RLEHead``).

    Args:
        codec: The head's codec.
        flip_indices: For a flip test: where each keypoint is found in a mirrored image.
        shift_coords: Whether mirrored coordinates are moved left by a pixel.
    """

    size: Tensor

    def __init__(
        self, codec: RegressionLabel, flip_indices: Sequence[int] | None, shift_coords: bool
    ) -> None:
        super().__init__(flip_indices)
        width, height = codec.input_size
        self.register_buffer('size', torch.tensor([float(width), float(height)]))
        #: What x and its mirror add up to.
        self.sum = 1.0 - 1.0 / width * shift_coords

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        coordinates, scores = self.average(raw[..., :2], _scores(raw))
        return coordinates * self.size, scores

    def mirror_back(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        coordinates, scores = parts
        x, y = coordinates.unbind(-1)
        return torch.stack([self.sum - x, y], dim=-1), scores


def _scores(raw: Tensor) -> Tensor:
    """What stands behind the coordinates: nothing, a score, or two sigmas before their sigmoid."""
    behind = raw.shape[-1] - 2
    if behind == 2:
        return (1 - raw[..., 2:].sigmoid()).mean(-1)
    return raw[..., 2] if behind else torch.ones_like(raw[..., 0])


def _blur_matrix(length: int, kernel_size: int) -> Tensor:
    """(length, length): what a product with it does is OpenCV's blur along an axis, zeros outside."""
    kernel = torch.from_numpy(cv2.getGaussianKernel(kernel_size, 0, cv2.CV_32F)[:, 0])
    offset = torch.arange(length)[:, None] - torch.arange(length) + kernel_size // 2
    inside = (offset >= 0) & (offset < kernel_size)
    return torch.where(inside, kernel[offset.clamp(0, kernel_size - 1)], torch.zeros(()))
