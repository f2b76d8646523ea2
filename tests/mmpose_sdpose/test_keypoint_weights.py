"""Weights of single keypoints go by the names of the keypoints."""

from __future__ import annotations

from mmpose_sdpose.configs import build_model, keypoint_names_of, read_config
from mmpose_sdpose.keypoint_weights import count_keypoints, take_keypoints

import torch
from torch._subclasses.fake_tensor import FakeTensorMode


def test_keypoints_go_by_name_into_a_model_of_others():
    """COCO's 17 into CrowdPose's 14: 12 tokens, each to its place; two start as the model has them."""
    config = read_config('td-hm_sdpose-n_2xb16-16e_synthpose-128x96')
    coco, crowdpose = keypoint_names_of('coco'), keypoint_names_of('crowdpose')
    big = build_model(config)
    config.model.head.out_channels = 14
    small = build_model(config)
    key = 'head.mct.keypoint_tokens'
    torch.nn.init.normal_(big.state_dict()[key])
    taken, shared = take_keypoints(big.state_dict(), small, coco, crowdpose)
    assert list(taken) == [key] and shared == crowdpose[:12]
    expected = small.state_dict()[key].clone()
    for index, name in enumerate(crowdpose):
        if name in coco:
            expected[:, index] = big.state_dict()[key][:, coco.index(name)]
    torch.testing.assert_close(taken[key], expected, rtol=0, atol=0)
    assert {'top_head', 'neck'} == set(crowdpose) - set(shared)


def test_rows_of_an_output_layer_go_by_name_too():
    model = torch.nn.ModuleDict(
        dict(head=torch.nn.ModuleDict(dict(final_layer=torch.nn.Conv2d(2, 2, 1))))
    )
    found = {'head.final_layer.weight': torch.arange(6.0).reshape(3, 2, 1, 1)}
    found['head.final_layer.bias'] = torch.tensor([10.0, 20.0, 30.0])
    assert count_keypoints(found) == 3 and count_keypoints(dict(weight=found)) == 0
    taken, shared = take_keypoints(found, model, ['a', 'b', 'c'], ['c', 'd'])
    assert shared == ['c']
    own = model.state_dict()
    for name in ('weight', 'bias'):
        expected = torch.stack(
            [found[f'head.final_layer.{name}'][2], own[f'head.final_layer.{name}'][1]]
        )
        torch.testing.assert_close(taken[f'head.final_layer.{name}'], expected, rtol=0, atol=0)


def test_keypoints_go_by_name_on_an_accelerator():
    """Into a model that is there already, from a file that was read to the CPU."""
    with FakeTensorMode():  # knows where tensors are, and refuses what an accelerator would
        mct = torch.nn.ParameterDict(dict(keypoint_tokens=torch.empty(1, 2, 8, device='cuda')))
        found = {'mct.keypoint_tokens': torch.empty(1, 3, 8)}
        model = torch.nn.ModuleDict(dict(mct=mct))
        taken, _ = take_keypoints(found, model, ['a', 'b', 'c'], ['c', 'd'])
    (value,) = taken.values()
    assert (value.device.type, value.shape) == ('cuda', (1, 2, 8))
