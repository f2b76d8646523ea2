"""The teacher, built beside the student: a model with weights of its own, or the student's average."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.logging import print_log
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS
from torch import nn

from ...checkpoint import load_weights
from ...configs import read_config, read_metainfo
from .watching import innermost


class Aside:
    """Holds the teacher where no module looks: parameters, state dict, train(), data parallelism.

    A copy of the student (an exponential moving average) shares it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model.requires_grad_(False).eval()

    def __deepcopy__(self, memo: dict) -> Aside:
        return self


class ModelConfig:
    """A model's config, given as such or as the name or path of a config file; a copy of one's own.

    Raises:
        ValueError: If it is neither.
    """

    def __init__(self, role: str, given: dict | str) -> None:
        self.whole: Config | None = None
        if isinstance(given, str):
            self.whole = read_config(given)
            self.model = self.whole.model
        elif isinstance(given, Mapping) and 'type' in given:
            self.model = deepcopy(ConfigDict(given))
        else:
            raise ValueError(
                f"{role} ({given!r}) must be a model's config, with its type, or the name or path of a "
                'config file'
            )
        while (
            self.model.get('type') == 'TopdownDistiller'
        ):  # what a distillation made is its student
            self.model = ModelConfig(role, self.model.student).model

    @property
    def metainfo(self) -> dict[str, Any] | None:
        """Names of its keypoints and more: the model's own, or of the data its file tests on."""
        if self.model.get('metainfo'):
            return parse_pose_metainfo(self.model.metainfo)
        if self.whole is None:
            return None
        try:
            return read_metainfo(self.whole)
        except (OSError, KeyError, ValueError):  # a file without data, or whose data is not here
            return None

    def use_udp(self, model: nn.Module) -> bool | None:
        """Whether people are cut out as UDP does; None if nothing says it."""
        loader = (self.whole or {}).get('test_dataloader', {})
        for step in loader.get('dataset', {}).get('pipeline', ()):
            if step.get('type') == 'TopdownAffine':
                return step.get('use_udp', False)
        codec = getattr(innermost(model.head), 'decoder', None)
        return {UDPHeatmap: True, MSRAHeatmap: False}.get(type(codec))


def say_other_crops(student: bool | None, teacher: bool | None) -> None:
    """Log that one is trained on crops of another kind, up to a pixel off."""
    if teacher is not None and bool(student) != teacher:
        print_log(
            f'distillation: the teacher was trained on crops with use_udp={teacher}, the student takes '
            f'{"others" if student is not None else "those of its own pipeline"}: set '
            f'use_udp={teacher} in the TopdownAffine of its pipelines, or positions may be up to half a '
            'cell apart',
            'current',
        )


_WHERE_FROM = (
    'train the teacher with its own config, or convert the official weights with `mim run '
    'mmpose_sdpose convert_checkpoint`, and name the file with --cfg-options model.teacher_ckpt=…'
)


def build_teacher(config: ModelConfig, checkpoint: str | None, allow_untrained: bool) -> nn.Module:
    """A teacher with the weights of a checkpoint.

    Raises:
        FileNotFoundError: If they are not there.
        TypeError, ValueError: If there are none, or they are another model's.
    """
    if checkpoint is not None and not isinstance(checkpoint, str):
        raise TypeError(f'teacher_ckpt ({checkpoint!r}) must be the path or URL of a file')
    if checkpoint is None and not allow_untrained:
        raise ValueError(f'the teacher has no weights (teacher_ckpt is None): {_WHERE_FROM}')
    model = MODELS.build(config.model)
    if checkpoint is None:
        return model
    try:
        load_weights(model, checkpoint)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no teacher's weights: {error}. Please {_WHERE_FROM}") from error
    except ValueError as error:
        raise ValueError(f'teacher_ckpt: {error}') from error
    return model
