from __future__ import annotations

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...arguments import check_flags, check_weights
from ..layers import at_least_float32
from .feature_alignment import describe


@MODELS.register_module()
class RelationalLoss(nn.Module):
    """How the images of a batch lie to each other is learned from a teacher: distances and angles.

    Features of each image are one vector. Distances between all pairs, in units of their mean, and
    cosines of the angles in all triangles are compared by Huber's loss (delta 1), averaged over all
    pairs and triples. Widths and grids of the two may differ. A batch is what one process has: on two
    GPUs other images are compared than in one batch of the same images.

    Park et al., Relational Knowledge Distillation, CVPR 2019, https://arxiv.org/abs/1904.05068.

    Args:
        distance_weight: Factor of the loss on distances.
        angle_weight: Factor of the loss on angles.
        normalize: Bring every vector to length one first.

    Shape:
        student (B, …), teacher (B, …) -> ()

    Raises:
        TypeError, ValueError: If an option is no such thing, or from :meth:`fit`.

    Examples:
        >>> import torch
        >>> from mmpose_sdpose.models.losses import RelationalLoss
        >>> maps = torch.rand(4, 32, 8, 6)
        >>> loss = RelationalLoss(normalize=False)
        >>> bool(loss(3 * maps + 1, maps) < 1e-4)  # moved and enlarged: the same relations
        True
    """

    compares = 'features'

    def __init__(
        self,
        distance_weight: float = 25.0,
        angle_weight: float = 50.0,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        check_weights(distance_weight=distance_weight, angle_weight=angle_weight)
        check_flags(normalize=normalize)
        self.distance_weight = distance_weight
        self.angle_weight = angle_weight
        self.normalize = normalize

    def fit(self, student: Tensor, teacher: Tensor) -> None:
        """Whether both give one vector of each image.

        Raises:
            ValueError: If they do not; names what they give and what to do.
        """
        if not isinstance(student, Tensor) or not isinstance(teacher, Tensor):
            raise ValueError(
                f'tensors are compared, but the student gives {describe(student)}, the teacher '
                f'{describe(teacher)}: choose modules that give a tensor'
            )

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        ours, theirs = self._distances(student), self._distances(teacher.detach())
        distance = F.smooth_l1_loss(_in_units_of_mean(ours), _in_units_of_mean(theirs))
        angle = F.smooth_l1_loss(_cosines(ours), _cosines(theirs))
        return self.distance_weight * distance + self.angle_weight * angle

    def _distances(self, features: Tensor) -> Tensor:
        """(B, …) -> (B, B)"""
        vectors = at_least_float32(features).flatten(1)
        if self.normalize:
            vectors = F.normalize(vectors, dim=1)
        # Distances from products take a B-th of the memory of differences; of vectors far from the
        # origin, or in half precision, they would be rounding errors.
        vectors = vectors - vectors.mean(0)
        with torch.autocast(vectors.device.type, enabled=False):
            products = vectors @ vectors.T
        squares = products.diagonal()
        squares = squares[:, None] + squares - 2 * products
        return torch.where(squares > _LEAST, squares.clamp(min=_LEAST).sqrt(), 0 * squares)


# Vectors nearer than the root of this are one: the gradient of a smaller square's root is none.
_LEAST = 1e-12


def _in_units_of_mean(distances: Tensor) -> Tensor:
    mean = distances.sum() / (distances > 0).sum().clamp(min=1)
    return distances / mean.clamp(min=_LEAST)


def _cosines(distances: Tensor) -> Tensor:
    """Of the angle at j between i and k: (B, B) distances -> (B, B, B), indexed j, i, k.

    By the law of cosines; 0 where an arm has no length.
    """
    squares = distances**2
    arms = distances[:, :, None] * distances[:, None, :]
    opposite = squares[:, :, None] + squares[:, None, :] - squares
    return torch.where(arms > 0, opposite / (2 * arms).clamp(min=_LEAST), 0 * arms)
