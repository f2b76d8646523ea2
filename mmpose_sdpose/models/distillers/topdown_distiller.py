from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ...arguments import check_configs, check_dicts, check_flags, check_weights
from ..heads import innermost, num_keypoints_of
from .codecs import input_size_of
from .comparisons import build_comparison
from .fitting import fit, random_images, try_out, undisturbed
from .keypoint_sets import KeypointSet, shared_joints
from .own_state import choose_average, collect_state, keep_to_the_student
from .registries import adapter_of
from .sides import Request, Side, ask, listen
from .starting import StartFromTeacher, read_parts
from .teacher_inputs import TeacherInputs
from .teachers import Aside, ModelConfig, build_teacher, building, say_other_crops
from .watching import find_module


@MODELS.register_module()
class TopdownDistiller(TopdownPoseEstimator):
    """A student that learns from a frozen teacher besides the ground truth.

    The distiller *is* the student, with the teacher beside it: parameters, optimizer, checkpoints and
    predictions are the plain student's, and a checkpoint loads into the student's own config. The
    teacher is no submodule; it stays in evaluation mode, runs without gradients (not in inference
    mode: losses keep its outputs for their backward pass), and follows the student's device and
    precision. Of a student with several cycles the first one is taught. What losses adapt with
    (connectors) is trained too, but in no state dict: see ``DistillerStateHook``.

    Args:
        student: The student: a model config, or the name or path of a config file. Its own
            ``score_loss`` is off where the teacher teaches scores.
        teacher: The teacher, likewise; ``mmpose::…`` finds the configs of MMPose. 'ema': the average of
            the student over its own training.
        losses: A name -> the loss, any registered one of (student, teacher[, weights]); None leaves it
            out. What it compares is said by ``on`` in its config, or ``compares`` of its class, or its
            name; options of what is compared (``module`` of features) by ``student_module`` and
            ``teacher_module``, or ``module`` for both. ``weights`` of the joints: 'labels' (default),
            'all' alike, or the 'teacher' by its scores.
        teacher_ckpt: Path or URL of the teacher's weights.
        ema_momentum: With ``teacher='ema'``, the share that the student has in its average at each step;
            default: 0.0002.
        keypoint_pairs: Which keypoints of the student are which of the teacher, by name or counted from
            0; default: by the names in both models' ``metainfo``, or all in one order.
        start_from_teacher: Parts of the student that start from the teacher's weights, as DistilBERT's
            layers and DistilPose-L's backbone do: dotted paths of modules or of single weights, or a
            dict from the student's paths to the teacher's. A module of the teacher may have more, such
            as further stages; keypoint tokens and output layers of another keypoint set go by keypoint.
            ``init_weights`` does it; ``load_from`` and a resumed run come later, and win.
        frozen: Dotted paths of modules of the student that are not trained: with 'backbone', the head
            alone learns.
        student_loss_weight: Factor of the student's own losses; with 0 it learns from its teacher alone.
        allow_untrained: Accept a teacher without weights, for tests.

    Raises:
        FileNotFoundError: If a config or the teacher's weights are not there.
        OSError: If the teacher's weights cannot be fetched.
        TypeError, ValueError: If an argument is no such thing, the teacher's weights do not fit, or
            student, teacher and losses do not.

    Examples:
        >>> from mmengine.registry import init_default_scope
        >>> from mmpose.registry import MODELS
        >>> init_default_scope('mmpose')  # as a training does
        >>> distiller = MODELS.build(
        ...     dict(
        ...         type='TopdownDistiller',
        ...         student='td-hm_sdpose-n_2xb16-16e_synthpose-128x96',
        ...         teacher='td-hm_sdpose-n_2xb16-16e_synthpose-128x96',
        ...         teacher_ckpt='mmpose_sdpose://sdpose-n_synthpose-128x96.pth',
        ...         losses=dict(heatmaps=dict(type='KeypointMSELoss', use_target_weight=True)),
        ...     )
        ... )
        >>> any('teacher' in name for name in distiller.state_dict())
        False
    """

    frozen: tuple[str, ...] = ()

    def __init__(
        self,
        student: dict | str,
        teacher: dict | str,
        losses: dict[str, dict | None],
        teacher_ckpt: str | None = None,
        ema_momentum: float | None = None,
        keypoint_pairs: Sequence[tuple] | None = None,
        start_from_teacher: Sequence[str] | Mapping[str, str] = (),
        frozen: Sequence[str] = (),
        student_loss_weight: float = 1.0,
        allow_untrained: bool = False,
    ) -> None:
        check_flags(allow_untrained=allow_untrained)
        check_dicts(losses=losses)
        check_weights(student_loss_weight=student_loss_weight)
        wanted = {name: loss for name, loss in (losses or {}).items() if loss is not None}
        check_configs(**{f'losses.{name}': loss for name, loss in wanted.items()})
        if not wanted:
            raise ValueError('losses is empty: name what the student learns from its teacher')
        parts = read_parts(start_from_teacher)
        student_config = ModelConfig('student', student)
        student_config.check(exactly=True)
        config = dict(student_config.model)
        del config['type']
        with building('student'):
            super().__init__(**config)
        built = {name: build_comparison(name, loss) for name, loss in wanted.items()}
        self.distillation_losses = nn.ModuleDict({name: loss for name, (loss, _) in built.items()})
        self.comparisons = {name: comparison for name, (_, comparison) in built.items()}
        #: Factor of each loss, for schedules.
        self.loss_factors = dict.fromkeys(built, 1.0)
        keep_to_the_student(self)
        #: What makes the teacher the student's average, if it is.
        self.average = choose_average(teacher, teacher_ckpt, ema_momentum, parts)
        teacher_config = student_config if self.average else ModelConfig('teacher', teacher)
        untrained = allow_untrained or self.average is not None
        self._teacher = Aside(build_teacher(teacher_config, teacher_ckpt, untrained))
        self._freeze(frozen)
        self._meet(student_config, teacher_config, keypoint_pairs)
        self.student_loss_weight = student_loss_weight
        #: Whether checkpoints hold what is learned besides the student; a hook says so.
        self.state_is_kept = False
        head = innermost(self.head)
        if hasattr(head, 'score_loss') and 'scores' in {r.name for r in self._requests('student')}:
            head.score_loss = None
        self._start = StartFromTeacher(self, self.teacher, parts, self._joints)

    @property
    def teacher(self) -> TopdownPoseEstimator:
        return self._teacher.model

    def _meet(
        self,
        student: ModelConfig,
        teacher: ModelConfig,
        keypoint_pairs: Sequence[tuple] | None,
    ) -> None:
        """What the two share, and whether the losses can compare it."""
        heads = {role: innermost(model.head) for role, model in self._sides}
        for head in heads.values():
            adapter_of(head)
        self._inputs = TeacherInputs(self, self.teacher)
        keypoints = [
            KeypointSet.of(role, num_keypoints_of(heads[role]), config.metainfo)
            for role, config in (('student', student), ('teacher', teacher))
        ]
        self._joints = shared_joints(keypoints[0], keypoints[1], keypoint_pairs)
        say_other_crops(student.use_udp(self), teacher.use_udp(self.teacher))
        size = input_size_of('student', self)
        images = random_images(size)
        with undisturbed(self, self.teacher):
            with torch.enable_grad():  # to see what of the student learns
                requests = self._requests('student')
                ours = try_out('student', size, lambda: ask('student', self, images, requests))
            theirs = try_out('teacher', size, lambda: self.ask_teacher(images))
            losses = dict(self.distillation_losses.items())
            with torch.enable_grad():
                fit(losses, self.comparisons, ours, theirs, self._joints)

    @property
    def _sides(self) -> list[tuple[str, TopdownPoseEstimator]]:
        return [('student', self), ('teacher', self.teacher)]

    def _freeze(self, names: Sequence[str]) -> None:
        if not isinstance(names, (list, tuple)):
            raise TypeError(f"frozen ({names!r}) must be a list of modules' paths: ['backbone']")
        for name in names:
            try:
                module, index = find_module(self, name)
            except (TypeError, ValueError) as error:
                raise ValueError(f'frozen: {error}') from error
            if index is not None:
                raise ValueError(
                    f'frozen: {name} is a value that a module gives, without weights: name the module, '
                    f'{name[: name.rindex("[")]}'
                )
            if not any(True for _ in module.parameters()):
                raise ValueError(f'frozen: {name} has no weights, so that nothing of it is trained')
            module.requires_grad_(False)
        if names and not any(parameter.requires_grad for parameter in self.parameters()):
            raise ValueError(f'frozen ({list(names)}) leaves nothing to train: freeze less')
        self.frozen = tuple(names)

    def init_weights(self) -> None:
        super().init_weights()
        if self._start:
            self._start.load(self, self.teacher)

    def loss(self, inputs: Tensor, data_samples: list[PoseDataSample]) -> dict[str, Tensor]:
        """The student's own losses, and ``loss_distill_<name>`` for each loss of the distillation."""
        if self.training:
            self._before_step()
        # First, so that what the student keeps for its backward pass stays in the processor's cache.
        with torch.no_grad():
            teacher = self.ask_teacher(inputs)
        with listen('student', self, self._requests('student')) as heard:
            losses = super().loss(inputs, data_samples)
        student = heard.side
        if self.student_loss_weight != 1:
            losses = {name: self._weighted(name, value) for name, value in losses.items()}
        if self._joints is not None:  # once: an accelerator would be waited for in every step
            ours, theirs = (side.to(inputs.device) for side in self._joints)
            self._joints = ours, theirs
        for name, loss in self.distillation_losses.items():
            comparison = self.comparisons[name]
            arguments = comparison.values(student, teacher, self._joints)
            if comparison.weighted:
                arguments.append(comparison.joint_weights(data_samples, teacher, self._joints))
            losses[f'loss_distill_{name}'] = self.loss_factors[name] * loss(*arguments)
        return losses

    def _weighted(self, name: str, value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        """A loss of the student's own, or several, as MMEngine adds them up; others are as they are."""
        if 'loss' not in name:
            return value
        if isinstance(value, (list, tuple)):
            return [self.student_loss_weight * one for one in value]
        return self.student_loss_weight * value

    def _before_step(self) -> None:
        if self.average is not None:
            self.average.update(self.teacher, self)
        if self.state_is_kept:
            return
        self.state_is_kept = True  # once is enough
        if collect_state(self):
            print_log(
                'distillation: what its losses adapt with, or the average of its student, is in no '
                "checkpoint: add dict(type='DistillerStateHook') to custom_hooks",
                'current',
                logging.WARNING,
            )

    def train(self, mode: bool = True) -> TopdownDistiller:
        super().train(mode)
        for name in self.frozen:
            find_module(self, name)[0].eval()
        return self

    def _requests(self, role: str) -> list[Request]:
        return [r for comparison in self.comparisons.values() for r in getattr(comparison, role)]

    def ask_teacher(self, images: Tensor) -> Side:
        """All that the losses compare of the teacher: one forward pass.

        Args:
            images: As the student takes them, (B, 3, H, W); resized and normalised for the teacher.
        """
        images = self._inputs(images, self, self.teacher)
        return ask('teacher', self.teacher, images, self._requests('teacher'))

    def _apply(self, function: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> nn.Module:
        """What moves or casts the student moves or casts the teacher."""
        self.teacher._apply(function, *args, **kwargs)
        return super()._apply(function, *args, **kwargs)
