from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmpose.testing import get_packed_inputs

from ...small_models import HEATMAP_CODEC

TOKEN_LOSS = dict(type='TokenDistanceLoss', loss_weight=1.0)


@pytest.fixture(autouse=True)
def default_scope():
    init_default_scope('mmpose')


def head(**options):
    arguments = dict(
        type='MCTHead',
        in_channels=4,
        in_featuremap_size=(6, 8),
        out_channels=17,
        encoder=dict(embed_dims=32, depth=2, num_heads=4),
        hidden_dims=16,
        num_cycles=3,
        visual_token_loss=TOKEN_LOSS,
        keypoint_token_loss=TOKEN_LOSS,
        decoder=HEATMAP_CODEC,
    )
    torch.manual_seed(0)
    return MODELS.build({**arguments, **options})


def feats(batch: int = 2):
    return (torch.randn(batch, 4, 8, 6, generator=torch.Generator().manual_seed(1)),)


def samples(num_keypoints: int = 17):
    packed = get_packed_inputs(
        2,
        num_instances=1,
        num_keypoints=num_keypoints,
        input_size=(24, 32),
        heatmap_size=(6, 8),
        with_heatmap=True,
    )
    return packed['data_samples']


def count_encoder_passes(model) -> list:
    passes = []
    model.mct.encoder.layers[0].register_forward_hook(lambda *_: passes.append(1))
    return passes


@pytest.mark.parametrize('num_cycles', [1, 2, 3])
def test_training_runs_every_cycle_and_prediction_one(num_cycles):
    model = head(num_cycles=num_cycles)
    passes = count_encoder_passes(model)
    model.loss(feats(), samples())
    assert len(passes) == num_cycles
    passes.clear()
    model.eval()
    model(feats())
    assert len(passes) == 1
    passes.clear()
    model.predict(feats(), samples())
    assert len(passes) == 1
    passes.clear()
    model.predict([feats(), feats()], samples(), dict(flip_test=True))
    assert len(passes) == 2


def test_one_cycle_is_the_first_of_several():
    model = head().eval()
    (only,) = model.run_cycles(feats(), 1)
    first = model.run_cycles(feats(), 3)[0]
    torch.testing.assert_close(only.output, first.output, rtol=0, atol=0)
    torch.testing.assert_close(model(feats()), only.output, rtol=0, atol=0)


def test_loss_terms_by_hand():
    model = head()
    data = samples()
    losses = model.loss(feats(), data)
    cycles = model.run_cycles(feats(), 3)
    target = torch.stack([sample.gt_fields.heatmaps for sample in data])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in data])
    for index, cycle in enumerate(cycles, start=1):
        expected = ((cycle.output - target) ** 2 * weights[..., None, None]).mean()
        torch.testing.assert_close(losses[f'loss_heatmap_cycle{index}'], expected)
    for name in ('visual', 'keypoint'):
        tokens = [getattr(cycle.tokens, name) for cycle in cycles]
        expected = sum(((a - b) ** 2).mean() for a, b in zip(tokens, tokens[1:]))
        torch.testing.assert_close(losses[f'loss_{name}_token'], expected)


@pytest.mark.parametrize(
    'options, terms',
    [
        (dict(), {'cycle1', 'cycle2', 'cycle3', 'visual_token', 'keypoint_token'}),
        (dict(cycle_weights=[0, 0, 1]), {'cycle3', 'visual_token', 'keypoint_token'}),
        (dict(visual_token_loss=None), {'cycle1', 'cycle2', 'cycle3', 'keypoint_token'}),
        (dict(keypoint_token_loss=None), {'cycle1', 'cycle2', 'cycle3', 'visual_token'}),
        (dict(num_cycles=1), {'cycle1'}),
    ],
)
def test_each_term_can_be_switched_off(options, terms):
    losses = head(**options).loss(feats(), samples())
    names = {key.replace('loss_', '').replace('heatmap_', '') for key in losses if 'loss' in key}
    assert names == terms


def test_the_weight_of_a_cycle_scales_its_loss():
    plain = head().loss(feats(), samples())
    weighted = head(cycle_weights=[1, 0.5, 2]).loss(feats(), samples())
    for cycle, weight in ((1, 1), (2, 0.5), (3, 2)):
        key = f'loss_heatmap_cycle{cycle}'
        torch.testing.assert_close(weighted[key], weight * plain[key])


def test_accuracy_is_the_first_cycles(monkeypatch):
    model = head()
    data = samples()
    target = torch.stack([sample.gt_fields.heatmaps for sample in data])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in data])
    original = model.run_cycles

    def perfect_first(*arguments):
        cycles = original(*arguments)
        cycles[0].output = target.clone()
        return cycles

    before = model.loss(feats(), data)['acc_pose']
    monkeypatch.setattr(model, 'run_cycles', perfect_first)
    accuracy = model.loss(feats(), data)['acc_pose']
    assert weights.sum() > 0
    assert accuracy == 1 and before < 1


def test_cross_entropy_makes_the_output_a_heatmap_of_known_mass():
    model = head(loss=dict(type='HeatmapCrossEntropyLoss')).eval()
    heatmaps = model(feats())
    logits = model.run_cycles(feats(), 1)[0].output
    mass = 2 * torch.pi * HEATMAP_CODEC['sigma'] ** 2
    torch.testing.assert_close(heatmaps.sum((2, 3)), torch.full((2, 17), mass))
    torch.testing.assert_close(heatmaps.flatten(2).argmax(-1), logits.flatten(2).argmax(-1))


def test_predictions_are_decoded_heatmaps():
    model = head().eval()
    predictions = model.predict(feats(), samples(), dict(output_heatmaps=True))
    heatmaps = torch.stack([field.heatmaps for field in predictions[1]])
    torch.testing.assert_close(heatmaps, model(feats()))
    for prediction, maps in zip(predictions[0], heatmaps):
        keypoints, scores = model.decoder.decode(maps.detach().numpy())
        torch.testing.assert_close(prediction.keypoints, keypoints)
        torch.testing.assert_close(prediction.keypoint_scores, scores)


def test_initialisation_follows_the_official_code():
    model = head(encoder=dict(embed_dims=192, depth=2, num_heads=8), hidden_dims=384)
    model.init_weights()
    linear = model.mct.encoder.layers[0].mlp[0]
    for weight in (linear.weight, model.mct.patch_embed.weight, model.mct.keypoint_tokens):
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert linear.bias.abs().max() == 0 and model.mct.patch_embed.bias.abs().max() == 0
    torch.testing.assert_close(model.mlp[0].weight, torch.ones(192))


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(num_cycles=0), r'num_cycles \(0\)'),
        (dict(cycle_weights=[1, 1]), r'cycle_weights \(1, 1\) must hold 3'),
        (dict(cycle_weights=[0, 0, 0]), 'one of them not 0'),
        (dict(in_featuremap_size=(6, 7)), r'input height \(32\).*\(7\)'),
        (dict(encoder=dict(embed_dims=32, num_heads=5)), r'embed_dims \(32\)'),
    ],
)
def test_bad_values_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        head(**options)


def test_an_unknown_loss_is_named():
    with pytest.raises(KeyError, match='NoSuchLoss'):
        head(loss=dict(type='NoSuchLoss'))


def test_another_number_of_keypoints_is_refused_in_training_and_prediction():
    model = head(out_channels=14)
    with pytest.raises(ValueError, match='predicts 14 keypoints, but the data has 17'):
        model.loss(feats(), samples())
    with pytest.raises(ValueError, match='predicts 14 keypoints, but the data has 17'):
        model.predict(feats(), samples())
