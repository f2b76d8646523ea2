"""Made-up images and people: for a config's own pipelines, and as a clip."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.apis.inference import dataset_meta_from_config

IMAGE_SIZE = (640, 480)

Pipeline = Callable[[dict[str, Any]], dict[str, Any]]


def made_up_image(seed: int = 0) -> np.ndarray:
    """Smooth coloured noise, as large as most images of COCO: (480, 640, 3), uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, IMAGE_SIZE, interpolation=cv2.INTER_CUBIC)


def made_up_boxes(count: int) -> np.ndarray:
    """Person boxes side by side, (count, 4): x1, y1, x2, y2."""
    left = np.linspace(20, IMAGE_SIZE[0] - 180, count)
    return np.stack([left, 0 * left + 40, left + 160, 0 * left + 440], axis=1).astype(np.float32)


def test_people(config: Config, count: int) -> list[dict[str, Any]]:
    """What a test pipeline takes: people of one image that is already decoded."""
    image, meta = made_up_image(), metainfo(config)
    return [
        dict(img=image, bbox=box[None], bbox_score=np.ones(1, np.float32), **meta)
        for box in made_up_boxes(count)
    ]


def training_people(config: Config, count: int, image_file: Path) -> list[dict[str, Any]]:
    """What a training pipeline takes: annotated people of an image on disk, which is written."""
    cv2.imwrite(str(image_file), made_up_image())
    meta, numbers = metainfo(config), np.random.default_rng(0)
    keypoints = len(meta['flip_indices'])
    return [
        dict(
            img_path=str(image_file),
            id=number,
            img_id=number,
            bbox=box[None],
            bbox_score=np.ones(1, np.float32),
            keypoints=numbers.uniform(box[:2], box[2:], (1, keypoints, 2)).astype(np.float32),
            keypoints_visible=np.ones((1, keypoints), np.float32),
            **meta,
        )
        for number, box in enumerate(made_up_boxes(count))
    ]


def test_pipeline(config: Config) -> Pipeline:
    """The config's own, as :func:`mmpose.apis.inference_topdown` takes it."""
    return Compose(_pipeline_of(config, 'test_dataloader'))


def training_pipeline(config: Config) -> tuple[Pipeline, list[str]]:
    """The config's own, and the names of the transforms left out because their package is missing."""
    transforms = _pipeline_of(config, 'train_dataloader')
    left_out = [step['type'] for step in transforms if not _is_installed(step['type'])]
    return Compose([step for step in transforms if step['type'] not in left_out]), left_out


def _is_installed(transform: str) -> bool:
    package = 'albumentations' if transform == 'Albumentation' else transform.rpartition('.')[0]
    return not package or importlib.util.find_spec(package) is not None


def metainfo(config: Config) -> dict[str, Any]:
    """What the config's data set says about keypoints, for every sample."""
    meta = dataset_meta_from_config(config, dataset_mode='train')
    if meta is None:
        raise ValueError('its config names no training data set, so its keypoints are not known')
    return meta


def _pipeline_of(config: Config, loader: str) -> list[dict[str, Any]]:
    dataset = (config.get(loader) or {}).get('dataset') or {}
    if not dataset.get('pipeline'):
        raise ValueError(f'its config has no {loader}.dataset.pipeline')
    return list(dataset['pipeline'])
