"""A run is summed up by what it is, and is none the worse for it."""

from __future__ import annotations

from types import SimpleNamespace

from mmpose_sdpose.configs import build_model, find_config
from mmpose_sdpose.models import DeviceAugmentation
from mmpose_sdpose.tools.run_summary import _augmentation, _cost, _parts, _people, _start, shorten

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.registry import MODELS
from torch.utils.data import ConcatDataset, Subset

from ..small_training import Points

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'


class People(Points):
    """Points that say where they come from."""

    def __init__(self, steps: tuple[str, ...] = (), **files: str) -> None:
        made = [type(name, (), {'__call__': lambda self, sample: sample})() for name in steps]
        self.pipeline = Compose(made)
        self.__dict__.update(files)


def test_people_are_counted_by_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = People(ann_file=str(tmp_path / 'data/a.json')), People(ann_file='/far/b.json')
    mixed = ConcatDataset([first, Subset(second, range(4))])
    assert list(_people(mixed)) == ['8 people of data/a.json', '8 people of /far/b.json']
    boxes = People(ann_file='a.json', bbox_file='boxes.json')
    assert list(_people(boxes)) == ['8 detected boxes of boxes.json, people of a.json']
    assert list(_people(Points())) == ['8 samples (Points)']


def test_augmentation_is_what_not_every_pipeline_has():
    plain = ('LoadImage', 'GetBBoxCenterScale')
    parts = [People((*plain, 'RandomFlip')), People((*plain, 'RandomHalfBody', 'RandomFlip'))]
    mixed = ConcatDataset(parts)
    mixed.pipeline = Compose([People(('Albumentation',)).pipeline.transforms[0]])
    assert _augmentation(training(mixed)) == 'RandomFlip, RandomHalfBody, Albumentation'
    assert _augmentation(training(People(plain))) == ''


def test_augmentation_on_the_device_is_named():
    codec = dict(type='RegressionLabel', input_size=(96, 128))
    metainfo = dict(from_file='configs/_base_/datasets/coco.py')
    preprocessor = DeviceAugmentation(codec, metainfo, mean=[0.0], std=[1.0])
    assert (
        _augmentation(training(People(('PackPersonCrop',)), preprocessor)) == 'DeviceAugmentation'
    )


def training(dataset, preprocessor=None):
    """As much of a runner as is asked."""
    model = torch.nn.Module()
    model.data_preprocessor = preprocessor or torch.nn.Identity()
    return SimpleNamespace(model=model, train_dataloader=SimpleNamespace(dataset=dataset))


def test_counting_the_cost_changes_nothing():
    model = build_model(find_config(CONFIG)).train()
    model.backbone.layer1.eval()
    model.requires_grad_(True)
    modes = [module.training for module in model.modules()]
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    assert _cost(model, (96, 128)) == '1.48 M parameters, 0.142 GFLOPs'
    assert [module.training for module in model.modules()] == modes
    torch.testing.assert_close(dict(model.state_dict()), weights, rtol=0, atol=0)
    torch.testing.assert_close(torch.get_rng_state(), random, rtol=0, atol=0)


def test_a_cost_that_cannot_be_counted_stops_nothing():
    model = build_model(find_config(CONFIG))
    assert _cost(model, (128, 128)).startswith('not counted (')


def test_a_distillation_names_both_models():
    cfg = Config.fromfile(
        find_config('td-reg_ladpose-n_distill-sdpose-n_2xb16-16e_synthpose-128x96')
    )
    model = MODELS.build(cfg.model)
    assert _parts(model) == 'ThinCAUNet + TokenRegressionHead'
    assert _parts(model.teacher) == 'ThinResNet + MCTHead'


@pytest.mark.parametrize(
    ('resume', 'load_from', 'init', 'said'),
    [
        (False, None, None, 'random weights'),
        (False, 'w.pth', None, 'w.pth'),
        (
            False,
            None,
            dict(type='Pretrained', checkpoint='b.pth'),
            'backbone from b.pth, head untrained',
        ),
    ],
)
def test_what_a_training_starts_from(resume, load_from, init, said):
    model = SimpleNamespace(backbone=SimpleNamespace(init_cfg=init))
    assert _start(SimpleNamespace(_resume=resume, _load_from=load_from, model=model)) == said


def test_addresses_are_left_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ('mmpose_sdpose://a.pth', 'https://example.org/a.pth', '/elsewhere/a.pth'):
        assert shorten(path) == path
    assert shorten(tmp_path / 'work/a.pth') == 'work/a.pth'
