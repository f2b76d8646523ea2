"""What the loop learns is what MMEngine's learns: same people, same order, same random numbers."""

from __future__ import annotations

import json
from pathlib import Path

from mmpose_sdpose.configs import read_config
from mmpose_sdpose.datasets import KeptPeople, PackPersonCrop

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATASETS, OPTIM_WRAPPERS

CONFIG = 'td-hm_sdpose-n_1xb256-60e_photos-256x192'
SIMCC = 'td-simcc_rtmpose-s_1xb256-60e_photos-256x192'
COCO = dict(from_file='configs/_base_/datasets/coco.py')
TAUGHT = 'td-reg_ladpose-n_distill-sdpose-n_1xb256-60e_photos-256x192'
#: People of each data set of the mixture, and how often each is shown.
PEOPLE, SHARES = (3, 2, 2), [1.0, 0.5, 1.0]
#: Without a device nothing is recorded, and fewer steps are enough: six people an epoch, four at once.
CAPTURE, EPOCHS = ([True, False], 6) if torch.cuda.is_available() else ([True], 2)


def write_people(root: Path, name: str, count: int) -> dict:
    """A data set of people on noise of their own."""
    numbers = np.random.default_rng(sum(map(ord, name)))
    images, people = [], []
    (root / name).mkdir()
    for number in range(count):
        picture = numbers.integers(0, 255, (96, 96, 3), np.uint8)
        cv2.imwrite(str(root / name / f'{number}.png'), picture)
        points = np.column_stack([numbers.integers(10, 86, (17, 2)), np.full(17, 2)])
        images.append(dict(id=number, file_name=f'{number}.png', width=96, height=96))
        people.append(
            dict(
                id=number, image_id=number, category_id=1, bbox=[10, 10, 76, 76], area=5000,
                iscrowd=0, keypoints=points.flatten().tolist(), num_keypoints=17,
            )
        )  # fmt: skip
    file = root / f'{name}.json'
    file.write_text(
        json.dumps(dict(images=images, annotations=people, categories=[dict(id=1, name='person')]))
    )
    prefix = dict(img=f'{root / name}/')
    return dict(type='CocoDataset', ann_file=str(file), data_prefix=prefix)


@pytest.fixture
def data(tmp_path) -> list[dict]:
    return [write_people(tmp_path, f'set{number}', count) for number, count in enumerate(PEOPLE)]


def training(data: list[dict], folder: Path, name: str = CONFIG, **train_cfg) -> Config:
    """A short training on the CPU or the CUDA device, without evaluations."""
    init_default_scope('mmpose')
    config = Config(read_config(name).to_dict(), format_python_code=False)  # takes seconds
    config.work_dir = str(folder)
    config.train_cfg.update(dict(dict(max_epochs=2), **train_cfg))
    del config.train_cfg['val_interval']
    config.param_scheduler = None
    loader = config.train_dataloader
    loader.update(
        batch_size=4, num_workers=0, persistent_workers=False, pin_memory=False, drop_last=False
    )
    loader.dataset.datasets, loader.dataset.sample_ratio_factor = data, SHARES
    for stage in ('val', 'test'):
        config[f'{stage}_dataloader'] = config[f'{stage}_evaluator'] = config[f'{stage}_cfg'] = None
    config.randomness = dict(seed=3)
    config.log_level = 'ERROR'
    config.default_hooks.checkpoint.update(interval=-1, save_last=False)
    config.custom_hooks = [hook for hook in config.custom_hooks if hook.type != 'CheckDataHook']
    return config


def times_shown(part: dict, batches: list[dict]) -> int:
    """How often people of a data set are in batches."""
    whole = DATASETS.build(dict(part, pipeline=[dict(type='PackPersonCrop')]))
    people = torch.stack([torch.from_numpy(person['keypoints']) for person in whole])
    shown = torch.cat([batch['keypoints'] for batch in batches])
    return int((shown[:, None] == people[None]).all(-1).all(-1).sum())


@OPTIM_WRAPPERS.register_module()
class OtherOptimWrapper(OptimWrapper):
    """Scales its losses, as those of half precision do."""

    def backward(self, loss, **kwargs) -> None:
        super().backward(2 * loss, **kwargs)


