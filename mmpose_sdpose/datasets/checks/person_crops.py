"""``PackPersonCrop`` and ``DeviceAugmentation``, which only together make what a model is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .findings import Finding, some
from .keypoints import keypoint_names
from .parts import transforms_of, type_name
from .top_down import check_targets

CROP, AUGMENTATION = 'PackPersonCrop', 'DeviceAugmentation'


def check_person_crops(
    where: str, model: dict[str, Any], loaders: dict[str, dict[str, Any]]
) -> Iterator[Finding]:
    """Whether the model takes what the loaders give, and augments it into what its head learns.

    Args:
        where: Where the config has the model.
        model: Config of the model; of a distillation, of the student.
        loaders: Of each stage that runs.
    """
    preprocessor = model.get('data_preprocessor') or {}
    augments = type_name(preprocessor) == AUGMENTATION
    for stage, loader in loaders.items():
        names = [type_name(step) for step in transforms_of(loader['dataset'])]
        if CROP in names:
            yield from _check_crops(names, stage, augments, where)
        else:
            yield from _check_other(loader, stage, augments, where)
    if augments and 'train' in loaders:
        yield from _check_augmentation(preprocessor, model, loaders['train']['dataset'], where)


def _check_crops(names: list[str], stage: str, augments: bool, where: str) -> Iterator[Finding]:
    place = f'{stage}_dataloader.dataset.pipeline'
    if stage != 'train':
        yield Finding(
            f'{place} has {CROP}, which is for training: no metric can read it. Take the pipeline that '
            'ends in PackPoseInputs'
        )
    elif not augments:
        yield Finding(
            f'{place} has {CROP}, whose pictures only a {AUGMENTATION} turns into what the model takes: '
            f"say {where}.data_preprocessor=dict(type='{AUGMENTATION}', …), or another pipeline"
        )
    behind = names[names.index(CROP) + 1 :]
    if behind:
        yield Finding(f'{place} has {some(behind)} behind {CROP}, which packs: it must be the last')


def _check_other(
    loader: dict[str, Any], stage: str, augments: bool, where: str
) -> Iterator[Finding]:
    if augments and stage == 'train':
        yield Finding(
            f'{where}.data_preprocessor is a {AUGMENTATION}, which lets the batches of '
            f"train_dataloader pass as they are: dict(type='{CROP}') must be the pipeline, or "
            'PoseDataPreprocessor the preprocessor',
            fatal=False,
        )
    if type_name(loader.get('collate_fn') or {}) == 'default_collate':
        yield Finding(
            f'{stage}_dataloader.collate_fn is default_collate, which cannot join data samples: that is '
            f'for {CROP} alone, so leave it out'
        )


def _check_augmentation(
    preprocessor: dict[str, Any], model: dict[str, Any], dataset: dict[str, Any], where: str
) -> Iterator[Finding]:
    place = f'{where}.data_preprocessor'
    codec, decoder = preprocessor.get('codec'), (model.get('head') or {}).get('decoder')
    if isinstance(codec, dict) and isinstance(decoder, dict):
        yield from check_targets([codec], decoder, f'{place}.codec', f'{where}.head.decoder')
    if any(type_name(step) == 'KeypointConverter' for step in dataset.get('pipeline') or []):
        return  # what it makes has no names
    own = keypoint_names(dict(metainfo=preprocessor.get('metainfo')))
    given = keypoint_names(dataset)
    if own and given and own != given:
        yield Finding(
            f'{place}.metainfo has {len(own)} keypoints, {some(own)}, and people of the training data '
            f'{len(given)}, {some(given)}: say the same in both, or others would be mirrored'
        )
