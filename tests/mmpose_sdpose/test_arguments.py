"""Every public constructor of ours: what is legal builds and learns, what is not is refused by name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmpose_sdpose.arguments import near
from mmpose_sdpose.models import (
    AttentionTransferLoss,
    CAUNet,
    ChannelWiseLoss,
    FeatureLoss,
    HeatmapCrossEntropyLoss,
    HeatmapKLLoss,
    HRNetThreeStage,
    LocalizationScoreLoss,
    MCTHead,
    RelationalLoss,
    ScoreLoss,
    SimCCDistributionLoss,
    SimulatedHeatmapLoss,
    StemNet,
    ThinCAUNet,
    ThinResNet,
    TokenDistanceLoss,
    TokenRegressionHead,
    TokenSimCCHead,
    TopdownDistiller,
)
from mmpose_sdpose.models.heads import TokenHead
from mmpose_sdpose.models.layers import (
    AttentionMaps,
    ChannelAttentionUnit,
    MultiCycleTransformer,
    TokenAttention,
    TokenEncoder,
    TokenEncoderLayer,
    sine_position_table,
)
from mmpose_sdpose.models.layers.channel_gates import EfficientChannelAttention, SqueezeExcitation

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from .small_models import (
    packed_batch,
    token_heatmap_model,
    token_regression_model,
    with_simcc_labels,
)

few = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

# What is legal.
count = st.integers(1, 3)
weight = st.floats(0, 100)
positive = st.floats(0.5, 4)
flag = st.booleans()
# What is not, whatever the rest.
NAN, INF = math.nan, math.inf
COUNT = (0, -1, -8, 1.5, NAN, INF, '8', None, True, [8])
SOME_COUNT = tuple(value for value in COUNT if value is not None)
WEIGHT = (-1.0, NAN, INF, -INF, '1', None, True, [1.0])
POSITIVE = (0, *WEIGHT)
SIZE = ((4,), (4, 3, 2), 4, '43', (0, 3), (4, -3), (4.0, 3), ('4', '3'), (True, 3), None)
FLAG = (0, 1, 'False', None, NAN)
CONFIG = ('text', 5, [], {}, dict(loss_weight=1.0))


@dataclass(frozen=True)
class Case:
    """A constructor, its legal arguments, and a loss that says whether what it built can learn."""

    build: Callable[..., Any]
    legal: st.SearchStrategy[dict[str, Any]]
    illegal: dict[str, tuple]
    use: Callable[[Any], Tensor]
    options: settings = field(default=few)


def arguments(**strategies: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(strategies)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()


# Layers


@st.composite
def encoder(draw: st.DrawFn) -> dict[str, Any]:
    heads = draw(st.sampled_from([1, 2, 4]))
    return dict(
        embed_dims=heads * 4 * draw(count),
        depth=draw(count),
        num_heads=heads,
        mlp_ratio=draw(positive),
    )


def parts_of_encoder(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return encoder().map(lambda given: {name: given[name] for name in names})


@st.composite
def grid(draw: st.DrawFn) -> dict[str, Any]:
    """A feature map and patches that tile it."""
    rows, columns = draw(count), draw(count)
    tokens = (draw(st.integers(2, 3)), draw(st.integers(2, 3)))  # rows and columns
    return dict(
        in_featuremap_size=(tokens[1] * columns, tokens[0] * rows), patch_size=(rows, columns)
    )


@st.composite
def transformer(draw: st.DrawFn) -> dict[str, Any]:
    return dict(
        in_channels=draw(count), num_keypoints=draw(count), encoder=draw(encoder()), **draw(grid())
    )


def use_transformer(module: MultiCycleTransformer) -> Tensor:
    width, height = module.in_featuremap_size
    cycles = module(noise(2, module.patch_embed.in_channels, height, width), num_cycles=2)
    return sum(cycle.keypoint.square().mean() + cycle.visual.square().mean() for cycle in cycles)


@st.composite
def unit(draw: st.DrawFn) -> dict[str, Any]:
    groups, reduction = draw(count), draw(count)
    return dict(
        in_channels=draw(count),
        mid_channels=groups * draw(count),
        out_channels=reduction * draw(count),
        groups=groups,
        gate=draw(st.sampled_from(['se', 'eca', None])),
        reduction=reduction,
    )


def use_tokens(module: nn.Module) -> Tensor:
    width = next(part.in_features for part in module.modules() if isinstance(part, nn.Linear))
    return module(noise(2, 5, width)).square().mean()


GATE = ('ECA', '', 5, True, [])
WIDTHS = ('in_channels', 'mid_channels', 'out_channels', 'groups', 'reduction')
LAYERS = [
    Case(
        TokenAttention,
        parts_of_encoder('embed_dims', 'num_heads'),
        dict(embed_dims=COUNT, num_heads=COUNT),
        use_tokens,
    ),
    Case(
        TokenEncoderLayer,
        parts_of_encoder('embed_dims', 'num_heads', 'mlp_ratio'),
        dict(embed_dims=COUNT, num_heads=COUNT, mlp_ratio=(*POSITIVE, 1e-9)),
        use_tokens,
    ),
    Case(
        TokenEncoder,
        encoder(),
        dict(embed_dims=COUNT, depth=COUNT, num_heads=COUNT, mlp_ratio=(*POSITIVE, 1e-9)),
        lambda module: (
            module(noise(2, 5, module.embed_dims), noise(1, 5, module.embed_dims)).square().mean()
        ),
    ),
    Case(
        MultiCycleTransformer,
        transformer(),
        dict(
            in_channels=COUNT,
            in_featuremap_size=SIZE,
            patch_size=SIZE,
            num_keypoints=COUNT,
            encoder=('text', 5, []),
        ),
        use_transformer,
    ),
    Case(
        ChannelAttentionUnit,
        unit(),
        dict(dict.fromkeys(WIDTHS, COUNT), gate=GATE),
        lambda module: module(noise(2, module.squeeze[0].in_channels, 4, 3)).square().mean(),
    ),
    Case(
        SqueezeExcitation,
        arguments(channels=count, reduction=st.just(1)),
        dict(channels=COUNT, reduction=COUNT),
        lambda module: module(noise(2, module.excite.out_features, 4, 3)).square().mean(),
    ),
    Case(
        EfficientChannelAttention,
        arguments(channels=count),
        dict(channels=COUNT),
        lambda module: module(noise(2, 3, 4, 3)).square().mean(),
    ),
    Case(
        sine_position_table,
        arguments(
            height=count,
            width=count,
            embed_dims=st.sampled_from([4, 8]),
            temperature=st.floats(1, 1e5),
        ),
        dict(height=COUNT, width=COUNT, embed_dims=(*COUNT, 6), temperature=POSITIVE),
        lambda table: (noise(*table.shape) * table).mean(),
    ),
]


# Backbones


@st.composite
def caunet(draw: st.DrawFn) -> dict[str, Any]:
    return dict(draw(unit()), stem_channels=draw(count), num_units=draw(count))


def use_backbone(module: nn.Module) -> Tensor:
    first = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
    (feature_map,) = module(noise(2, first.in_channels, 64, 48))
    return feature_map.square().mean()


once = settings(few, max_examples=2)
BACKBONES = [
    Case(
        StemNet,
        arguments(
            in_channels=count,
            stem_channels=count,
            out_channels=count.map(lambda quarter: 4 * quarter),
            num_blocks=count,
        ),
        dict(
            in_channels=COUNT, stem_channels=COUNT, out_channels=(*COUNT, 6, 30), num_blocks=COUNT
        ),
        use_backbone,
    ),
    Case(
        CAUNet,
        caunet(),
        dict(dict.fromkeys((*WIDTHS, 'stem_channels', 'num_units'), COUNT), gate=GATE),
        use_backbone,
    ),
    Case(
        HRNetThreeStage,
        arguments(channels=count, stage1_channels=count, in_channels=count, norm_eval=flag),
        dict(channels=COUNT, stage1_channels=COUNT, in_channels=COUNT, norm_eval=FLAG),
        use_backbone,
        options=once,
    ),
    Case(
        ThinCAUNet,
        arguments(
            base_channels=count.map(lambda quarter: 4 * quarter),
            num_units=st.lists(count, min_size=1, max_size=3),
            group_width=st.sampled_from([1, 2, 4]),
            gate=st.sampled_from(['se', 'eca', None]),
            reduction=st.sampled_from([1, 2, 4]),
            in_channels=count,
        ),
        dict(
            dict.fromkeys(('base_channels', 'group_width', 'reduction', 'in_channels'), COUNT),
            num_units=((), 2, 'two', (0,)),
            gate=GATE,
        ),
        use_backbone,
    ),
    Case(
        ThinResNet,
        arguments(
            depth=st.sampled_from([18, 50]),
            base_channels=count,
            num_stages=st.integers(1, 4),
            in_channels=count,
            norm_eval=flag,
        ),
        dict(
            depth=(*COUNT, 19),
            base_channels=COUNT,
            num_stages=(*COUNT, 5),
            in_channels=COUNT,
            norm_eval=FLAG,
        ),
        use_backbone,
    ),
]


# Heads


@st.composite
def head(draw: st.DrawFn, codec: str) -> dict[str, Any]:
    sizes, tokens = draw(grid()), draw(encoder())
    width, height = sizes['in_featuremap_size']
    decoder = dict(type=codec, input_size=(4 * width, 4 * height))
    if codec == 'MSRAHeatmap':
        decoder.update(heatmap_size=(width, height), sigma=1)
    cycles = draw(count)
    token_loss = dict(type='TokenDistanceLoss', loss_weight=draw(weight))
    pairs = [(layer, layer) for layer in range(1, tokens['depth'] + 1)]
    attention_loss = dict(type='AttentionTransferLoss', layer_pairs=pairs)
    return dict(
        sizes,
        in_channels=draw(count),
        out_channels=draw(count),
        decoder=decoder,
        encoder=tokens,
        hidden_dims=draw(st.none() | count),
        num_cycles=cycles,
        loss=draw(st.none()),
        cycle_weights=draw(st.none() | st.lists(positive, min_size=cycles, max_size=cycles)),
        visual_token_loss=draw(st.none() | st.just(token_loss)),
        keypoint_token_loss=draw(st.none() | st.just(token_loss)),
        attention_loss=draw(st.none() | st.just(attention_loss)),
    )


def use_head(module: TokenHead) -> Tensor:
    width, height = module.mct.in_featuremap_size
    feats = (noise(2, module.mct.patch_embed.in_channels, height, width),)
    batch = packed_batch(2, module.out_channels, size=(4 * width, 4 * height))
    if isinstance(module, TokenSimCCHead):
        with_simcc_labels(batch, module.out_channels, size=(4 * width, 4 * height))
    losses = module.loss(feats, batch['data_samples'])
    return sum(value for name, value in losses.items() if 'loss' in name)


OF_HEAD = dict(
    in_channels=COUNT,
    out_channels=COUNT,
    in_featuremap_size=SIZE,
    patch_size=SIZE,
    encoder=('text', 5, []),
    hidden_dims=SOME_COUNT,
    num_cycles=COUNT,
    loss=CONFIG,
    cycle_weights=([], [NAN] * 3, ['1'], 5, 'x', [-1.0], [1.0] * 4, [0] * 2, [True]),
    visual_token_loss=CONFIG,
    keypoint_token_loss=CONFIG,
    attention_loss=CONFIG,
)
HEATMAPS = dict(type='MSRAHeatmap', input_size=(24, 32), heatmap_size=(6, 8), sigma=1)
LABEL = dict(type='RegressionLabel', input_size=(24, 32))
score_loss = st.none() | st.just(dict(type='LocalizationScoreLoss', heatmap_size=(6, 8), sigma=1))
HEADS = [
    Case(MCTHead, head('MSRAHeatmap'), dict(OF_HEAD, decoder=(*CONFIG, None, LABEL)), use_head),
    Case(
        TokenRegressionHead,
        st.builds(
            lambda given, score: dict(given, score_loss=score), head('RegressionLabel'), score_loss
        ),
        dict(OF_HEAD, decoder=(*CONFIG, None, HEATMAPS), score_loss=CONFIG),
        use_head,
    ),
    Case(
        TokenSimCCHead, head('SimCCLabel'), dict(OF_HEAD, decoder=(*CONFIG, None, LABEL)), use_head
    ),
]


# Losses


def use_attention_loss(loss: AttentionTransferLoss) -> Tensor:
    layers = {layer: (30 * noise(2, 2, 9, 9)).softmax(-1) for layer in (1, 2, 3)}
    return loss(
        AttentionMaps(layers, (2, 3)),
        AttentionMaps({n: maps.flip(-1) for n, maps in layers.items()}, (2, 3)),
    )


def use_feature_loss(loss: nn.Module) -> Tensor:
    student, teacher = noise(2, 3, 4, 5), 2 * noise(2, 4, 8, 6)
    loss.fit(student, teacher)
    return loss(student, teacher)


WEIGHTS = torch.ones(2, 3)
LOSSES = [
    Case(
        AttentionTransferLoss,
        arguments(
            layer_pairs=st.lists(st.tuples(count, count), min_size=1, max_size=3),
            distance=st.sampled_from(['kl', 'mse']),
            each_head=flag,
            whole_map=flag,
            loss_weight=weight,
        ),
        dict(
            layer_pairs=(
                [], [(0, 1)], [(1,)], [(1, 2, 3)], [(1.5, 2)], [(True, 1)], [1], 'ab', 5, None,
            ),
            distance=('l1', None, 5, [], NAN),
            each_head=FLAG,
            whole_map=FLAG,
            loss_weight=WEIGHT,
        ),
        use_attention_loss,
    ),
    Case(
        ChannelWiseLoss,
        arguments(temperature=positive, loss_weight=weight),
        dict(temperature=POSITIVE, loss_weight=WEIGHT),
        use_feature_loss,
    ),
    Case(
        FeatureLoss,
        arguments(reduction=st.sampled_from(['mean', 'sum']), loss_weight=weight),
        dict(reduction=('none', '', None, 5, [], True), loss_weight=WEIGHT),
        use_feature_loss,
    ),
    Case(
        HeatmapCrossEntropyLoss,
        arguments(use_target_weight=flag, loss_weight=weight),
        dict(use_target_weight=FLAG, loss_weight=WEIGHT),
        lambda loss: loss(noise(2, 3, 4, 5), noise(2, 3, 4, 5).detach().abs(), WEIGHTS),
    ),
    Case(
        HeatmapKLLoss,
        arguments(temperature=st.none() | positive, loss_weight=weight),
        dict(
            temperature=tuple(value for value in POSITIVE if value is not None), loss_weight=WEIGHT
        ),
        lambda loss: loss(noise(2, 3, 4, 5), noise(2, 3, 4, 5).flip(0), WEIGHTS),
    ),
    Case(
        LocalizationScoreLoss,
        arguments(sigma=positive, heatmap_size=st.tuples(count, count), loss_weight=weight),
        dict(sigma=POSITIVE, heatmap_size=SIZE, loss_weight=WEIGHT),
        lambda loss: loss(noise(2, 3, 2).sigmoid(), noise(2, 3), torch.rand(2, 3, 2), WEIGHTS),
    ),
    Case(
        RelationalLoss,
        arguments(distance_weight=weight, angle_weight=weight, normalize=flag),
        dict(distance_weight=WEIGHT, angle_weight=WEIGHT, normalize=FLAG),
        use_feature_loss,
    ),
    Case(
        ScoreLoss,
        arguments(loss_weight=weight),
        dict(loss_weight=WEIGHT),
        lambda loss: loss(noise(2, 3, 2).sigmoid(), noise(2, 3), torch.rand(2, 3, 4, 5), WEIGHTS),
    ),
    Case(
        SimCCDistributionLoss,
        arguments(
            beta=positive,
            teacher_beta=st.none() | positive,
            temperature=positive,
            loss_weight=weight,
        ),
        dict(
            beta=POSITIVE,
            teacher_beta=tuple(value for value in POSITIVE if value is not None),
            temperature=POSITIVE,
            loss_weight=WEIGHT,
        ),
        lambda loss: loss(
            (noise(2, 3, 4), noise(2, 3, 5)), (2 * noise(2, 3, 4), 2 * noise(2, 3, 5)), WEIGHTS
        ),
    ),
    Case(
        SimulatedHeatmapLoss,
        arguments(loss_weight=weight),
        dict(loss_weight=WEIGHT),
        lambda loss: loss(
            noise(2, 3, 2).sigmoid(), noise(2, 3, 2).exp(), torch.rand(2, 3, 4, 5), WEIGHTS
        ),
    ),
    Case(
        TokenDistanceLoss,
        arguments(loss_weight=weight, detach_teacher=flag),
        dict(loss_weight=WEIGHT, detach_teacher=FLAG),
        lambda loss: loss(noise(2, 5, 4), 2 * noise(2, 5, 4)),
    ),
]  # fmt: skip


# The distiller


def use_distiller(module: TopdownDistiller) -> Tensor:
    losses = module.loss(**module.data_preprocessor(packed_batch(), training=True))
    return sum(value for name, value in losses.items() if 'loss' in name)


COMPARED = dict(
    visual_tokens=dict(type='TokenDistanceLoss'),
    attention=dict(type='AttentionTransferLoss', layer_pairs=[(1, 1)]),
    scores=dict(type='ScoreLoss'),
)
MODEL = (None, 5, [], {}, dict(backbone=dict(type='StemNet')))
DISTILLERS = [
    Case(
        TopdownDistiller,
        arguments(
            student=st.just(token_regression_model(depth=1)),
            teacher=st.just(token_heatmap_model(depth=1)),
            losses=st.sets(st.sampled_from(sorted(COMPARED)), min_size=1).map(
                lambda names: {name: COMPARED[name] for name in names}
            ),
            teacher_ckpt=st.none(),
            ema_momentum=st.none(),
            keypoint_pairs=st.sampled_from([None, [(0, 1), (3, 2)]]),
            frozen=st.sampled_from([(), ['backbone'], ['backbone.conv1', 'head.mlp']]),
            student_loss_weight=weight,
            start_from_teacher=st.sampled_from(
                [
                    (),
                    ['backbone', 'head.mct.keypoint_tokens'],
                    {'head.mct.encoder.layers[0].mlp': 'head.mct.encoder.layers.0.mlp'},
                ]
            ),
            allow_untrained=st.just(True),
        ),
        dict(
            student=MODEL,
            teacher=MODEL,
            losses=(None, 5, 'text', {}, [], dict(scores=5), dict(scores={})),
            teacher_ckpt=(5, NAN, [], True),
            ema_momentum=(0.5, 0, 'text', NAN),
            keypoint_pairs=(5, 'text', [5], [(0,)], [(17, 0)], [(0, 1), (0, 2)], [('nose', 0)], {}),
            frozen=(5, 'backbone', [3], ['nothing'], None),
            student_loss_weight=WEIGHT,
            start_from_teacher=(
                5,
                True,
                None,
                'backbone',
                [3],
                ['nothing'],
                [''],
                ['backbone', 'backbone'],
                ['backbone', 'backbone.conv1'],
                [('backbone', 'backbone')],
                {'backbone': None},
                {'backbone': 'head'},
            ),
            allow_untrained=FLAG,
        ),
        use_distiller,
    )
]

CASES = [*LAYERS, *BACKBONES, *HEADS, *LOSSES, *DISTILLERS]
every_case = pytest.mark.parametrize('case', CASES, ids=lambda case: case.build.__name__)


@every_case
def test_what_is_legal_builds_and_learns(case):
    @case.options
    @given(case.legal)
    def build_and_learn(legal: dict[str, Any]) -> None:
        init_default_scope('mmpose')
        built = case.build(**legal)
        loss = case.use(built)
        assert loss.isfinite()
        loss.backward()
        if isinstance(built, nn.Module):
            for name, parameter in built.named_parameters():
                assert parameter.grad is None or parameter.grad.isfinite().all(), name

    build_and_learn()


@every_case
def test_what_is_illegal_is_refused_by_its_name(case):
    values = [(name, value) for name, given in case.illegal.items() for value in given]

    @settings(few, max_examples=2)
    @given(case.legal)
    def refuse(legal: dict[str, Any]) -> None:
        init_default_scope('mmpose')
        for name, value in values:
            with pytest.raises((TypeError, ValueError)) as refused:
                case.build(**{**legal, name: value})
            assert re.search(rf'\b{name}\b', str(refused.value)), (name, value)

    refuse()


def test_a_name_that_is_not_known_is_answered_with_its_like():
    names = ['heatmaps', 'coordinates', 'scores']
    assert near('heatmap', names) == '; did you mean heatmaps?'
    assert near('xyz', names) == "; choose from ['coordinates', 'heatmaps', 'scores']"
    assert near('xyz', map(str, range(21))).endswith(' …')