class Losses(Hook):
    """What the loss was, wherever somebody looked at it."""

    def __init__(self) -> None:
        self.found: dict[int, float] = {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if outputs is not None:
            self.found[runner.iter] = float(outputs['loss'])


def losses_of(config: Config) -> dict[int, float]:
    hook = Losses()
    runner = Runner.from_cfg(config)
    runner.register_hook(hook)
    runner.train()
    return hook.found


@pytest.mark.parametrize('name', [CONFIG, TAUGHT, SIMCC])
@pytest.mark.parametrize('capture', CAPTURE)
def test_it_learns_what_epochs_of_a_loader_learn(data, tmp_path, name, capture):
    """Batches of four and a last one of two, whose step cannot be the recorded one."""
    wanted = losses_of(training(data, tmp_path / 'a', name, max_epochs=EPOCHS))
    loop = dict(type='CUDAGraphTrainLoop', capture=capture, look_every=1, max_epochs=EPOCHS)
    found = losses_of(training(data, tmp_path / 'b', name, **loop))
    assert [*found] == [*wanted] == [*range(2 * EPOCHS)]
    ones, others = np.array([[*found.values()], [*wanted.values()]])
    if torch.cuda.is_available():
        # Three whole batches before the first recorded one, the seventh step, and what it leads to. Sums
        # come in any order there, and later steps carry the difference on.
        np.testing.assert_allclose(ones[:8], others[:8], rtol=5e-3)
        np.testing.assert_allclose(ones, others, rtol=2e-2)
    else:
        np.testing.assert_array_equal(ones, others)
    assert len({*wanted.values()}) == len(wanted)


def test_everybody_is_read_once_and_shown_as_often_as_the_shares_say(data, tmp_path, monkeypatch):
    read = []
    original = PackPersonCrop.transform
    monkeypatch.setattr(
        PackPersonCrop,
        'transform',
        lambda self, results: read.append(results['img_path']) or original(self, results),
    )
    config = training(data, tmp_path)
    kept = KeptPeople(Runner.build_dataloader(config.train_dataloader), torch.device('cpu'))
    for _ in range(3):
        batches = list(kept)
        assert [len(batch['inputs']) for batch in batches] == [4, 2] and len(kept) == 2
    assert len(read) == len(set(read)) == sum(PEOPLE)
    for number, part in enumerate(data):
        assert times_shown(part, batches) == round(PEOPLE[number] * SHARES[number])


def test_a_data_set_alone_is_shown_in_the_order_of_its_loader(data, tmp_path):
    config = training(data, tmp_path)
    loader = config.train_dataloader
    loader.dataset = dict(data[1], pipeline=[dict(type='PackPersonCrop', size=32)])
    loader.sampler = dict(type='DefaultSampler', shuffle=True)
    loader = Runner.build_dataloader(loader, seed=5)
    kept = KeptPeople(loader, torch.device('cpu'))
    for found, wanted in zip(kept, loader, strict=True):
        assert {*found} == {*wanted}
        for name, values in wanted.items():
            assert torch.equal(found[name], values)


def test_steps_are_looked_at_now_and_then_and_all_are_in_the_log(data, tmp_path):
    config = training(data, tmp_path, type='CUDAGraphTrainLoop', look_every=2, max_epochs=1)
    config.train_dataloader.batch_size = 2
    hook, runner = Losses(), Runner.from_cfg(config)
    runner.register_hook(hook)
    runner.train()
    assert [*hook.found] == [1, 2]
    history, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(history) == 3 and len({*history}) == 3


def test_a_loss_that_is_not_finite_is_found_wherever_it_is_among_those_looked_at(tmp_path, data):
    config = training(data, tmp_path, type='CUDAGraphTrainLoop', look_every=3, max_epochs=1)
    config.train_dataloader.batch_size = 2
    runner = Runner.from_cfg(config)
    compute, step = runner.model.loss, iter(range(3))

    def loss(*args):
        factor = float('nan') if next(step) == 1 else 1.0
        return {
            name: factor * value.detach().requires_grad_() for name, value in compute(*args).items()
        }

    runner.model.loss = loss
    with pytest.raises(FloatingPointError, match='is no finite number'):
        runner.train()


def test_people_of_a_share_of_none_are_not_read(data, tmp_path):
    loader = training(data, tmp_path).train_dataloader
    loader.dataset.sample_ratio_factor = [0.0, 1.0, 2.0]
    loader = Runner.build_dataloader(loader)
    kept = KeptPeople(loader, torch.device('cpu'))
    kept.read()
    assert len(kept._people['inputs']) == PEOPLE[1] + PEOPLE[2]
    batches = list(kept)
    for number in (1, 2):
        assert times_shown(data[number], batches) == 2 * number


def test_people_of_a_reading_that_failed_are_not_taken_for_all(data, tmp_path):
    last = tmp_path / 'set2' / '1.png'
    picture = last.read_bytes()
    last.unlink()
    kept = KeptPeople(
        Runner.build_dataloader(training(data, tmp_path).train_dataloader), torch.device('cpu')
    )
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match=r'1\.png'):
            next(iter(kept))
    last.write_bytes(picture)
    assert len(list(kept)) == 2


@pytest.mark.parametrize(
    ('part', 'said'),
    [
        (lambda one: dict(type='RepeatDataset', dataset=one, times=2), 'a RepeatDataset within it'),
        (
            lambda one: dict(
                type='CombinedDataset', datasets=[one], metainfo=COCO, sample_ratio_factor=[0.5]
            ),
            'a CombinedDataset within it',
        ),
    ],
)
def test_what_is_neither_a_data_set_nor_a_mixture_of_them_is_refused(data, tmp_path, part, said):
    loader = training([part(data[0]), *data[1:]], tmp_path).train_dataloader
    with pytest.raises(ValueError, match=said):
        KeptPeople(Runner.build_dataloader(loader), torch.device('cpu'))


