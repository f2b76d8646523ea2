"""The configs themselves: they build, learn and predict, and cost what they should."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path

import mmpose_sdpose
from mmpose_sdpose.benchmark import made_up_data
from mmpose_sdpose.configs import build_model, find_config, model_configs, plain_configs
from mmpose_sdpose.evaluation.complexity import measure_complexity

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.registry import Registry, init_default_scope
from mmpose.registry import DATASETS, MODELS
from torch import Tensor, nn

ROOT = Path(__file__).parents[2]
PAGE = 'projects/ladpose/README.md'


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
    if not cfg.model.teacher_ckpt.startswith('mmpose_sdpose://'):
        cfg.model.update(teacher_ckpt=None, allow_untrained=True)  # what is packaged must fit
    init_default_scope('mmpose')
    distiller = MODELS.build(cfg.model)
    (plain,) = (one for one in plain_configs() if same_model(one, path))
    assert list(distiller.state_dict()) == list(build_model(plain).state_dict())
    encoder = target_codec(cfg)
    assert encoder.type == type(distiller.head.decoder).__name__
    if path.stem.startswith('td-reg_'):
        assert distiller.head.score_loss is None, 'the teacher trains the scores'
        assert encoder.type == 'RegressionLabel'


@pytest.mark.parametrize('training', ['1xb256-60e', '1xb32-7e'])
def test_ladpose_n_starts_from_layers_of_the_packaged_teacher(training):
    """36 weights: of keypoint tokens, patch embedding, and layers 2 to 4 of 4 as 1 to 3."""
    cfg = Config.fromfile(
        find_config(f'td-reg_ladpose-n_distill-sdpose-n_{training}_photos-256x192')
    )
    init_default_scope('mmpose')
    student = MODELS.build(cfg.model)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    student.init_weights()
    packaged = Path(mmpose_sdpose.__file__).parent / 'weights/sdpose-n_photos-256x192.pth'
    found = torch.load(packaged, weights_only=True)['state_dict']
    expected = {}
    for name in before:
        layer = re.sub(r'layers\.(\d)\.', lambda match: f'layers.{int(match[1]) + 1}.', name)
        if layer != name or name.startswith(('head.mct.keypoint_tokens', 'head.mct.patch_embed.')):
            expected[name] = found[layer].float()
    assert len(expected) == 36
    start = {name: student.state_dict()[name] for name in expected}
    torch.testing.assert_close(start, expected, rtol=0, atol=0)
    assert not any(torch.equal(expected[name], before[name]) for name in expected)


def target_codec(cfg: Config) -> ConfigDict:
    """The codec that makes the targets: in the pipeline, or where batches are augmented."""
    steps = {step.type: step for step in cfg.train_dataloader.dataset.pipeline}
    if 'GenerateTarget' in steps:
        return steps['GenerateTarget'].encoder
    return cfg.model.student.data_preprocessor.codec


def same_model(one: Path, other: Path) -> bool:
    parts, others = one.stem.split('_'), other.stem.split('_')
    same_name = parts[:2] == others[:2] and parts[-1] == others[-1]  # family, model; data and size
    return one.parent == other.parent and same_name


@pytest.mark.parametrize('data', ['coco', 'crowdpose'])
def test_attention_between_cycles_is_the_only_change(data):
    plain, ours = (
        Config.fromfile(find_config(f'td-hm_sdpose-s-v1_{variant}8xb64-300e_{data}-256x192'))
        for variant in ('', 'cycle-attention_')
    )
    assert ours.model.head.pop('attention_loss')['loss_weight'] > 0
    assert ours.model == plain.model
    assert ours.train_dataloader == plain.train_dataloader


#: What takes many seconds, and CrowdPose's twins of COCO's configs but one.
SLOW = re.compile('pose-[bl]_|hrnet|pose-s-v[12]_8|(?<!sdpose-t)_8.*_crowdpose-')


def every_config() -> list:
    return [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if SLOW.search(path.stem) else [])
        for path in model_configs()
    ]


@pytest.mark.parametrize('path', every_config())
def test_every_config_learns_from_an_image_and_predicts_on_one(path, tmp_path):
    cfg = Config.fromfile(path)
    assert 'mmpose_sdpose' in cfg.custom_imports['imports']  # for MMPose's own scripts
    keypoints = 14 if re.search('_(crowdpose|lspet)-', path.stem) else 17
    model = build_untrained(cfg)
    pipeline, left_out = made_up_data.training_pipeline(cfg)
    assert left_out == []
    (person,) = made_up_data.training_people(cfg, 1, tmp_path / 'people.png')
    data = pseudo_collate([pipeline(person)])
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    frozen = tuple(f'{name}.' for name in getattr(model, 'frozen', ()))
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen), name
        learns = parameter.grad is not None and parameter.grad.isfinite().all()
        assert learns == parameter.requires_grad, name
    (person,) = made_up_data.test_people(cfg, 1)
    data = pseudo_collate([made_up_data.test_pipeline(cfg)(person)])
    (sample,) = model.eval().test_step(data)
    assert sample.pred_instances.keypoints.shape == (1, keypoints, 2)
    assert np.isfinite(sample.pred_instances.keypoints).all()


def build_untrained(cfg: Config) -> nn.Module:
    """From random weights; a distillation with its teacher."""
    if 'teacher' not in cfg.model:
        return build_model(cfg)
    cfg.model.update(teacher_ckpt=None, allow_untrained=True)
    init_default_scope('mmpose')
    return MODELS.build(cfg.model)


def options_in(page: str, marker: str) -> list[tuple[str, list[str]]]:
    """Config and ``--cfg-options`` of each command of a page that has ``marker`` in its options."""
    text = (ROOT / page).read_text().replace('\\\n', ' ')
    commands = [shlex.split(line) for line in re.findall(r'^mim .* --cfg-options .*', text, re.M)]
    found = [(words[3], words[words.index('--cfg-options') + 1 :]) for words in commands]
    return [one for one in found if any(word.startswith(marker) for word in one[1])]


def with_options(config: str, options: list[str]) -> Config:
    """A config with options as MMEngine's command line reads them."""
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    cfg = Config.fromfile(find_config(config))
    cfg.merge_from_dict(parser.parse_args(['--cfg-options', *options]).cfg_options)
    return cfg


