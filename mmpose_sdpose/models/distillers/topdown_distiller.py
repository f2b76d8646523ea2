from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...checkpoint import judge, load_weights
from ...configs import read_config
from ..arguments import check_configs, check_dicts, check_flags
from ..heads.token_head import keypoint_weights
from .checks import check_losses
from .comparisons import COMPARISONS, asked
from .knowledge import ask, quantities_of


@MODELS.register_module()
class TopdownDistiller(TopdownPoseEstimator):
    """A student that learns from a frozen teacher besides the ground truth.

    The distiller *is* the student, with the teacher beside it: parameters, optimizer, checkpoints and
    predictions are the plain student's, and a checkpoint loads into the student's own config. The
    teacher is no submodule; it stays in evaluation mode, runs without gradients (not in inference
    mode: losses keep its outputs for their backward pass), and follows the student's device and
    precision. Of a student with several cycles the first one is taught.

    Args:
        student: The student: a model config, or the name or path of a config file. Its own
            ``score_loss`` is off where the teacher teaches scores.
        teacher: The teacher, likewise; ``mmpose::…`` finds the configs of MMPose. Token heatmap models
            of this package give everything that can be compared, any heatmap estimator of MMPose
            gives heatmaps and coordinates.
        losses: What is compared -> the loss for it; None leaves it out. Comparisons: heatmaps,
            coordinates, keypoint_tokens, visual_tokens, attention, scores, simulated_heatmaps.
        teacher_ckpt: Path or URL of the teacher's weights.
        backbone_from_teacher: Start the student's backbone from the teacher's weights, as DistilPose-L
            does; the teacher's may have more stages.
        allow_untrained: Accept a teacher without weights, for tests.

    Raises:
        FileNotFoundError: If a config or the teacher's weights are not there.
        TypeError, ValueError: If an argument is no such thing, the teacher's weights do not fit, or
            student, teacher and losses do not.
    """

    def __init__(
        self,
        student: dict | str,
        teacher: dict | str,
        losses: dict[str, dict | None],
        teacher_ckpt: str | None = None,
        backbone_from_teacher: bool = False,
        allow_untrained: bool = False,
    ) -> None:
        check_flags(backbone_from_teacher=backbone_from_teacher, allow_untrained=allow_untrained)
        check_dicts(losses=losses)
        losses = losses or {}
        check_configs(**{f'losses.{name}': loss for name, loss in losses.items()})
        student = _model_config('student', student)
        if student.pop('type') != 'TopdownPoseEstimator':
            raise ValueError('the student must be a TopdownPoseEstimator')
        super().__init__(**student)
        unknown = sorted(set(losses) - set(COMPARISONS))
        if unknown:
            raise ValueError(
                f'losses compares {unknown}, unknown; choose from {sorted(COMPARISONS)}'
            )
        self.distillation_losses = nn.ModuleDict(
            {name: MODELS.build(loss) for name, loss in losses.items() if loss is not None}
        )
        #: Factor of each loss, for schedules.
        self.loss_factors = dict.fromkeys(self.distillation_losses, 1.0)
        self._teacher = _Aside(_build_teacher(teacher, teacher_ckpt, allow_untrained))
        check_losses(dict(self.distillation_losses.items()), self, self.teacher)
        if 'scores' in self.distillation_losses:
            self.head.score_loss = None
        self.backbone_from_teacher = backbone_from_teacher
        if backbone_from_teacher:
            self._check_backbone()

    @property
    def teacher(self) -> nn.Module:
        return self._teacher.model

    def init_weights(self) -> None:
        super().init_weights()
        if self.backbone_from_teacher:
            expected, found = self.backbone.state_dict(), self.teacher.backbone.state_dict()
            self.backbone.load_state_dict({name: found[name] for name in expected})

    def _check_backbone(self) -> None:
        fit = judge(self.teacher.backbone.state_dict(), self.backbone)
        if fit.misfits:
            raise ValueError(
                f"backbone_from_teacher: the student's {type(self.backbone).__name__} does not fit the "
                f"teacher's {type(self.teacher.backbone).__name__}, {len(fit.misfits)} of {fit.total} "
                f'weights: {fit.misfits[0]} …'
            )

    def loss(self, inputs: Tensor, data_samples: list[PoseDataSample]) -> dict[str, Tensor]:
        """The student's own losses, and one ``loss_distill_<comparison>`` for each comparison."""
        head = self.head
        student_layers, teacher_layers = self._map_layers()
        map_layers = head.between_cycles.map_layers(head.num_cycles)
        map_layers[1] = [*map_layers.get(1, []), *student_layers]
        cycles = head.run_cycles(self.extract_feat(inputs), head.num_cycles, map_layers)
        losses = head.loss_of_cycles(cycles, data_samples, self.train_cfg)
        of_student, of_teacher = asked(self.distillation_losses)
        student = quantities_of(head, cycles[0], of_student)
        with torch.no_grad():
            teacher = ask(self.teacher, inputs, of_teacher, teacher_layers)
        weights = keypoint_weights(data_samples)
        for name, loss in self.distillation_losses.items():
            value = COMPARISONS[name](loss, student, teacher, weights)
            losses[f'loss_distill_{name}'] = self.loss_factors[name] * value
        return losses

    def _map_layers(self) -> tuple[list[int], list[int]]:
        """Student's and teacher's layers whose attention is compared."""
        if 'attention' not in self.distillation_losses:
            return [], []
        loss = self.distillation_losses['attention']
        return loss.student_layers, loss.teacher_layers

    def _apply(self, function: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> nn.Module:
        """What moves or casts the student moves or casts the teacher."""
        self.teacher._apply(function, *args, **kwargs)
        return super()._apply(function, *args, **kwargs)


class _Aside:
    """Holds the teacher where no module looks: parameters, state dict, train(), data parallelism.

    A copy of the student (an exponential moving average) shares it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __deepcopy__(self, memo: dict) -> _Aside:
        return self


def _model_config(role: str, model: dict | str) -> ConfigDict:
    """The model in a config, or the model config itself; a copy of one's own."""
    if isinstance(model, str):
        return read_config(model).model
    if not isinstance(model, Mapping) or 'type' not in model:
        raise ValueError(
            f"{role} ({model!r}) must be a model's config, with its type, or the name or path of a "
            'config file'
        )
    return deepcopy(ConfigDict(model))


_WHERE_FROM = (
    'train the teacher with its own config, or convert the official weights with `mim run '
    'mmpose_sdpose convert_checkpoint`, and name the file with --cfg-options model.teacher_ckpt=…'
)


def _build_teacher(teacher: dict | str, checkpoint: str | None, allow_untrained: bool) -> nn.Module:
    if checkpoint is not None and not isinstance(checkpoint, str):
        raise TypeError(f'teacher_ckpt ({checkpoint!r}) must be the path or URL of a file')
    if checkpoint is None and not allow_untrained:
        raise ValueError(f'the teacher has no weights (teacher_ckpt is None): {_WHERE_FROM}')
    model = MODELS.build(_model_config('teacher', teacher))
    if checkpoint is not None:
        try:
            load_weights(model, checkpoint)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no teacher's weights: {error}. Please {_WHERE_FROM}"
            ) from error
        except ValueError as error:
            raise ValueError(f'teacher_ckpt: {error}') from error
    model.requires_grad_(False)
    model.eval()
    return model
