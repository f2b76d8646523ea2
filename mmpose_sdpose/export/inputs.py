"""Real-looking inputs of a model: a folder of images, people of a data set config, made-up people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import DATASETS
from torch import Tensor

from ..configs import read_config, read_metainfo
from ..datasets.checks import check_data, raise_errors
from ..datasets.coco_people import CocoPeople, read_image, to_sample
from ..models.heads import innermost
from .graph import ExportNotPossible
from .metadata import read_cropping

SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')

#: A made-up person, looking at us: joints as x and y in units of their height, and the limbs between.
_JOINTS = dict(
    nose=(0, 0.09),
    right_shoulder=(-0.12, 0.2), right_elbow=(-0.17, 0.36), right_wrist=(-0.19, 0.5),
    left_shoulder=(0.12, 0.2), left_elbow=(0.17, 0.36), left_wrist=(0.19, 0.5),
    right_hip=(-0.08, 0.52), right_knee=(-0.09, 0.75), right_ankle=(-0.1, 0.97),
    left_hip=(0.08, 0.52), left_knee=(0.09, 0.75), left_ankle=(0.1, 0.97),
)  # fmt: skip
_ARM, _LEG, _TRUNK = ('shoulder', 'elbow', 'wrist'), ('hip', 'knee', 'ankle'), ('shoulder', 'hip')


class InputMaker:
    """Turns people in images into a model's input, through the test pipeline of its config.

    Args:
        config: The model's config.
        model: The model, whose preprocessor normalises.

    Raises:
        ExportNotPossible: If the pipeline does not give what the model takes.
    """

    def __init__(self, config: Config, model: TopdownPoseEstimator) -> None:
        init_default_scope(config.get('default_scope', 'mmpose'))
        self.pipeline_config = config.test_dataloader.dataset.pipeline
        self.padding = read_cropping(config, innermost(model.head).decoder.input_size).padding
        self.pipeline = Compose(self.pipeline_config)
        self.metainfo = read_metainfo(config)
        self.preprocess = model.data_preprocessor

    def read(self, source: str, count: int, least: int = 1) -> Tensor:
        """People of a folder of images, or of the training data of a config: (B, 3, H, W).

        Args:
            source: The folder; or path or name of the config.
            count: At most so many, evenly spaced.
            least: How many there must be.

        Raises:
            ExportNotPossible: If there are too few, or several JSON files in the folder.
            OSError, ValueError: If images, boxes, config or its data cannot be read.
        """
        if Path(source).is_dir():
            return self._read_folder(Path(source), count, least)
        config = read_config(source)
        if 'dataset' not in (config.get('train_dataloader') or {}):
            raise ExportNotPossible(
                f'{source} has no train_dataloader.dataset: name a config with training data, or a '
                'folder of images'
            )
        raise_errors(check_data(config, ['train']))
        settings = config.train_dataloader.dataset.copy()
        # People of that data, through this model's pipeline.
        settings.pipeline = self.pipeline_config
        dataset = DATASETS.build(settings)
        _check_count(len(dataset), least, source, 'people')
        return self._normalise([dataset[index] for index in _spread(range(len(dataset)), count)])

    def make_up(self, count: int) -> Tensor:
        """Figures on blurred noise, the same each time: (count, 3, H, W)."""
        numbers = np.random.default_rng(0)
        return self._normalise([self._pack(*_made_up_person(numbers)) for _ in range(count)])

    def _read_folder(self, folder: Path, count: int, least: int) -> Tensor:
        """Boxes come from the COCO file in the folder; without one each image is one person's crop."""
        paths = sorted(path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES)
        annotations = sorted(folder.glob('*.json'))
        if len(annotations) > 1:
            raise ExportNotPossible(
                f'{folder} has several JSON files ({", ".join(path.name for path in annotations)}): '
                'leave one COCO file with the boxes of its images, or none'
            )
        people = [(path, None) for path in paths]
        if annotations:
            known = CocoPeople(annotations[0])
            people = [(path, one['bbox']) for path in paths for one in known.on(path) or []]
        _check_count(len(people), least, folder, 'people with a box' if annotations else 'images')
        return self._normalise(
            [self._pack(read_image(path), box) for path, box in _spread(people, count)]
        )

    def _pack(self, image: np.ndarray, box: Sequence[float] | None) -> dict:
        """A person through the pipeline.

        Args:
            image: BGR.
            box: x, y, width and height; None: the image is a crop, with its margin around the person.
        """
        if box is None:
            height, width = image.shape[:2]
            margin = (1 - 1 / self.padding) / 2
            box = (margin * width, margin * height, width / self.padding, height / self.padding)
        return self.pipeline(to_sample(image, dict(bbox=box), self.metainfo))

    def _normalise(self, packed: Sequence[dict]) -> Tensor:
        """What the pipeline gave to (B, 3, H, W)."""
        batch = dict(
            inputs=[person['inputs'] for person in packed],
            data_samples=[person['data_samples'] for person in packed],
        )
        return self.preprocess(batch, training=False)['inputs']


