"""The student's images as the teacher wants them: of its size, normalised its way."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmengine.model import BaseDataPreprocessor
from mmpose.models import TopdownPoseEstimator
from torch import Tensor

from ..layers import at_least_float32
from .codecs import input_size_of


class TeacherInputs:
    """Undoes the student's normalisation, resizes, and normalises as the teacher does.

    Images that both take alike are left as they are.

    Raises:
        ValueError: If the two take images of different aspect ratios, thus other crops.
    """

    def __init__(self, student: TopdownPoseEstimator, teacher: TopdownPoseEstimator) -> None:
        ours, theirs = input_size_of('student', student), input_size_of('teacher', teacher)
        if ours[0] * theirs[1] != ours[1] * theirs[0]:
            raise ValueError(
                f'the student takes {ours[0]}x{ours[1]} images (W x H), the teacher '
                f'{theirs[0]}x{theirs[1]}, of another aspect ratio, and so other crops of a picture: '
                'use a teacher of the same one'
            )
        self.size = None if ours == theirs else theirs
        self.student_size = ours
        normalisation = [_normalisation(model.data_preprocessor) for model in (student, teacher)]
        self.renormalise = normalisation[0] != normalisation[1]
        if self.size is not None:
            print_log(
                f"distillation: the student's {ours[0]}x{ours[1]} images (W x H) are resized to the "
                f"teacher's {theirs[0]}x{theirs[1]}",
                'current',
            )
        if self.renormalise:
            print_log(
                'distillation: the teacher gets its images in its own normalisation '
                f"{normalisation[1]} (mean, std, channels swapped), not in the student's "
                f'{normalisation[0]}',
                'current',
            )

    def __call__(
        self, images: Tensor, student: TopdownPoseEstimator, teacher: TopdownPoseEstimator
    ) -> Tensor:
        if self.renormalise:
            mean, std, swapped = _tensors(student.data_preprocessor)
            images = images * std + mean
            mean, std, wanted = _tensors(teacher.data_preprocessor)
            if swapped != wanted:
                images = images.flip(1)
            images = (images - mean) / std
        if self.size is not None:
            # In float32: processors cannot do it in half precision.
            images = F.interpolate(
                at_least_float32(images),
                self.size[::-1],
                mode='bilinear',
                align_corners=False,
                antialias=True,
            ).to(images.dtype)
        return images


def _normalisation(preprocessor: BaseDataPreprocessor) -> tuple:
    mean, std, swapped = _tensors(preprocessor)
    return [*map(float, mean.flatten())], [*map(float, std.flatten())], swapped


def _tensors(preprocessor: BaseDataPreprocessor) -> tuple[Tensor, Tensor, bool]:
    """Mean, std, and whether channels are swapped: MMEngine does it either way by the same flag."""
    mean = getattr(preprocessor, 'mean', None)
    swapped = getattr(preprocessor, '_channel_conversion', False)
    if mean is None:
        return torch.tensor(0.0), torch.tensor(1.0), swapped
    return mean, preprocessor.std, swapped
