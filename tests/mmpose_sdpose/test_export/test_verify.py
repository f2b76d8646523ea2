"""A graph in the estimator's place is tested as the estimator is, and one that differs is refused."""

from __future__ import annotations

from copy import deepcopy

from mmpose_sdpose.configs import read_config
from mmpose_sdpose.export.decoding import decoding_of
from mmpose_sdpose.export.export import Request, export
from mmpose_sdpose.export.graph import ExportNotPossible, OnnxSession, trace
from mmpose_sdpose.export.network import Mirror, Network
from mmpose_sdpose.export.verify import (
    check_decoding,
    check_network,
    evaluate,
    largest_difference,
    make_up_raw,
    raw_outputs,
    read_test_data,
    with_flip_test,
    with_graph,
)
from mmpose_sdpose.models.heads import innermost

import numpy as np
import pytest
import torch

from sdpose_synth import Settings, write_dataset

from ..small_models import packed_batch
from .families import ALL_FAMILIES, FLIP_INDICES, HRNET, family, images

CONFIG = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
WEIGHTS = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'


class PyTorchSession:
    """What ONNX Runtime would give for a graph without rounding."""

    def __init__(self, model, flip_test: bool) -> None:
        self.network, self.flip_test = Network(model).eval(), flip_test
        flip_indices = FLIP_INDICES if flip_test else None
        self.decoding = decoding_of(innermost(model.head), model.test_cfg, flip_indices)

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        image = torch.from_numpy(image)
        with torch.no_grad():
            raw = self.network(Mirror()(image) if self.flip_test else image)
            keypoints, scores = self.decoding(*raw)
        return dict(keypoints=keypoints.numpy(), scores=scores.numpy())


@pytest.mark.parametrize('flip_test', [False, True], ids=['plain', 'flip test'])
@pytest.mark.parametrize('name', [name for name in ALL_FAMILIES if name != HRNET])
def test_the_estimator_gives_the_same_with_a_graph_in_it(name, flip_test):
    """MMPose's own test step around both, for every head."""
    model = family(name)
    model.test_cfg = dict(shift_heatmap=True)
    graph = with_graph(model, PyTorchSession(model, flip_test))
    batch = packed_batch()
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(flip_indices=list(FLIP_INDICES)))
    expected, found = (
        [sample.pred_instances for sample in estimator.test_step(deepcopy(batch))]
        for estimator in (with_flip_test(model, flip_test), graph)
    )
    for one, other in zip(expected, found):
        np.testing.assert_allclose(other.keypoint_scores, one.keypoint_scores, rtol=1e-4, atol=1e-5)
        # Of UDPHeatmap: where no cell is above 0, MMPose reads the cells of another keypoint; and on
        # noise, as here, some steps go far out of the image.
        udp = 'udp' in name
        there = one.keypoint_scores > (0 if udp else -np.inf)
        assert there.mean() > 0.5
        np.testing.assert_allclose(
            other.keypoints[there], one.keypoints[there], rtol=1e-3 * udp, atol=0.01
        )
    assert model.backbone is not graph.backbone and 'predict' not in vars(model.head)


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """The test data of 6 images."""
    folder = tmp_path_factory.mktemp('data') / 'synthpose'
    write_dataset(folder, Settings(train=8, val=6))
    config = read_config(CONFIG)
    config.test_dataloader.dataset.data_root = f'{folder}/'
    config.test_evaluator.ann_file = f'{folder}/annotations/person_keypoints_val.json'
    return read_test_data(config)


@pytest.mark.parametrize('flip_test', [False, True], ids=['plain', 'flip test'])
def test_ap_of_a_graph_is_the_models(people, flip_test):
    pytest.importorskip('onnxscript', reason='the export needs onnx, onnxscript and onnxruntime')
    exported, seen = export(Request(CONFIG, WEIGHTS, flip_test=flip_test)), []
    model = with_flip_test(exported.model, flip_test)
    expected = evaluate(model, people, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
    assert expected['coco/AP'] > 0.05  # else any graph would do
    found = evaluate(with_graph(exported.model, OnnxSession(exported.graph)), people)
    assert found == pytest.approx(expected, abs=5e-5)


def test_a_graph_that_differs_is_refused():
    network = torch.nn.Conv2d(3, 2, 1)
    batch = torch.rand(2, 3, 4, 5)
    graph = trace(network, (batch,), ['image'], ['raw_0'])
    with torch.no_grad():
        expected = network(batch)
    assert check_network(graph, batch, [expected]) < 1e-6
    for wrong in (1.1e-4, np.inf, np.nan):
        with pytest.raises(ExportNotPossible, match='more than 0.0001, so no file was written'):
            check_network(graph, batch, [expected + wrong])


def test_differences_are_shares_of_what_is_larger_than_one():
    found = np.float32([1, 20.0])
    assert largest_difference(found, torch.tensor([1, 20.5])) == pytest.approx(0.5 / 20.5)
    assert largest_difference(found / 100, torch.tensor([0.01, 0.3])) == pytest.approx(0.1)
    for wrong in (np.nan, np.inf):
        assert largest_difference(np.float32([wrong, 20]), torch.tensor([1.0, 20])) == np.inf
        assert largest_difference(np.float32([1, 20]), torch.tensor([wrong, 20])) == np.inf


@pytest.mark.parametrize('name', ['heatmaps', 'rle'])
def test_decoding_that_differs_from_the_heads_is_refused(name):
    """As it would be with another shift of the mirrored output."""
    model = family(name)
    model.test_cfg = dict(shift_heatmap=True, shift_coords=True)
    raw = raw_outputs(model, images(2, model))
    other = dict(shift_heatmap=False, shift_coords=False)
    for test_cfg in (model.test_cfg, other):
        decoding = decoding_of(model.head, test_cfg, FLIP_INDICES)
        graph = trace(decoding, raw, ['raw_0'], ['keypoints', 'scores'])
        if test_cfg is model.test_cfg:
            assert check_decoding(graph, model, raw, FLIP_INDICES) < 1e-3
    with pytest.raises(ExportNotPossible, match="differs from MMPose's by .* pixels, so no file"):
        check_decoding(graph, model, raw, FLIP_INDICES)


@pytest.mark.parametrize('name', ['heatmaps', 'udp heatmaps', 'rtmpose', 'rle', 'regression'])
def test_made_up_outputs_are_worth_decoding(name):
    model = family(name)
    example = raw_outputs(model, images(1, model))
    raw = make_up_raw(model, example, 16, np.random.default_rng(0))
    assert [part.shape for part in raw] == [(16, *part.shape[1:]) for part in example]
    keypoints, _ = decoding_of(innermost(model.head), {})(*raw)
    # All over the image, and seldom far beyond.
    size = torch.tensor(innermost(model.head).decoder.input_size)
    found = (keypoints / size).flatten(0, 1)
    assert (found.amin(0) < 0.05).all() and (found.amax(0) > 0.8).all()
    assert ((found > -0.05) & (found < 1.05)).float().mean() > 0.7
