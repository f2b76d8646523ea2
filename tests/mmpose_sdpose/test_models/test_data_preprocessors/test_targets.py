from mmpose_sdpose.models.data_preprocessors.targets import target_encoder

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

CODECS = dict(
    heatmap=dict(
        type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5, unbiased=True
    ),
    heatmap_in_cells=dict(
        type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5
    ),
    heatmap_in_cells_2=dict(
        type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=2
    ),
    udp=dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=2),
    simcc=dict(
        type='SimCCLabel',
        input_size=(96, 128),
        sigma=(4.9, 5.66),
        simcc_split_ratio=2.0,
        normalize=False,
    ),
    simcc_normalized=dict(
        type='SimCCLabel', input_size=(96, 128), sigma=6.0, simcc_split_ratio=1.5, normalize=True
    ),
    regression=dict(type='RegressionLabel', input_size=(96, 128)),
)


@pytest.mark.parametrize('name', CODECS)
def test_targets_of_a_batch_are_the_codecs(name):
    generator = np.random.default_rng(0)
    points = generator.uniform(-60, 190, (8, 17, 2)).astype(np.float32)  # many far outside
    visible = generator.integers(0, 2, (8, 17)).astype(np.float32)
    found = target_encoder(CODECS[name])(torch.from_numpy(points), torch.from_numpy(visible))
    codec = KEYPOINT_CODECS.build(CODECS[name])
    for index in range(8):
        wanted = codec.encode(points[index : index + 1], visible[index : index + 1])
        assert set(wanted) == set(found)
        for key, value in wanted.items():
            value = torch.from_numpy(np.asarray(value, np.float32))
            value = value if key == 'heatmaps' else value[0]
            torch.testing.assert_close(found[key][index], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'codec',
    [
        dict(CODECS['udp'], heatmap_type='combined'),
        dict(CODECS['simcc'], smoothing_type='standard'),
    ],
)
def test_other_codecs_are_refused(codec):
    with pytest.raises(ValueError, match='has no targets here; there are MSRAHeatmap'):
        target_encoder(codec)


@pytest.mark.parametrize('name, sigma', [('heatmap', 0), ('udp', -1), ('simcc', (2.0, 0.0))])
def test_a_sigma_that_leaves_nothing_is_refused(name, sigma):
    with pytest.raises(ValueError, match=r'sigma \(.*\) must be above 0'):
        target_encoder(dict(CODECS[name], sigma=sigma))
