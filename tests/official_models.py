"""Official models rebuilt from our configs, with the rule's weights in them."""

from __future__ import annotations

import functools

import torch
from mmpose.models import TopdownPoseEstimator

from mmpose_sdpose.utils.configs import build_model
from mmpose_sdpose.utils.official_checkpoint import convert_state_dict

from .reference import rule_state_dict

CONFIGS = {
    'sdpose_t': 'td-hm_sdpose-t_8xb64-300e_coco-256x192',
    'sdpose_s_v1': 'td-hm_sdpose-s-v1_8xb64-300e_coco-256x192',
    'sdpose_s_v2': 'td-hm_sdpose-s-v2_8xb64-300e_coco-256x192',
    'sdpose_b': 'td-hm_sdpose-b_8xb64-300e_coco-256x192',
    'tokenpose_t': 'td-hm_tokenpose-t_8xb64-300e_coco-256x192',
    'tokenpose_s': 'td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192',
    'tokenpose_s_v2': 'td-hm_tokenpose-s-v2_8xb64-300e_coco-256x192',
    'tokenpose_b_hr32': 'td-hm_tokenpose-b_8xb64-300e_coco-256x192',
    'tokenpose_l_hr48_d6': 'td-hm_tokenpose-l_8xb64-300e_coco-256x192',
}
RECORDED = ('sdpose_t', 'sdpose_s_v1', 'tokenpose_s', 'tokenpose_s_v2')


@functools.cache
def official_model(name: str) -> TopdownPoseEstimator:
    """In evaluation mode and shared between tests: do not change it."""
    model = build_model(CONFIGS[name])
    model.load_state_dict(convert_state_dict(rule_state_dict(name), model), strict=True)
    return model.eval()


def double_model(name: str) -> TopdownPoseEstimator:
    """A copy of one's own in float64 and training mode."""
    model = build_model(CONFIGS[name])
    model.load_state_dict(official_model(name).state_dict())
    return model.to(torch.float64).train()
