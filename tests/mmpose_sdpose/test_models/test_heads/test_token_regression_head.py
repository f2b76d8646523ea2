from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ...small_models import build, packed_batch, token_heatmap_model, token_regression_model

RLE = dict(type='RLELoss', use_target_weight=True)
SCORE_LOSS = dict(type='LocalizationScoreLoss', heatmap_size=(6, 8), sigma=1)
TOKEN_LOSS = dict(type='TokenDistanceLoss', loss_weight=1.0)


def model_and_batch(**head):
    model = build(token_regression_model(**head))
    batch = model.data_preprocessor(packed_batch(), training=True)
    return model, batch['inputs'], batch['data_samples']


def flipped(samples, keypoint: int, other: int):
    """Swap two keypoints in the metainfo."""
    order = list(range(17))
    order[keypoint], order[other] = other, keypoint
    for sample in samples:
        sample.set_metainfo(dict(flip_indices=order))
    return order


def test_what_the_columns_mean():
    model, inputs, _ = model_and_batch()
    head = model.eval().head
    output = head.run_cycles(model.extract_feat(inputs), 1)[0].output
    said = head.read(output)
    torch.testing.assert_close(said['coordinates'], output[..., :2].sigmoid())
    torch.testing.assert_close(said['scores'], output[..., 2])
    torch.testing.assert_close(said['sigmas'], F.softplus(output[..., 3:]))
    tensor = model(inputs, [], mode='tensor')
    torch.testing.assert_close(tensor[..., :2], said['coordinates'])
    torch.testing.assert_close(tensor[..., 2], said['scores'])


def test_predictions_are_pixels_of_the_image():
    model, inputs, samples = model_and_batch()
    model.eval()
    x, y, score = model(inputs, [], mode='tensor').unbind(-1)
    for index, sample in enumerate(model.predict(inputs, samples)):
        meta = sample.metainfo
        crop = np.stack([x[index].detach() * 24, y[index].detach() * 32], -1)
        expected = crop / [24, 32] * meta['input_scale'] + meta['input_center']
        expected = expected - 0.5 * np.asarray(meta['input_scale'])
        np.testing.assert_allclose(sample.pred_instances.keypoints[0], expected, rtol=1e-5)
        np.testing.assert_allclose(
            sample.pred_instances.keypoint_scores[0], score[index].detach(), rtol=1e-5
        )


def test_flip_test_swaps_left_and_right_in_coordinates_and_scores():
    model, inputs, samples = model_and_batch()
    head = model.eval().head
    order = flipped(samples, 3, 5)
    feats = model.extract_feat(inputs), model.extract_feat(inputs.flip(-1))
    upright, mirrored = (head(feat).detach() for feat in feats)
    mirrored = mirrored[:, order]
    mirrored[..., 0] = 1 - mirrored[..., 0]
    expected = (upright + mirrored) / 2
    predicted = head.predict(list(feats), samples, dict(flip_test=True))
    for index, instance in enumerate(predicted):
        np.testing.assert_allclose(
            instance.keypoints[0], expected[index, :, :2].numpy() * [24, 32], rtol=1e-5
        )
        np.testing.assert_allclose(instance.keypoint_scores[0], expected[index, :, 2], rtol=1e-5)
    # Without the swap joints 3 and 5 would come out otherwise.
    assert not np.allclose(
        instance.keypoint_scores[0][3], (upright[1, 3, 2] + mirrored[1, 5, 2]) / 2
    )


def test_losses_by_hand_with_weights_per_joint():
    model, inputs, samples = model_and_batch(score_loss=SCORE_LOSS)
    samples[0].gt_instance_labels.keypoint_weights[0, :9] = 0
    head = model.head
    feats = model.extract_feat(inputs)
    losses = head.loss(feats, samples)
    assert {key for key in losses if 'loss' in key} == {
        'loss_coordinate_cycle1',
        'loss_score_cycle1',
    }
    said = head.read(head.run_cycles(feats, 1)[0].output)
    target = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])
    error = (said['coordinates'] - target) * weights[..., None]
    torch.testing.assert_close(losses['loss_coordinate_cycle1'], (error**2 / 2).mean())
    cells = (said['coordinates'] - target) * torch.tensor([6.0, 8.0])
    value = torch.exp(-(cells**2).sum(-1) / 2)
    expected = 0.01 * ((said['scores'] - value).abs() * weights).mean()
    torch.testing.assert_close(losses['loss_score_cycle1'], expected)


