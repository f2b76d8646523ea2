"""Augmentation of whole batches on the accelerator: small models otherwise wait for their loader."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor
from torch.nn import functional as F

from ...arguments import check_positive, check_probabilities, check_ranges, check_weights
from ...datasets.transforms import SIDES
from ..layers import constants
from .targets import target_encoder

Range = tuple[float, float]
#: What the codecs' targets are called that are maps; the rest belongs to the person.
_MAPS = 'heatmaps'
_EVERYWHERE = 1e6  # beyond every picture, in pixels


@MODELS.register_module()
class DeviceAugmentation(PoseDataPreprocessor):
    """Data preprocessor that augments, normalises and encodes batches of ``PackPersonCrop``.

    The geometry is that of MMPose's ``RandomFlip``, ``RandomHalfBody``, ``RandomBBoxTransform`` and
    ``TopdownAffine``, the cut that of ``RandomBodyCut``; all are drawn for each person by PyTorch on the
    device of the batch. Batches of validation and test pass as through ``PoseDataPreprocessor``.

    Args:
        codec: Config of the codec; its ``input_size`` is what is cut out.
        metainfo: Metainfo of the data set, or ``dict(from_file=…)``: which keypoints are mirrored, upper
            and lower.
        mean: Of each channel, subtracted.
        std: Of each channel, divided by.
        bgr_to_rgb: Swap the channels of what OpenCV has read.
        padding: What is seen around a box, in its sides.
        flip_prob: Probability of a mirror image.
        half_body_prob: Probability that the box becomes that of the upper or lower half, where nine
            keypoints and more are visible.
        cut_prob: Probability that the picture is cut off through the person (``RandomBodyCut``).
        cut_keep: Range of the share of the box that is left by a cut.
        scale_factor: Range of the factor of the box.
        rotate_factor: Largest angle, degrees.
        rotate_prob: Probability of a rotation.
        shift_factor: Largest shift, in sides of the box.
        shift_prob: Probability of a shift.
        low_resolution: Share of a batch that is shrunk and enlarged again.
        low_resolution_factor: Range of the factor of it.
        colour: Strength of random brightness, contrast, saturation and tint; 0 leaves the colours.
        occluder_prob: Probability of each of two pieces of other people's pictures, pasted over.

    Shape:
        In training ``inputs`` (B, 3, S, S) uint8 and what else ``PackPersonCrop`` gives; the model gets
        (B, 3, H, W) and a list of B data samples.

    Raises:
        TypeError, ValueError: For a codec without targets here, or a probability or range that is none.

    Examples:
        >>> coco = dict(from_file='configs/_base_/datasets/coco.py')
        >>> codec = dict(type='RegressionLabel', input_size=(48, 64))
        >>> augmentation = DeviceAugmentation(codec, coco, mean=[127.0] * 3, std=[64.0] * 3)
        >>> pictures = torch.zeros(2, 3, 96, 96, dtype=torch.uint8)
        >>> points, visible = torch.full((2, 17, 2), 48.0), torch.ones(2, 17)
        >>> boxes = torch.tensor([[30.0, 20.0, 66.0, 76.0]] * 2)
        >>> augmented = augmentation.augment(pictures, points, visible, boxes)
        >>> [tuple(part.shape) for part in augmented]
        [(2, 3, 64, 48), (2, 17, 2), (2, 17)]
    """

    def __init__(
        self,
        codec: dict,
        metainfo: dict,
        mean: Sequence[float],
        std: Sequence[float],
        bgr_to_rgb: bool = True,
        padding: float = 1.25,
        flip_prob: float = 0.5,
        half_body_prob: float = 0.3,
        cut_prob: float = 0.0,
        cut_keep: Range = (0.3, 0.9),
        scale_factor: Range = (0.65, 1.35),
        rotate_factor: float = 80.0,
        rotate_prob: float = 0.6,
        shift_factor: float = 0.16,
        shift_prob: float = 0.3,
        low_resolution: float = 0.0,
        low_resolution_factor: Range = (0.2, 0.8),
        colour: float = 0.0,
        occluder_prob: float = 0.0,
    ) -> None:
        super().__init__(mean=mean, std=std, bgr_to_rgb=bgr_to_rgb)
        check_positive(padding=padding)
        check_weights(rotate_factor=rotate_factor, shift_factor=shift_factor, colour=colour)
        probabilities = dict(
            flip_prob=flip_prob,
            half_body_prob=half_body_prob,
            cut_prob=cut_prob,
            rotate_prob=rotate_prob,
            shift_prob=shift_prob,
            low_resolution=low_resolution,
            occluder_prob=occluder_prob,
        )
        check_probabilities(**probabilities)
        check_ranges(None, scale_factor=scale_factor)
        check_ranges(1, cut_keep=cut_keep, low_resolution_factor=low_resolution_factor)
        self.encode = target_encoder(codec)
        self.width, self.height = codec['input_size']
        self.padding = padding
        self.probabilities = probabilities
        self.cut_keep, self.scale_factor = cut_keep, scale_factor
        self.rotate_factor, self.shift_factor = rotate_factor, shift_factor
        self.low_resolution_factor, self.colour = low_resolution_factor, colour
        info = parse_pose_metainfo(metainfo)
        count = info['num_keypoints']
        halves = torch.zeros(2, count, dtype=torch.bool)
        halves[0, info['upper_body_ids']] = True
        halves[1, info['lower_body_ids']] = True
        self.register_buffer('halves', halves, persistent=False)
        self.register_buffer('mirrored', torch.tensor(info['flip_indices']), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        if 'keypoints' not in data:
            return super().forward(data, training)
        images, targets = self.augment_and_encode(data)
        return dict(inputs=images, data_samples=samples_of(targets))

    def augment_and_encode(self, data: dict) -> tuple[Tensor, dict[str, Tensor]]:
        """Normalised images (B, 3, H, W) and the codec's targets, each (B, K, ...), of a batch.

        Args:
            data: What ``PackPersonCrop`` gives, collated.
        """
        batch = self.cast_data({key: _stacked(values) for key, values in data.items()})
        # Half precision, which batches of --amp are in here, would move keypoints by up to a pixel.
        with torch.no_grad(), torch.autocast(batch['inputs'].device.type, enabled=False):
            images, points, visible = self.augment(
                batch['inputs'], batch['keypoints'], batch['keypoints_visible'], batch['bbox']
            )
            return images, self.encode(points, visible)

    def augment(
        self, pictures: Tensor, points: Tensor, visible: Tensor, boxes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What a model sees of pictures, and where the keypoints are in it.

        Args:
            pictures: (B, 3, S, S) uint8.
            points: (B, K, 2) in pixels of the pictures.
            visible: (B, K), 0 where there is no label.
            boxes: (B, 4), left, top, right, bottom.

        Returns:
            Normalised images (B, 3, H, W), keypoints (B, K, 2) in their pixels, visible (B, K).
        """
        boxes, visible, window = self._cut(boxes, points, visible)
        boxes = self._half_bodies(boxes, points, visible)
        centre, matrix = self._views(boxes)
        middle = constants(points, [self.width / 2, self.height / 2])
        images = self._sample(pictures, centre, matrix, middle, window)
        images = self._colours(self._resolution(self._occluders(images)))
        # rows of the inverse of a turned and mirrored, evenly scaled matrix: its columns by their square
        inverse = matrix.transpose(1, 2) / matrix.square().sum(1)[:, :, None]
        points = (points - centre[:, None]) @ inverse.transpose(1, 2) + middle
        flipped = (matrix[:, 0, 0] * matrix[:, 1, 1] < matrix[:, 0, 1] * matrix[:, 1, 0])[:, None]
        points = torch.where(flipped[..., None], points[:, self.mirrored], points)
        visible = torch.where(flipped, visible[:, self.mirrored], visible)
        if self._channel_conversion:
            images = images.flip(1)
        return (images - self.mean) / self.std, points, visible

    def _drawn(self, name: str, like: Tensor) -> Tensor:
        """(B,) True with the probability of that name."""
        return torch.rand(len(like), device=like.device) < self.probabilities[name]

    def _cut(self, boxes: Tensor, points: Tensor, visible: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, visible and windows (B, 4) after a cut through some people, mostly below."""
        window = torch.cat(
            [
                torch.full_like(boxes[:, :2], -_EVERYWHERE),
                torch.full_like(boxes[:, 2:], _EVERYWHERE),
            ],
            1,
        )
        if not self.probabilities['cut_prob']:
            return boxes, visible, window
        low, high = self.cut_keep
        keep = low + (high - low) * torch.rand(len(boxes), 1, device=boxes.device)
        extent = boxes[:, 2:] - boxes[:, :2]
        edges = torch.cat([boxes[:, 2:] - keep * extent, boxes[:, :2] + keep * extent], 1)
        odds = constants(boxes, [SIDES[name] for name in ('left', 'top', 'right', 'bottom')])
        side = F.one_hot(torch.multinomial(odds, len(boxes), replacement=True), 4).bool()
        cut = torch.where(side, edges, window)
        inside = ((points >= cut[:, None, :2]) & (points < cut[:, None, 2:])).all(-1)
        left = visible * inside
        possible = (left > 0).sum(1) >= 4  # as RandomBodyCut: no cut that leaves fewer
        done = (self._drawn('cut_prob', boxes) & possible)[:, None]
        window = torch.where(done, cut, window)
        rest = torch.cat(
            [
                torch.maximum(boxes[:, :2], window[:, :2]),
                torch.minimum(boxes[:, 2:], window[:, 2:]),
            ],
            1,
        )
        return rest, torch.where(done, left, visible), window

    def _half_bodies(self, boxes: Tensor, points: Tensor, visible: Tensor) -> Tensor:
        """Boxes, some of them of the upper or the lower half, half as large again."""
        labelled = visible > 0
        count = (labelled[:, None] & self.halves).sum(-1)  # (B, 2)
        upper = torch.rand(len(boxes), device=boxes.device) < 0.7
        enough = count >= constants(count, [2, 3])
        upper = torch.where(upper, enough[:, 0], ~enough[:, 1])
        chosen = labelled & torch.where(upper[:, None], self.halves[0], self.halves[1])
        possible = (labelled.sum(1) >= 9) & enough.any(1)
        lowest = torch.where(chosen[..., None], points, _EVERYWHERE).amin(1)
        highest = torch.where(chosen[..., None], points, -_EVERYWHERE).amax(1)
        centre, extent = (lowest + highest) / 2, 1.5 * (highest - lowest)
        half = torch.cat([centre - extent / 2, centre + extent / 2], 1)
        done = self._drawn('half_body_prob', boxes) & possible & (extent > 1).all(1)
        return torch.where(done[:, None], half, boxes)

    def _views(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Centres (B, 2), and matrices (B, 2, 2) from offsets in the input to offsets in the picture."""
        extent = self.padding * (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)
        shift = self.shift_factor * _cut_normal(boxes[:, :2]) * extent
        shift = shift * self._drawn('shift_prob', boxes)[:, None]
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift
        low, high = self.scale_factor
        factor = (low + high) / 2 + (high - low) / 2 * _cut_normal(boxes[:, 0])
        width = factor * torch.maximum(extent[:, 0], extent[:, 1] * self.width / self.height)
        angle = torch.deg2rad(self.rotate_factor * _cut_normal(boxes[:, 0]))
        angle = angle * self._drawn('rotate_prob', boxes)
        mirror = 1 - 2 * self._drawn('flip_prob', boxes).float()
        cos, sin = torch.cos(angle), torch.sin(angle)
        matrix = torch.stack([cos * mirror, -sin, sin * mirror, cos], 1).view(-1, 2, 2)
        return centre, matrix * (width / self.width)[:, None, None]

    def _sample(
        self, pictures: Tensor, centre: Tensor, matrix: Tensor, middle: Tensor, window: Tensor
    ) -> Tensor:
        """(B, 3, H, W) floats, 0 to 255; black outside of the picture and of the window."""
        rows = torch.arange(self.height, device=pictures.device, dtype=centre.dtype)
        columns = torch.arange(self.width, device=pictures.device, dtype=centre.dtype)
        y, x = torch.meshgrid(rows, columns, indexing='ij')
        cells = torch.stack([x, y], -1).view(-1, 2) - middle
        places = (cells @ matrix.transpose(1, 2) + centre[:, None]).view(-1, *y.shape, 2)
        grid = 2 * places / (pictures.shape[-1] - 1) - 1
        images = F.grid_sample(pictures.float(), grid, mode='bilinear', align_corners=True)
        if not self.probabilities['cut_prob']:
            return images
        low, high = window[:, None, None, :2], window[:, None, None, 2:]
        return images * ((places >= low) & (places < high)).all(-1)[:, None]

    def _occluders(self, images: Tensor) -> Tensor:
        """Two pieces, each over some of the images: rectangles and ellipses of another's image."""
        if not self.probabilities['occluder_prob']:
            return images
        count, device = len(images), images.device
        y = torch.arange(self.height, device=device)[None, :, None] / self.height
        x = torch.arange(self.width, device=device)[None, None, :] / self.height
        for _ in range(2):
            numbers = torch.rand(5, count, 1, 1, device=device)
            dx = (x - numbers[0] * self.width / self.height).abs() / (0.06 + 0.17 * numbers[2])
            dy = (y - numbers[1]).abs() / (0.06 + 0.17 * numbers[3])
            piece = torch.where(numbers[4] < 0.5, dx**2 + dy**2 < 1, torch.maximum(dx, dy) < 1)
            piece = piece & self._drawn('occluder_prob', images)[:, None, None]
            moved = [random.randrange(side) for side in (count, self.height, self.width)]
            images = torch.where(piece[:, None], images.roll(moved, (0, 2, 3)), images)
        return images

    def _resolution(self, images: Tensor) -> Tensor:
        """Shrink and enlarge a share of the batch, in four groups of a factor each."""
        blurred = round(self.probabilities['low_resolution'] * len(images))
        if not blurred:
            return images
        parts = []
        for part in images[:blurred].chunk(4):
            factor = random.uniform(*self.low_resolution_factor)
            size = [max(1, round(factor * side)) for side in part.shape[-2:]]
            small = F.interpolate(part, size, mode='bilinear', antialias=True)
            parts.append(F.interpolate(small, part.shape[-2:], mode='bilinear'))
        return torch.cat([*parts, images[blurred:]])

    def _colours(self, images: Tensor) -> Tensor:
        """Brightness, contrast, saturation and tint of each image."""
        if not self.colour:
            return images
        numbers = self.colour * (2 * torch.rand(6, len(images), 1, 1, 1, device=images.device) - 1)
        grey = images.mean(1, keepdim=True)
        images = grey + (1 + numbers[0]) * (images - grey)
        mean = grey.mean((2, 3), keepdim=True)
        images = mean + (1 + numbers[1]) * (images - mean)
        tint = 0.3 * numbers[2:5].squeeze(-1).squeeze(-1).transpose(0, 1).reshape(-1, 3, 1, 1)
        return (images * (1 + numbers[5]) * (1 + tint)).clamp(0, 255)


def _stacked(values: Tensor | Sequence) -> Tensor:
    """A batch of arrays; MMEngine's own collating leaves them a list."""
    if isinstance(values, Tensor):
        return values
    return torch.stack([torch.as_tensor(value) for value in values])


def _cut_normal(like: Tensor) -> Tensor:
    """Normal numbers cut to -1 … 1, as ``RandomBBoxTransform`` draws them."""
    share = 0.6826894921370859  # of a normal distribution within one standard deviation
    return 2**0.5 * torch.erfinv(share * (2 * torch.rand_like(like) - 1))


def samples_of(targets: dict[str, Tensor]) -> list[PoseDataSample]:
    """The samples that heads compute losses with: they hold views of the targets."""
    maps = targets.get(_MAPS)
    columns = {name: values[:, None].unbind() for name, values in targets.items() if name != _MAPS}
    samples = []
    for index, labels in enumerate(zip(*columns.values())):
        sample = PoseDataSample()
        sample.gt_instance_labels = InstanceData(**dict(zip(columns, labels)))
        if maps is not None:
            sample.gt_fields = PixelData(**{_MAPS: maps[index]})
        samples.append(sample)
    return samples
