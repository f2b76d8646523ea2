"""The teacher, built beside the student: a model with weights of its own, or the student's average."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.logging import print_log
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import MODELS
from torch import nn

from ...checkpoint import load_weights
from ...configs import read_config, read_metainfo
from ..heads import innermost


class Aside:
    """Holds the teacher where no module looks: parameters, state dict, train(), data parallelism.

    A copy of the student (an exponential moving average) shares it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model.requires_grad_(False).eval()

    def __deepcopy__(self, memo: dict) -> Aside:
        return self


@contextmanager
def building(role: str) -> Iterator[None]:
    """Says whose part it is that cannot be built.

    Raises:
        TypeError, ValueError: Instead of whatever else building raises.
    """
    why = f'the {role} cannot be built from its config: '
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f'{why}{error}') from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{why}{error}') from error
    except KeyError as error:
        raise ValueError(f'{why}{error.args[0] if error.args else error}') from error
    except (AssertionError, AttributeError, ImportError, IndexError, RuntimeError) as error:
        raise ValueError(f'{why}{type(error).__name__}: {error}') from error


class ModelConfig:
    """A model's config, given as such or as the name or path of a config file; a copy of one's own.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is neither, or a file that describes no model.
    """

    def __init__(self, role: str, given: dict | str) -> None:
        self.role = role
        self.whole: Config | None = None
        if isinstance(given, str):
            self.whole = _read(role, given)
            self.model = self.whole.model
        elif isinstance(given, Mapping) and 'type' in given:
            self.model = deepcopy(ConfigDict(given))
        else:
            raise ValueError(
                f"{role} ({given!r}) must be a model's config, with its type, or the name or path of a "
                'config file'
            )
        # What a distillation made is its student.
        while self.model.get('type') == 'TopdownDistiller':
            self.model = ModelConfig(role, self.model.get('student')).model

    def check(self, exactly: bool = False) -> None:
        """Whether it is a top-down model with a head, to be asked before it is built.

        Args:
            exactly: It may be of no other class.

        Raises:
            ValueError: If it is not.
        """
        kind = MODELS.get(self.model.type) if isinstance(self.model.type, str) else self.model.type
        fits = isinstance(kind, type) and issubclass(kind, TopdownPoseEstimator)
        if not fits or (exactly and kind is not TopdownPoseEstimator):
            raise ValueError(
                f'the {self.role} must be a TopdownPoseEstimator, not a {self.model.type}: it is '
                'asked about one person, cut out of the picture'
            )
        if not self.model.get('head'):
            raise ValueError(
                f'the {self.role} has no head: say what predicts its keypoints, head=dict(type=…)'
            )

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


def _read(role: str, name: str) -> Config:
    try:
        config = read_config(name)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{role} ({name!r}): {error}') from error
    except Exception as error:  # also of another package's config, which may raise anything
        weights = '; the weights of a teacher go into teacher_ckpt' * (role == 'teacher')
        raise ValueError(
            f'{role} ({name!r}): {error}; name a config (.py, .json, .yml){weights}'
        ) from error
    model = config.get('model')
    if not isinstance(model, Mapping) or 'type' not in model:
        raise ValueError(
            f'{role}: the config file {name} describes no model: it needs model=dict(type=…, …)'
        )
    return config


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
    'mmpose_sdpose convert_checkpoint`, and name the file with --cfg-options model.teacher_ckpt=…; to '
    "test or export the student no teacher is needed: use the student's own config, or --cfg-options "
    'model.teacher_ckpt=None model.allow_untrained=True'
)


def build_teacher(config: ModelConfig, checkpoint: str | None, allow_untrained: bool) -> nn.Module:
    """A teacher with the weights of a checkpoint.

    Raises:
        FileNotFoundError: If they are not there.
        OSError: If they cannot be fetched.
        TypeError, ValueError: If it cannot be built, or there are none, or they are another model's.
    """
    if checkpoint is not None and (not isinstance(checkpoint, str) or not checkpoint):
        raise TypeError(f'teacher_ckpt ({checkpoint!r}) must be the path or URL of a file')
    if checkpoint is None and not allow_untrained:
        raise ValueError(f'the teacher has no weights (teacher_ckpt is None): {_WHERE_FROM}')
    config.check()
    with building('teacher'):
        model = MODELS.build(config.model)
    if checkpoint is None:
        return model
    try:
        load_weights(model, checkpoint)
    except FileNotFoundError as error:
        missing = str(error).rstrip('.')
        raise FileNotFoundError(f"no teacher's weights: {missing}. Please {_WHERE_FROM}") from error
    except ValueError as error:
        raise ValueError(f'teacher_ckpt: {error}') from error
    except OSError as error:
        raise OSError(
            f'teacher_ckpt ({checkpoint}) cannot be fetched ({error}): try again, or download it and '
            'name the file'
        ) from error
    except (ImportError, KeyError) as error:
        raise ValueError(
            f'teacher_ckpt ({checkpoint}) cannot be read ({type(error).__name__}: {error}): download it '
            'and name the file'
        ) from error
    return model
