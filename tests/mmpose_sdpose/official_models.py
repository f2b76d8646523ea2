"""Official models rebuilt from our configs, with the rule's weights in them."""

from __future__ import annotations

import functools

from mmpose_sdpose.configs import build_model
from mmpose_sdpose.official_checkpoint import convert_state_dict, our_name

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models import TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from .reference import normal, official_keys, rule_state_dict

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
    'distilpose_s': 'td-reg_distilpose-s_8xb32-300e_coco-256x192',
    'distilpose_l': 'td-reg_distilpose-l_8xb32-300e_coco-256x192',
    'teacher_hr48': 'td-hm_tokenpose-hrnet-w48_8xb64-300e_coco-256x192',
    'teacher_stemnet': 'td-hm_tokenpose-s-v1_8xb64-300e_coco-256x192',
}
RECORDED = (
    'sdpose_t',
    'sdpose_s_v1',
    'tokenpose_s',
    'tokenpose_s_v2',
    'distilpose_s',
    'teacher_hr48',
    'teacher_stemnet',
)


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


def check_gradients(
    name: str, model: nn.Module, loss: Tensor, expected: dict[str, tuple[float, float]]
) -> None:
    """Gradients of all parameters against the norms and projections recorded with model ``name``."""
    grads = gradients(name, model, loss)
    # Official code counts the frozen position among the parameters, without a gradient.
    assert set(expected) == set(grads)
    for key, (norm, projection) in expected.items():
        np.testing.assert_allclose(np.linalg.norm(grads[key]), norm, rtol=1e-6, err_msg=key)
        ours = (grads[key] * normal(f'grad.{key}', grads[key].shape)).sum()
        np.testing.assert_allclose(ours, projection, rtol=1e-6, atol=1e-6 * norm, err_msg=key)


def gradients(name: str, model: nn.Module, loss: Tensor) -> dict[str, np.ndarray]:
    """Gradient of every parameter under its official name and in its official shape."""
    loss.backward()
    ours = {key: parameter.grad for key, parameter in model.named_parameters()}
    result = {}
    for key, shape in official_keys()[name]:
        grad = ours.get(our_name(key))
        if grad is not None:
            if grad.ndim == 4 and len(shape) == 2:  # a patch, embedded by a Linear there
                grad = grad.permute(0, 2, 3, 1).reshape(shape)
            result[key] = grad.numpy()
    return result


def boxed_samples(boxes: dict[str, np.ndarray]) -> list[PoseDataSample]:
    """Samples to predict, in the recorded boxes: their center, and their scale in units of 200 px."""
    samples = []
    for center, scale in zip(boxes['center'], boxes['scale']):
        sample = PoseDataSample(
            metainfo=dict(
                flip_indices=[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15],
                input_center=center,
                input_scale=scale * 200,
                input_size=(192, 256),
            )
        )
        sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
        samples.append(sample)
    return samples