class Patches(nn.Module):
    """Gives what a vision transformer gives, of the same shape."""

    def __init__(self, arch: str | dict, patch_size: int, **_: object) -> None:
        super().__init__()
        widths = {'small': 384, 'base': 768, 'large': 1024, 'huge': 1280}
        width = widths[arch] if isinstance(arch, str) else arch['embed_dims']
        self.patch_embed = nn.Conv2d(3, width, patch_size, patch_size)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (self.patch_embed(images),)


@pytest.fixture
def mmpretrain(monkeypatch):
    """Stands in for MMPretrain, whose vision transformer is ViTPose's, where it is not installed."""
    if find_spec('mmpretrain') is None:
        stand_in = Registry('model', scope='mmpretrain')
        stand_in.register_module('VisionTransformer', module=Patches)
        monkeypatch.setitem(MODELS._children, 'mmpretrain', stand_in)


@pytest.mark.parametrize(('config', 'options'), options_in(PAGE, 'model.teacher='))
@pytest.mark.usefixtures('mmpretrain')
def test_another_teacher_is_an_option(config, options):
    cfg = with_options(config, options)
    teacher = cfg.model.teacher
    distiller = build_untrained(cfg)
    alone = build_model(teacher)
    assert list(distiller.teacher.state_dict()) == list(alone.state_dict())


def test_the_page_shows_other_teachers():
    shown = [option for _, options in options_in(PAGE, 'model.teacher=') for option in options]
    assert any(
        option.startswith('model.teacher=mmpose::') and 'ViTPose' in option for option in shown
    )
    taught = {config.split('_')[1] for config, _ in options_in(PAGE, 'model.teacher=')}
    assert taught == {'ladpose', 'distilpose-s', 'distilpose-n'}


def test_attention_between_the_cycles_of_sdpose_t_is_an_option():
    page = (ROOT / 'projects/sdpose/README.md').read_text()
    (options,) = re.findall(r'`(model\.head\.attention_loss\.type.*?)`', page)
    cfg = with_options('td-hm_sdpose-t_8xb64-300e_coco-256x192', shlex.split(options))
    loss = build_model(cfg).head.between_cycles.attention_loss
    assert loss.layer_pairs == [(2, 2), (4, 4), (6, 6)]
    assert loss.loss_weight == 1e-3


@pytest.mark.parametrize(
    'config, file, people',
    [
        ('sdpose/coco/td-hm_sdpose-t_8xb64-300e_coco-256x192.py', 'coco', 12),
        ('sdpose/crowdpose/td-hm_sdpose-t_8xb64-300e_crowdpose-256x192.py', 'crowdpose', 4),
    ],
)
def test_ground_truth_boxes_are_an_option(photos, config, file, people):
    option = re.search(
        r'`--cfg-options (\S+bbox_file=None)`', (ROOT / 'docs/train.md').read_text()
    )[1]
    root = photos / f'{file}_sample'
    place = [f'data_root={root}/', f'ann_file=test_{file}.json', 'data_prefix.img=']
    options = [f'test_dataloader.dataset.{part}' for part in place]
    detected = f'test_dataloader.dataset.bbox_file={next(root.glob("*_det_*"))}'
    counts = []
    for boxes in (detected, option):
        cfg = with_options(Path(config).stem, [*options, boxes])
        cfg.test_dataloader.dataset.pipeline = []
        counts.append(len(DATASETS.build(cfg.test_dataloader.dataset)))
    assert counts[1] == people != counts[0]
