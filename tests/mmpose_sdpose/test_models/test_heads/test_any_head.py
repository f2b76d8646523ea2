"""K is read off any head."""

from __future__ import annotations

from mmpose_sdpose.models.heads import num_keypoints_of

import pytest
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from ...small_models import HEATMAP_CODEC, LABEL_CODEC, TOKENS

K = 5
SIMCC_CODEC = dict(type='SimCCLabel', input_size=(24, 32), sigma=1.0)
SIZES = dict(in_channels=8, in_featuremap_size=(6, 8))
ENCODER = dict(embed_dims=16, depth=1, num_heads=2)
HEADS = {
    'MCTHead': dict(TOKENS, out_channels=K, decoder=HEATMAP_CODEC, encoder=ENCODER),
    'TokenRegressionHead': dict(TOKENS, out_channels=K, decoder=LABEL_CODEC, encoder=ENCODER),
    'TokenSimCCHead': dict(TOKENS, out_channels=K, decoder=SIMCC_CODEC, encoder=ENCODER),
    'HeatmapHead': dict(in_channels=8, out_channels=K),
    'SimCCHead': dict(SIZES, out_channels=K, input_size=(24, 32), decoder=SIMCC_CODEC),
    'RTMCCHead': dict(SIZES, out_channels=K, input_size=(24, 32), decoder=SIMCC_CODEC),
    'RegressionHead': dict(in_channels=8, num_joints=K),
    'RLEHead': dict(in_channels=8, num_joints=K),
    'IntegralRegressionHead': dict(SIZES, num_joints=K),
    # out_channels are keypoints and tags
    'AssociativeEmbeddingHead': dict(in_channels=8, num_keypoints=K, tag_per_keypoint=True),
    'VisPredictHead': dict(pose_cfg=dict(type='RLEHead', in_channels=8, num_joints=K)),
}


@pytest.mark.parametrize('name', HEADS)
def test_every_kind_of_head_says_it(name):
    init_default_scope('mmpose')
    assert num_keypoints_of(MODELS.build(dict(HEADS[name], type=name))) == K


def test_a_head_that_does_not_say_it_is_named():
    with pytest.raises(ValueError, match='Identity does not say how many keypoints'):
        num_keypoints_of(nn.Identity())