def test_residual_likelihood_on_every_cycle():
    model, inputs, samples = model_and_batch(
        loss=RLE, num_cycles=2, visual_token_loss=TOKEN_LOSS, keypoint_token_loss=TOKEN_LOSS
    )
    head = model.head
    feats = model.extract_feat(inputs)
    losses = head.loss(feats, samples)
    cycles = head.run_cycles(feats, 2)
    target = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in samples])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])
    for number, cycle in enumerate(cycles, start=1):
        coordinates, sigmas = cycle.output[..., :2].sigmoid(), cycle.output[..., 3:]
        expected = head.loss_module(coordinates, sigmas, target, weights[..., None])
        torch.testing.assert_close(losses[f'loss_coordinate_cycle{number}'], expected)
    first, second = (cycle.tokens for cycle in cycles)
    torch.testing.assert_close(losses['loss_visual_token'], F.mse_loss(first.visual, second.visual))
    torch.testing.assert_close(
        losses['loss_keypoint_token'], F.mse_loss(first.keypoint, second.keypoint)
    )
    assert head.predicts == ('coordinates', 'scores')


def test_one_cycle_of_sdpose_reg_is_the_plain_head():
    several, inputs, samples = model_and_batch(
        loss=RLE, num_cycles=3, visual_token_loss=TOKEN_LOSS, keypoint_token_loss=TOKEN_LOSS
    )
    plain = build(token_regression_model(loss=RLE))
    plain.load_state_dict(several.state_dict())
    feats = several.extract_feat(inputs)
    several.head.num_cycles = 1
    one_cycle, expected = several.head.loss(feats, samples), plain.head.loss(feats, samples)
    assert set(one_cycle) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(one_cycle[name], value, rtol=0, atol=0)
    torch.testing.assert_close(several.head(feats), plain.head(feats), rtol=0, atol=0)


def test_prediction_runs_one_cycle_whatever_training_does():
    model, inputs, samples = model_and_batch(num_cycles=3)
    passes = []
    model.head.mct.encoder.layers[0].register_forward_hook(lambda *_: passes.append(1))
    model.eval()
    model.predict(inputs, samples)
    assert len(passes) == 1
    model.train()
    model.loss(inputs, samples)
    assert len(passes) == 4


def test_attention_between_cycles_teaches_the_first_by_the_last():
    pairs = [(1, 1), (3, 3)]
    loss = dict(type='AttentionTransferLoss', layer_pairs=pairs, loss_weight=2.0)
    model, inputs, samples = model_and_batch(num_cycles=3, attention_loss=loss)
    head = model.head
    feats = model.extract_feat(inputs)
    value = head.loss(feats, samples)['loss_attention']
    first, _, last = head.run_cycles(feats, 3, {1: [1, 3], 3: [1, 3]})
    attention = head.between_cycles.attention_loss
    torch.testing.assert_close(value, attention(first.tokens.attention, last.tokens.attention))
    assert value > 0


def test_attention_between_cycles_of_a_layer_that_is_not_there():
    loss = dict(type='AttentionTransferLoss', layer_pairs=[(3, 12)])
    with pytest.raises(ValueError, match='layer 12 of the teacher, which has 3'):
        build(token_regression_model(num_cycles=2, attention_loss=loss))


def test_data_with_other_keypoints_is_refused():
    model = build(token_regression_model(out_channels=14))
    batch = model.data_preprocessor(packed_batch(), training=True)
    with pytest.raises(ValueError, match='predicts 14 keypoints, but the data has 17'):
        model.loss(batch['inputs'], batch['data_samples'])
    with pytest.raises(ValueError, match='predicts 14 keypoints, but the data has 17'):
        model.predict(batch['inputs'], batch['data_samples'])


def test_accuracy_is_the_share_of_joints_within_a_twentieth():
    model, inputs, samples = model_and_batch()
    head = model.head
    cycles = head.run_cycles(model.extract_feat(inputs), 1)
    cycles[0].output = torch.zeros(2, 17, 5)  # everything in the middle
    for sample in samples:
        sample.gt_instance_labels.keypoint_labels[:] = 0.5
    samples[0].gt_instance_labels.keypoint_labels[0, :, 0] += 0.06
    assert head.loss_of_cycles(cycles, samples)['acc_pose'] == pytest.approx(0.5)


@pytest.mark.parametrize('flip_test', [False, True])
@pytest.mark.parametrize('config', [token_regression_model, token_heatmap_model])
def test_of_no_images_nothing_is_predicted(config, flip_test):
    model = build({**config(), 'test_cfg': dict(flip_test=flip_test)}).eval()
    assert model.predict(torch.zeros(0, 3, 32, 24), []) == []
