"""The examples of docs/add_your_own.md, outside the package: built, trained a step, exported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mmpose_sdpose  # noqa: F401  registers the package; makes MMPose importable

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

from sdpose_runtime import PoseModel
from sdpose_synth import Settings, write_dataset

from .pages import ROOT, run_command, titled_blocks

PAGE = 'docs/add_your_own.md'
CONFIGS = [name for name in titled_blocks(PAGE) if name.endswith('_config.py')]


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """The page's files and a little data, all outside the checkout."""
    folder = tmp_path_factory.mktemp('own')
    for name, text in titled_blocks(PAGE).items():
        (folder / name).write_text(text.replace("'configs/", f"'{ROOT}/configs/"))
    write_dataset(folder / 'data/synthpose', Settings(train=4, val=2, size=96), workers=1)
    write_corners(folder / 'data/corners', 4)
    init_default_scope('mmpose')
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def write_corners(folder: Path, count: int) -> None:
    """Turned rectangles and their corners."""
    (folder / 'photos').mkdir(parents=True)
    images, people = [], []
    for number in range(1, count + 1):
        corners = cv2.boxPoints(((50, 50), (60, 40), 5.0 * number))
        image = cv2.fillPoly(
            np.zeros((100, 100, 3), np.uint8), [corners.astype(int)], (200, 180, 90)
        )
        cv2.imwrite(str(folder / f'photos/{number}.jpg'), image)
        images.append(dict(id=number, file_name=f'{number}.jpg', width=100, height=100))
        keypoints = np.c_[corners, np.full(4, 2)].ravel().tolist()
        person = dict(id=number, image_id=number, category_id=1, iscrowd=0, num_keypoints=4)
        people.append(dict(person, bbox=[10, 10, 80, 80], area=2400, keypoints=keypoints))
    content = dict(images=images, annotations=people, categories=[dict(id=1, name='parcel')])
    for part in ('train', 'val'):
        (folder / f'{part}.json').write_text(json.dumps(content))


@pytest.mark.parametrize('name', CONFIGS)
def test_an_example_trains_a_step_and_predicts(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv('SYNTHPOSE_ROOT', 'data/synthpose')
    config = Config.fromfile(name)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    data = {part: DATASETS.build(config[f'{part}_dataloader'].dataset) for part in ('train', 'val')}
    batch = model.data_preprocessor(pseudo_collate([data['train'][0], data['train'][1]]), True)
    losses = model(**batch, mode='loss')
    total = sum(value for key, value in losses.items() if 'loss' in key)
    total.backward()
    still = [key for key, value in model.named_parameters() if value.grad is None]
    assert torch.isfinite(total) and not still
    batch = model.eval().data_preprocessor(pseudo_collate([data['val'][0]]), False)
    (sample,) = model(**batch, mode='predict')
    count = data['val'].metainfo['num_keypoints']
    assert sample.pred_instances.keypoints.shape == (1, count, 2)


def test_the_own_parts_are_what_is_trained(folder, monkeypatch):
    monkeypatch.chdir(folder)
    built = {name: MODELS.build(Config.fromfile(name).model) for name in CONFIGS}
    assert type(built['my_backbone_config.py'].backbone).__name__ == 'StrideNet'
    assert type(built['my_loss_config.py'].head.loss_module).__name__ == 'SharpMSELoss'
    assert type(built['my_head_config.py'].head).__name__ == 'PoolHead'
    assert built['my_data_config.py'].head.out_channels == 4


def test_the_own_head_is_exported_and_runs(folder, monkeypatch):
    """The export itself compares decoding with the head's predict."""
    monkeypatch.chdir(folder)
    model = MODELS.build(Config.fromfile('my_head_config.py').model)
    torch.save(dict(state_dict=model.state_dict()), 'own.pth')
    run_command('mim run mmpose_sdpose export_onnx my_head_config.py own.pth own.onnx --force')
    people = PoseModel('own.onnx')(np.zeros((100, 80, 3), np.uint8), [[0, 0, 80, 100]])
    assert people.keypoints.shape == (1, 17, 2) and np.isfinite(people.keypoints).all()


def test_every_section_has_an_example():
    names = set(titled_blocks(PAGE))
    for kind in ('backbone', 'loss', 'head', 'data'):
        assert {f'my_{kind}.py', f'my_{kind}_config.py'} <= names