def _made_up_person(numbers: np.random.Generator) -> tuple[np.ndarray, tuple[float, ...]]:
    """A picture with one figure in it, and its box: x, y, width and height."""
    noise = numbers.integers(90, 170, (8, 8, 3), dtype=np.uint8)
    image = cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC)
    size, (left, top) = numbers.uniform(150, 210), numbers.uniform((105, 15), (150, 30))
    points = {
        name: np.array((left, top)) + size * (np.array(place) + numbers.normal(0, 0.02, 2))
        for name, place in _JOINTS.items()
    }
    skin = [int(part) for part in numbers.integers(-20, 21, 3) + (140, 170, 215)]
    shirt, trousers = numbers.integers(0, 256, (2, 3)).tolist()
    for side in ('right_', 'left_'):
        _draw_limb(image, [points[side + joint] for joint in _LEG], trousers, 0.07 * size)
        _draw_limb(image, [points[side + joint] for joint in _ARM], skin, 0.06 * size)
    trunk = [points['right_' + joint] for joint in _TRUNK] + [
        points['left_' + joint] for joint in reversed(_TRUNK)
    ]
    cv2.fillConvexPoly(image, np.array([_pixel(place) for place in trunk]), shirt, cv2.LINE_AA)
    _draw_limb(image, trunk, shirt, 0.08 * size)
    _draw_head(image, points['nose'], 0.08 * size, skin)
    return image, (left - 0.23 * size, top, 0.46 * size, size)


def _draw_limb(
    image: np.ndarray, places: Sequence[np.ndarray], color: list[int], width: float
) -> None:
    points = np.array([_pixel(place) for place in places])
    cv2.polylines(image, [points], False, color, round(width), cv2.LINE_AA)


def _draw_head(image: np.ndarray, nose: np.ndarray, radius: float, skin: list[int]) -> None:
    """A face with eyes, nose and ears."""
    cv2.ellipse(
        image, _pixel(nose), (round(0.8 * radius), round(radius)), 0, 0, 360, skin, -1, cv2.LINE_AA
    )
    dark = [part // 3 for part in skin]
    for x, y in ((0, 0), (-0.3, -0.35), (0.3, -0.35), (-0.8, -0.1), (0.8, -0.1)):
        place = nose + radius * np.array((x, y))
        cv2.circle(image, _pixel(place), max(1, round(0.12 * radius)), dark, -1, cv2.LINE_AA)


def _pixel(place: np.ndarray) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))


def _check_count(found: int, least: int, source: object, what: str) -> None:
    if found < least:
        raise ExportNotPossible(f'{source} has {found} {what}, and at least {least} are needed')


def _spread(people: Sequence, count: int) -> list:
    """At most ``count`` of them, evenly spaced."""
    picked = np.linspace(0, len(people) - 1, min(count, len(people)))
    return [people[int(index)] for index in picked.round()]
