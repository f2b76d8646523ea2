from __future__ import annotations

from mmpose_sdpose.configs import read_config
from mmpose_sdpose.models import DeviceAugmentation

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import KEYPOINT_CODECS

from ...small_models import SIMCC_CODEC, build, packed_batch, token_simcc_model, with_simcc_labels

TOKEN_LOSS = dict(type='TokenDistanceLoss', loss_weight=1.0)


def model_and_batch(**head):
    model = build(token_simcc_model(**head))
    batch = model.data_preprocessor(with_simcc_labels(packed_batch()), training=True)
    return model, batch['inputs'], batch['data_samples']


def targets(samples, axis: str):
    return torch.cat([sample.gt_instance_labels[f'keypoint_{axis}_labels'] for sample in samples])


def test_the_bins_of_x_come_first():
    model, inputs, _ = model_and_batch(hidden_dims=24)
    head = model.eval().head
    output = head.run_cycles(model.extract_feat(inputs), 1)[0].output
    x, y = model(inputs, [], mode='tensor')
    assert x.shape == (2, 17, 48) and y.shape == (2, 17, 64)
    torch.testing.assert_close(torch.cat([x, y], -1), output, rtol=0, atol=0)
    for axis, said in zip((x, y), head.read(output)['simcc']):
        torch.testing.assert_close(said, axis, rtol=0, atol=0)


def test_predictions_are_the_highest_bins_in_pixels_of_the_image():
    model, inputs, samples = model_and_batch()
    model.eval()
    x, y = (axis.detach().numpy() for axis in model(inputs, [], mode='tensor'))
    for index, sample in enumerate(model.predict(inputs, samples)):
        meta = sample.metainfo
        score = np.minimum(x[index].max(-1), y[index].max(-1))
        crop = np.stack([x[index].argmax(-1), y[index].argmax(-1)], -1) / 2.0
        crop[score <= 0] = -0.5  # as the codec says that there is nothing
        expected = crop / [24, 32] * meta['input_scale'] + meta['input_center']
        expected = expected - 0.5 * np.asarray(meta['input_scale'])
        np.testing.assert_allclose(sample.pred_instances.keypoints[0], expected, rtol=1e-5)
        np.testing.assert_array_equal(sample.pred_instances.keypoint_scores[0], score)


def test_what_the_codec_encodes_is_decoded_to_half_a_pixel():
    model, inputs, samples = model_and_batch()
    points = np.random.default_rng(0).uniform(2, 22, (2, 17, 2)).astype(np.float32)
    encoded = KEYPOINT_CODECS.build(SIMCC_CODEC).encode(points)
    axes = [torch.from_numpy(encoded[f'keypoint_{axis}_labels']) for axis in 'xy']
    model.head.run_cycles = lambda *_, **__: [type('Cycle', (), dict(output=torch.cat(axes, -1)))]
    for index, instance in enumerate(model.head.predict((), samples)):
        np.testing.assert_allclose(instance.keypoints[0], np.round(2 * points[index]) / 2)
        np.testing.assert_allclose(instance.keypoint_scores[0], 1.0)


def test_flip_test_mirrors_x_and_swaps_left_and_right():
    model, inputs, samples = model_and_batch()
    head = model.eval().head
    order = list(range(17))
    order[3], order[5] = 5, 3
    for sample in samples:
        sample.set_metainfo(dict(flip_indices=order))
    feats = model.extract_feat(inputs), model.extract_feat(inputs.flip(-1))
    (x, y), (mirrored_x, mirrored_y) = (head(feat) for feat in feats)
    x = (x + mirrored_x[:, order].flip(-1)) / 2
    y = (y + mirrored_y[:, order]) / 2
    expected = head.decode((x, y))
    found = head.predict(list(feats), samples, dict(flip_test=True))
    plain = head.predict(feats[0], samples)
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        np.testing.assert_allclose(one.keypoint_scores, other.keypoint_scores, rtol=1e-6)
    assert not np.allclose(found[0].keypoints, plain[0].keypoints)


def test_heatmaps_for_a_picture_are_the_product_of_both_axes():
    model, inputs, samples = model_and_batch()
    feats = model.eval().extract_feat(inputs)
    instances, fields = model.head.predict(feats, samples, dict(output_heatmaps=True))
    assert fields[0].heatmaps.shape == (17, 64, 48)
    x, y = instances[1].keypoint_x_labels[0], instances[1].keypoint_y_labels[0]
    np.testing.assert_allclose(fields[1].heatmaps, y[:, :, None] * x[:, None, :], rtol=1e-5)


def divergence(logits, target, weights):
    """KL from the target, a softmax of ten times the label, to the softmax of ten times the logits."""
    wanted = (10 * target).softmax(-1)
    value = (wanted * (wanted.log() - (10 * logits).log_softmax(-1))).mean(-1)
    return (value * weights).sum() / 17


def test_losses_of_every_cycle_by_hand_with_weights_per_joint():
    model, inputs, samples = model_and_batch(
        num_cycles=2,
        cycle_weights=[1.0, 0.5],
        visual_token_loss=TOKEN_LOSS,
        keypoint_token_loss=TOKEN_LOSS,
    )
    head = model.head
    feats = model.extract_feat(inputs)
    losses = head.loss(feats, samples)
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])
    assert 0 < weights.sum() < weights.numel()
    cycles = head.run_cycles(feats, 2)
    for number, (factor, cycle) in enumerate(zip((1.0, 0.5), cycles), start=1):
        x, y = cycle.output.split((48, 64), dim=-1)
        expected = divergence(x, targets(samples, 'x'), weights)
        expected = expected + divergence(y, targets(samples, 'y'), weights)
        torch.testing.assert_close(losses[f'loss_simcc_cycle{number}'], factor * expected)
    first, second = (cycle.tokens for cycle in cycles)
    torch.testing.assert_close(losses['loss_visual_token'], F.mse_loss(first.visual, second.visual))
    torch.testing.assert_close(
        losses['loss_keypoint_token'], F.mse_loss(first.keypoint, second.keypoint)
    )
    assert len([name for name in losses if 'loss' in name]) == 4


