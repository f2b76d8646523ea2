"""Real-looking inputs of a model: drawn people, a folder of images, people of a data set config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import DATASETS
from torch import Tensor

from sdpose_synth import make_sample

from ..configs import read_config
from ..datasets.coco_people import CocoPeople, read_image
from .metadata import box_padding
from .packages import ExportNotPossible

SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')
#: Fewer images say too little about the range of activations.
LEAST_IMAGES = 8


class InputMaker:
    """Turns people in images into a model's input, through the test pipeline of its config.

    Args:
        config: The model's config.
        model: The model, whose preprocessor normalises.
    """

    def __init__(self, config: Config, model: TopdownPoseEstimator) -> None:
        init_default_scope(config.get('default_scope', 'mmpose'))
        self.pipeline_config = config.test_dataloader.dataset.pipeline
        self.pipeline = Compose(self.pipeline_config)
        self.preprocess = model.data_preprocessor
        self.padding = box_padding(self.pipeline_config)

    def normalise(self, packed: Sequence[dict]) -> Tensor:
        """What the pipeline gave to (B, 3, H, W)."""
        batch = dict(
            inputs=[person['inputs'] for person in packed],
            data_samples=[person['data_samples'] for person in packed],
        )
        return self.preprocess(batch, training=False)['inputs']

    def drawn_people(self, count: int) -> Tensor:
        """People of SynthPose, the largest of each picture."""
        packed = []
        for index in range(count):
            sample = make_sample(seed=0, split='val', index=index, size=256)
            boxes = [person.bbox for person in sample.record.people] or [[0, 0, 256, 256]]
            packed.append(self._pack(sample.image, max(boxes, key=lambda box: box[2] * box[3])))
        return self.normalise(packed)

    def from_folder(self, folder: str | Path, count: int) -> Tensor:
        """Images of a folder: boxes from the COCO file in it, else each image is one person's crop.

        Raises:
            ExportNotPossible: If there are too few images, or several JSON files.
            OSError: If an image cannot be read.
            ValueError: If the JSON file is no COCO file.
        """
        folder = Path(folder)
        paths = sorted(path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES)
        annotations = sorted(folder.glob('*.json'))
        if len(annotations) > 1:
            raise ExportNotPossible(
                f'{folder} has several JSON files ({", ".join(path.name for path in annotations)}): '
                'leave one COCO file with the boxes of its images, or none'
            )
        boxes = CocoPeople(annotations[0]) if annotations else None
        people = [(path, box) for path in paths for box in _boxes_of(path, boxes)]
        _check_count(len(people), folder, 'people with a box' if boxes else 'images')
        return self.normalise(
            [self._pack(read_image(path), box) for path, box in _spread(people, count)]
        )

    def from_config(self, name: str, count: int) -> Tensor:
        """People of the training data that a config names, through this model's test pipeline.

        Raises:
            FileNotFoundError, ValueError: If there is no such config, or its data is not there.
            ExportNotPossible: If there are too few people.
        """
        settings = read_config(name).train_dataloader.dataset.copy()
        settings.pipeline = self.pipeline_config
        dataset = DATASETS.build(settings)
        _check_count(len(dataset), name, 'people')
        return self.normalise([dataset[index] for index in _spread(range(len(dataset)), count)])

    def _pack(self, image: np.ndarray, box: Sequence[float] | None) -> dict:
        """A person through the pipeline.

        Args:
            image: BGR.
            box: x, y, width and height; None: the image is a crop, with its margin around the person.
        """
        height, width = image.shape[:2]
        if box is None:
            margin = (1 - 1 / self.padding) / 2
            box = (margin * width, margin * height, width / self.padding, height / self.padding)
        left, top, width, height = box
        return self.pipeline(
            dict(
                img=image,
                bbox=np.array([[left, top, left + width, top + height]], np.float32),
                bbox_score=np.ones(1, np.float32),
            )
        )


def _boxes_of(path: Path, boxes: CocoPeople | None) -> list[Sequence[float] | None]:
    """CocoPeople of an image; images that the COCO file does not know have none."""
    if boxes is None:
        return [None]
    return [person['bbox'] for person in boxes.by_file.get(path.name, [])]


def _check_count(found: int, source: object, what: str) -> None:
    if found < LEAST_IMAGES:
        raise ExportNotPossible(
            f'{source} has {found} {what}, and calibration needs at least {LEAST_IMAGES}; 64 are good'
        )


def _spread(people: Sequence, count: int) -> list:
    """At most ``count`` of them, evenly spaced."""
    picked = np.linspace(0, len(people) - 1, min(count, len(people)))
    return [people[int(index)] for index in picked.round()]
