"""The configs themselves: they build and cost what they should."""

from __future__ import annotations

from mmpose_sdpose.configs import build_model, find_config, model_configs
from mmpose_sdpose.evaluation.complexity import measure_complexity

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS


@pytest.mark.parametrize('data', ['coco', 'crowdpose'])
def test_ladpose_costs_what_the_paper_says(data):
    cost = measure_complexity(build_model(f'td-reg_ladpose_8xb64-300e_{data}-256x192'), (192, 256))
    assert 4.25e6 < cost.params < 4.35e6
    assert 2.15e9 < cost.published_flops < 2.25e9


@pytest.mark.parametrize('data', ['coco', 'crowdpose'])
def test_sdpose_reg_costs_what_the_paper_says(data):
    model = build_model(f'td-reg_sdpose-reg_8xb64-300e_{data}-256x192')
    cost = measure_complexity(model, (192, 256))
    assert round(cost.params / 1e6, 1) == 5.4
    assert round(cost.published_flops / 1e9, 1) == 2.4
    assert model.head.num_cycles == 2


@pytest.mark.parametrize(
    'path',
    [path for path in model_configs() if '_distill-' in path.stem],
    ids=lambda path: path.stem,
)
def test_student_teacher_and_losses_of_every_distillation_fit(path):
    cfg = Config.fromfile(path)
    if '://' not in cfg.model.teacher_ckpt:  # what comes with the package must fit
        cfg.model.update(teacher_ckpt=None, allow_untrained=True)
    init_default_scope('mmpose')
    distiller = MODELS.build(cfg.model)
    plain = build_model(path.stem.split('_distill-')[0] + '_' + '_'.join(path.stem.split('_')[3:]))
    assert list(distiller.state_dict()) == list(plain.state_dict())
    assert distiller.head.score_loss is None, 'the teacher trains the scores'
    assert cfg.train_dataloader.dataset.pipeline[-2].encoder.type == 'RegressionLabel'


@pytest.mark.parametrize('data', ['coco', 'crowdpose'])
@pytest.mark.parametrize('name', ['t', 's-v1'])
def test_attention_between_cycles_is_the_only_change(name, data):
    plain, ours = (
        Config.fromfile(find_config(f'td-hm_sdpose-{name}_{variant}8xb64-300e_{data}-256x192'))
        for variant in ('', 'cycle-attention_')
    )
    assert ours.model.head.pop('attention_loss')['loss_weight'] > 0
    assert ours.model == plain.model
    assert ours.train_dataloader == plain.train_dataloader