def test_logits_begin_small_whatever_the_rest_of_the_head_begins_with():
    xavier = dict(type='Xavier', layer='Linear', distribution='uniform')
    model, inputs, samples = model_and_batch(init_cfg=xavier)
    assert 0.0009 < model.head.mlp[-1].weight.std() < 0.0011
    assert not model.head.mlp[-1].bias.any()
    assert model.head.mct.encoder.layers[0].attn.qkv.weight.std() > 0.05
    x, y = model.head(model.extract_feat(inputs))
    assert x.std() < 0.01 and y.std() < 0.01


def test_losses_fall():
    model, inputs, samples = model_and_batch(num_cycles=2, depth=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    values = []
    for _ in range(30):
        losses = model.loss(inputs, samples)
        total = losses['loss_simcc_cycle1'] + losses['loss_simcc_cycle2']
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        values.append(total.item())
    assert values[-1] < values[0] / 2


def test_targets_made_where_the_images_are_train_it():
    model, _, _ = model_and_batch()
    metainfo = dict(from_file='configs/_base_/datasets/coco.py')
    make = DeviceAugmentation(SIMCC_CODEC, metainfo, mean=[0.0] * 3, std=[1.0] * 3)
    points = torch.rand(2, 17, 2, generator=torch.Generator().manual_seed(0)) * 40 + 20
    batch = dict(
        inputs=torch.zeros(2, 3, 80, 80, dtype=torch.uint8),
        keypoints=points,
        keypoints_visible=torch.ones(2, 17),
        bbox=torch.tensor([[20.0, 20.0, 60.0, 60.0]] * 2),
    )
    data = make(batch, training=True)
    samples = data['data_samples']
    output = torch.zeros(2, 17, 112)
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in samples])
    expected = sum(
        divergence(axis, targets(samples, name), weights)
        for name, axis in zip('xy', model.head.raw(output))
    )
    losses = model.head.losses_of(output, model.head.target_of(samples), weights)
    torch.testing.assert_close(losses['simcc'], expected)
    assert set(model.loss(data['inputs'], samples)) == {'loss_simcc_cycle1', 'acc_pose'}


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


def test_accuracy_is_the_share_of_joints_within_a_twentieth_of_width_and_height():
    model, inputs, samples = model_and_batch()
    head = model.head
    cycles = head.run_cycles(model.extract_feat(inputs), 1)
    cycles[0].output = torch.zeros(2, 17, 112)
    cycles[0].output[..., [24, 48 + 32]] = 1.0  # everything in the middle
    for sample in samples:
        labels = sample.gt_instance_labels
        labels.keypoint_weights[:] = 1
        labels.keypoint_x_labels.zero_()[..., 24] = 1
        labels.keypoint_y_labels.zero_()[..., 32] = 1
    # Three bins of 48 are more than a twentieth, three of 64 are not.
    samples[0].gt_instance_labels.keypoint_x_labels[..., 27] = 2
    samples[1].gt_instance_labels.keypoint_y_labels[..., 35] = 2
    assert head.loss_of_cycles(cycles, samples)['acc_pose'] == pytest.approx(0.5)


def test_data_with_other_keypoints_is_refused():
    model, inputs, samples = model_and_batch(out_channels=14)
    for use in (model.loss, model.predict):
        with pytest.raises(ValueError, match='predicts 14 keypoints, but the data has 17'):
            use(inputs, samples)


def test_another_codec_is_refused():
    label = dict(type='RegressionLabel', input_size=(24, 32))
    with pytest.raises(ValueError, match='needs a codec that makes keypoint_x_labels'):
        build(token_simcc_model(decoder=label))


@pytest.mark.parametrize('flip_test', [False, True])
def test_of_no_images_nothing_is_predicted(flip_test):
    model = build({**token_simcc_model(), 'test_cfg': dict(flip_test=flip_test)}).eval()
    assert model.predict(torch.zeros(0, 3, 32, 24), []) == []


@pytest.mark.parametrize(
    ('simcc', 'heatmaps'),
    [
        (f'td-simcc_sdpose-n_{rest}', f'td-hm_sdpose-n_{rest}')
        for rest in (
            '2xb16-16e_synthpose-128x96',
            '1xb32-20e_lspet-128x96',
            '8xb64-300e_coco-256x192',
        )
    ],
)
def test_the_configs_differ_from_their_heatmap_siblings_in_head_and_codec_alone(simcc, heatmaps):
    ours, theirs = read_config(simcc), read_config(heatmaps)
    for config in (ours, theirs):
        assert config.model.head.decoder == config.codec
        assert config.train_dataloader.dataset.pipeline[-2].encoder == config.codec
        del config.train_dataloader.dataset.pipeline[-2]
        for name in ('type', 'decoder', 'loss', 'visual_token_loss', 'keypoint_token_loss'):
            del config.model.head[name]
        config.model.test_cfg = dict(flip_test=config.model.test_cfg.flip_test)
    for key in ('model', 'train_dataloader', 'val_dataloader', 'optim_wrapper', 'param_scheduler'):
        assert ours[key] == theirs[key], key
