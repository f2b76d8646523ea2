"""A graph in the estimator's place is tested as the estimator is."""

from __future__ import annotations

from copy import deepcopy

from mmpose_sdpose.configs import read_config
from mmpose_sdpose.export.evaluate import evaluate, read_test_data
from mmpose_sdpose.export.graph_estimator import with_graph
from mmpose_sdpose.export.inputs import InputMaker
from mmpose_sdpose.export.model import load_model
from mmpose_sdpose.export.network import Network
from mmpose_sdpose.export.simcc import SimccOutput
from mmpose_sdpose.export.verify import pixels, raw_outputs

import numpy as np
import pytest
import torch

from sdpose_synth import Settings, write_dataset

from ..small_models import build, packed_batch, token_regression_model

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'


class PyTorchSession:
    """What ONNX Runtime would give for a graph without rounding."""

    def __init__(self, model, output: str) -> None:
        self.network, self.output = Network(model).eval(), output

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        raw = raw_outputs(self.network, torch.from_numpy(image))
        if self.output == self.network.output:
            return raw
        codec = self.network.model.head.decoder
        keypoints = pixels(codec, raw, self.network.output)
        scores = raw['heatmaps'].max((2, 3)) if 'heatmaps' in raw else raw['scores']
        if self.output == 'pixel_keypoints':
            return dict(keypoints=keypoints, scores=scores)
        simcc = SimccOutput(codec.input_size, 2)
        columns, rows = simcc(torch.from_numpy(keypoints), torch.from_numpy(scores))
        return dict(simcc_x=columns.numpy(), simcc_y=rows.numpy())


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """The config on data of 6 images, and its model."""
    folder = tmp_path_factory.mktemp('data') / 'synthpose'
    write_dataset(folder, Settings(train=8, val=6))
    config = read_config(CONFIG)
    for loader in (config.train_dataloader, config.test_dataloader):
        loader.dataset.data_root = f'{folder}/'
    annotations = f'{folder}/annotations/person_keypoints_val.json'
    config.test_evaluator.ann_file = annotations
    return config, load_model(CONFIG, WEIGHTS)


@pytest.mark.parametrize(
    'output, within', [('heatmaps', 1e-6), ('pixel_keypoints', 1e-6), ('simcc', 0.03)]
)
def test_ap_of_a_graph_is_the_models(data, output, within):
    config, model = data
    people, seen = read_test_data(config), []
    expected = evaluate(model, people, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
    assert expected['coco/AP'] > 0.05  # else any graph would do
    found = evaluate(with_graph(model, PyTorchSession(model, output), output), people)
    assert found.keys() == expected.keys()
    assert found['coco/AP'] == pytest.approx(expected['coco/AP'], abs=within)


def test_flip_tests_stay_as_they_are():
    model = build(token_regression_model(depth=1)).eval()
    model.test_cfg = dict(flip_test=True, shift_coords=False)
    graph = with_graph(model, PyTorchSession(model, 'normalised_keypoints'), 'normalised_keypoints')
    batch = packed_batch()
    expected, found = (one.test_step(deepcopy(batch))[0].pred_instances for one in (model, graph))
    np.testing.assert_allclose(found.keypoints, expected.keypoints, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.keypoint_scores, expected.keypoint_scores, rtol=0, atol=1e-5)
    assert model.backbone is not graph.backbone


def test_calibration_on_a_config_takes_its_training_people(data, monkeypatch):
    config, model = data
    monkeypatch.setattr('mmpose_sdpose.export.inputs.read_config', lambda name: config)
    found = InputMaker(config, model).from_config('ours', count=8)
    assert found.shape == (8, 3, 128, 96)
    assert len(torch.unique(found.flatten(1), dim=0)) == 8