@pytest.mark.parametrize(
    ('pipeline', 'said'),
    [
        (['LoadImage', 'PackPersonCrop'], 'it has LoadImage: leave augmentation to DeviceAugm'),
        ([], 'it has no PackPersonCrop'),
    ],
)
def test_what_would_be_frozen_is_refused(data, tmp_path, pipeline, said):
    loader = training(data, tmp_path).train_dataloader
    loader.dataset.pipeline = [dict(type=name) for name in pipeline]
    with pytest.raises(ValueError, match=said):
        KeptPeople(Runner.build_dataloader(loader), torch.device('cpu'))


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        (
            {'model.data_preprocessor': dict(_delete_=True, type='PoseDataPreprocessor')},
            'needs a model with DeviceAugmentation, not PoseDataPreprocessor',
        ),
        ({'optim_wrapper.accumulative_counts': 2}, 'set optim_wrapper.accumulative_counts=1'),
        (
            {'optim_wrapper.type': 'OtherOptimWrapper'},
            'OtherOptimWrapper has a backward of its own',
        ),
        ({'compile': True}, 'leave cfg.compile out'),
        ({'model.train_cfg.compute_acc': True}, 'set model.train_cfg.compute_acc=False'),
        ({'train_cfg.look_every': 0}, 'look_every .0. must be at least 1'),
        ({'train_cfg.capture': 'no'}, "capture .'no'. must be"),
        ({'train_cfg.channels_last': 1}, 'channels_last .1. must be'),
    ],
)
def test_what_cannot_be_is_said_before_a_step(data, tmp_path, monkeypatch, changes, said):
    config = training(data, tmp_path, type='CUDAGraphTrainLoop')
    config.merge_from_dict(changes)
    monkeypatch.setattr(KeptPeople, 'read', lambda self: pytest.fail('people are read first'))
    with pytest.raises((TypeError, ValueError), match=said):
        Runner.from_cfg(config).train()


def test_a_head_of_mmpose_that_cannot_be_recorded_is_named(data, tmp_path):
    config = training(data, tmp_path, SIMCC, type='CUDAGraphTrainLoop', max_epochs=1)
    config.model.train_cfg.compute_acc = True
    with pytest.raises(
        ValueError, match='RTMCCHead counts .* set model.train_cfg.compute_acc=False'
    ):
        Runner.from_cfg(config).train()


def test_a_head_that_counts_whatever_it_is_told_is_not_recorded(data, tmp_path):
    config = training(data, tmp_path, SIMCC, type='CUDAGraphTrainLoop', max_epochs=1)
    branch = dict(type='BCELoss', use_target_weight=True, use_sigmoid=True)
    config.model.head = dict(type='VisPredictHead', pose_cfg=config.model.head, loss=branch)
    with pytest.raises(
        ValueError, match='VisPredictHead lets its RTMCCHead .* train_cfg.capture=False'
    ):
        Runner.from_cfg(config).train()


@pytest.mark.parametrize('name', [CONFIG, SIMCC])
def test_channels_last_is_the_order_in_memory_alone(data, tmp_path, name):
    loop = dict(type='CUDAGraphTrainLoop', look_every=1, max_epochs=1)
    wanted = losses_of(training(data, tmp_path / 'a', name, **loop))
    runner = Runner.from_cfg(training(data, tmp_path / 'b', name, channels_last=True, **loop))
    maps, hook = [], Losses()
    runner.register_hook(hook)
    runner.model.backbone.register_forward_hook(lambda module, inputs, output: maps.extend(output))
    runner.train()
    assert len(maps) == 2
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in maps)
    np.testing.assert_allclose([*hook.found.values()], [*wanted.values()], rtol=1e-3)


def test_a_teacher_that_is_an_average_is_not_recorded(data, tmp_path):
    config = training(data, tmp_path, type='CUDAGraphTrainLoop', max_epochs=1)
    config.model = dict(
        type='TopdownDistiller',
        student=config.model,
        teacher='ema',
        losses=dict(heatmaps=dict(type='KeypointMSELoss', use_target_weight=True)),
    )
    with pytest.raises(ValueError, match="teacher='ema' changes .* train_cfg.capture=False"):
        Runner.from_cfg(config).train()
    config.train_cfg.capture = False
    Runner.from_cfg(config).train()


def test_people_that_do_not_fit_are_an_error_with_the_sizes(data, tmp_path, monkeypatch):
    config = training(data, tmp_path)
    kept = KeptPeople(Runner.build_dataloader(config.train_dataloader), torch.device('cuda'))
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (2**20, 2**30))
    with pytest.raises(ValueError, match=r'7 people need 0.0 GiB on cuda.* size of PackPersonCrop'):
        kept.read()
