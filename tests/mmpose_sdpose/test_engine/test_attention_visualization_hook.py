from __future__ import annotations

import itertools
import types

from mmpose_sdpose.engine import AttentionVisualizationHook
from mmpose_sdpose.visualization import AttentionChoice, draw_attention

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from mmengine.structures import InstanceData, PixelData
from mmengine.visualization import Visualizer
from mmengine.visualization.vis_backend import BaseVisBackend
from torch.utils.data import Dataset

from ..people import coco, person
from ..small_models import build, resnet_heatmap_model, token_heatmap_model

COUNT = itertools.count()


class People(Dataset):
    """Five people with targets to train on."""

    metainfo = coco()

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> dict:
        packed = person(index)
        heatmaps = torch.rand(17, 8, 6, generator=torch.Generator().manual_seed(index))
        packed['data_samples'].gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 17))
        packed['data_samples'].gt_fields = PixelData(heatmaps=heatmaps)
        return packed


class Recorder(BaseVisBackend):
    """Stands in for TensorBoard's backend: keeps what it is given."""

    def __init__(self) -> None:
        self.images: dict[tuple[str, int], np.ndarray] = {}

    def _init_env(self) -> None:
        raise NotImplementedError

    @property
    def experiment(self) -> Recorder:
        return self

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs) -> None:
        self.images[name, step] = image


class Unused(BaseMetric):
    def process(self, data_batch, data_samples):
        raise NotImplementedError

    def compute_metrics(self, results):
        raise NotImplementedError


def loader() -> dict:
    return dict(
        dataset=People(),
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=True),
        collate_fn=dict(type='pseudo_collate'),
    )


def train(folder, hooks: list, validation: bool = True) -> tuple[torch.nn.Module, Recorder]:
    """Three epochs on five people; validation never runs, but its data is there."""
    recorder = Recorder()
    name = f'attention_{next(COUNT)}'
    local = dict(type='LocalVisBackend')
    given = dict(
        val_dataloader={**loader(), 'sampler': dict(type='DefaultSampler', shuffle=False)},
        val_cfg=dict(),
        val_evaluator=[Unused()],
    )
    runner = Runner(
        model=build(token_heatmap_model(num_cycles=2)),
        work_dir=str(folder),
        train_dataloader=loader(),
        train_cfg=dict(by_epoch=True, max_epochs=3, val_begin=100),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        custom_hooks=hooks,
        visualizer=Visualizer(name=name, vis_backends=[local, recorder], save_dir=str(folder)),
        default_scope='mmpose',
        experiment_name=name,
        randomness=dict(seed=0),
        log_level='WARNING',
        **(given if validation else {}),
    )
    runner.train()
    return runner.model, recorder


def test_a_training_draws_the_same_people_and_goes_on_as_without(tmp_path):
    hook = dict(type='AttentionVisualizationHook', interval=2, people=[1, 4], keypoints=['nose'])
    drawn, recorder = train(tmp_path / 'drawn', [hook])
    plain, nothing = train(tmp_path / 'plain', [])
    torch.testing.assert_close(dict(drawn.state_dict()), dict(plain.state_dict()), rtol=0, atol=0)
    assert not nothing.images
    assert list(recorder.images) == [
        (f'attention_person{number}', epoch) for epoch in (2, 3) for number in (1, 2)
    ]
    caption = 'validation person 4, after epoch 3'
    choice = AttentionChoice(keypoints=['nose'], cycles=[1, 2])
    expected = draw_attention(drawn, [People()[4]], coco(), choice, caption)
    np.testing.assert_array_equal(recorder.images['attention_person2', 3], expected)
    (file,) = (tmp_path / 'drawn').rglob('vis_image/attention_person2_3.png')
    np.testing.assert_array_equal(cv2.imread(str(file))[..., ::-1], expected)


def test_a_test_draws_its_own_people():
    model, recorder = build(token_heatmap_model()), Recorder()
    runner = types.SimpleNamespace(
        model=model,
        test_dataloader=types.SimpleNamespace(dataset=People()),
        visualizer=recorder,
    )
    hook = AttentionVisualizationHook(people=3, keypoints=['nose'])
    hook.before_test(runner)
    hook.after_test_epoch(runner)
    assert list(recorder.images) == [(f'attention_person{number}', 0) for number in (1, 2, 3)]
    choice = AttentionChoice(keypoints=['nose'])
    for number, index in ((1, 0), (2, 2), (3, 4)):
        expected = draw_attention(model, [People()[index]], coco(), choice, f'test person {index}')
        np.testing.assert_array_equal(recorder.images[f'attention_person{number}', 0], expected)


@pytest.mark.parametrize(
    ('model', 'options', 'message'),
    [
        (token_heatmap_model(), dict(layers=[5]), 'no layer 5: the model has 1 to 4'),
        (token_heatmap_model(), dict(keypoints=['tail']), 'no keypoint tail'),
        (
            token_heatmap_model(),
            dict(people=[0, 5]),
            r'no people \[5\]: the data has people 0 to 4',
        ),
        (resnet_heatmap_model(), dict(), 'HeatmapHead, which has no keypoint tokens'),
    ],
)
def test_what_cannot_be_drawn_is_said_before_the_run(model, options, message):
    runner = types.SimpleNamespace(
        model=build(model),
        val_loop=object(),
        val_dataloader=types.SimpleNamespace(dataset=People()),
    )
    with pytest.raises(ValueError, match=message):
        AttentionVisualizationHook(**options).before_train(runner)


def test_a_training_without_validation_data_is_refused(tmp_path):
    with pytest.raises(ValueError, match='give it a val_dataloader'):
        train(tmp_path, [dict(type='AttentionVisualizationHook')], validation=False)


@pytest.mark.parametrize('options', [dict(people=0), dict(interval=0)])
def test_nothing_to_draw_is_refused(options):
    with pytest.raises(ValueError, match='must be at least 1'):
        AttentionVisualizationHook(**options)
