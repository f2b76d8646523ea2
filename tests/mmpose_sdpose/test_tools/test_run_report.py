"""What a run tells the terminal, and what it keeps from it."""

from __future__ import annotations

import re
import sys
import warnings
from io import StringIO
from pathlib import Path

from mmpose_sdpose.tools import run_report
from mmpose_sdpose.tools.quiet import Quiet
from mmpose_sdpose.tools.run_report import Meter, RunReport

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from rich.console import Console
from xtcocotools.coco import COCO

from ..small_training import small_runner


def terminal(is_one: bool = False) -> Console:
    return Console(file=StringIO(), force_terminal=is_one, width=100, highlight=False)


def text(console: Console) -> str:
    return console.file.getvalue()


def run(folder: Path, *hooks: Hook, is_first: bool = True, **options) -> str:
    """A training of two epochs; what the terminal was told."""
    console = terminal()
    report = RunReport(console)
    with Quiet(console, is_first) as hush:
        options = {'log_level': 'INFO', 'scores': (0.5, 0.25), **options}
        try:
            small_runner(folder, hooks, kind=hush.runner(report), **options).train()
        finally:
            report.close()
    return text(console)


def log(folder: Path) -> str:
    return ''.join(path.read_text() for path in sorted(folder.glob('*/*.log')))


def test_a_training_begins_goes_on_and_ends_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = run(Path('w')).splitlines()
    stamp = next((tmp_path / 'w').glob('*/vis_data')).parent.name
    threads = torch.get_num_threads()
    device = f'cpu, {threads} thread' + 's' * (threads > 1)
    assert lines[0].startswith('Training small_')
    expected = {
        'model': 'Line',
        'starts from': 'random weights',
        'data': '8 samples (Points)',
        'validated on': '8 samples (Points); every epoch',
        'length': '2 epochs of 2 steps of 4 people',
        'optimizer': 'Adam, learning rate 0.1 (MultiStepLR)',
        'device': device,
        'results in': 'w',
        'log': f'w/{stamp}/{stamp}.log',
    }
    assert lines[1:10] == [f'  {name:14}{value}' for name, value in expected.items()]
    assert re.fullmatch(
        r'epoch 1/2  loss \S+  toy/AP 0.500 \(best so far\), \d:\d\d:\d\d left', lines[11]
    )
    assert re.fullmatch(r'epoch 2/2  loss \S+  toy/AP 0.250', lines[12])
    assert re.fullmatch(r'Trained in 0:00:\d\d', lines[13])
    ending = {
        'best toy/AP': '0.500 after epoch 1',
        'its checkpoint': 'w/best_toy_AP_epoch_1.pth',
        'last checkpoint': 'w/epoch_2.pth',
    }
    assert lines[14:17] == [f'  {name:17}{value}' for name, value in ending.items()]
    assert lines[17].split()[:4] == ['next', 'mim', 'test', 'mmpose_sdpose']
    assert lines[17].endswith(' --checkpoint w/best_toy_AP_epoch_1.pth')
    assert len(lines) == 18


class Losses(Hook):
    """Remembers every step's loss."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append(float(outputs['loss']))


def test_an_epochs_line_has_its_mean_loss(tmp_path):
    losses = Losses()
    shown = re.findall(r'loss (\S+)  toy', run(tmp_path, losses))
    means = torch.tensor(losses.seen).view(2, 2).mean(1)
    assert len(set(losses.seen)) == 4
    torch.testing.assert_close(torch.tensor([float(x) for x in shown]), means, rtol=1e-3, atol=0)


def test_a_resumed_training_says_where_it_goes_on(tmp_path):
    run(tmp_path, scores=(0.5, 0.25))
    out = run(tmp_path, dict(type='CheckpointGuardHook'), scores=(0.5, 0.25, 0.4), resume=True)
    assert f'{tmp_path}/epoch_2.pth: epoch 2, step 4 (resumed)' in out
    assert 'epoch 3/3' in out and 'epoch 2/3' not in out
    assert 'toy/AP 0.400\n' in out and 'best toy/AP      0.500 after epoch 1' in out
    assert 'warning' not in out


def test_without_validation_the_last_checkpoint_is_named(tmp_path):
    off = dict(val_dataloader=None, val_cfg=None, val_evaluator=None)
    out = run(tmp_path, checkpoint=dict(save_best=None), **off)
    assert 'validated on  nothing' in out and 'best' not in out
    assert re.search(rf'next .* --checkpoint {tmp_path}/epoch_2.pth\n', out)


@pytest.mark.usefixtures('no_pause_between_passes')
def test_a_training_by_steps_counts_steps(tmp_path):
    loop = dict(type='IterBasedTrainLoop', max_iters=6, val_interval=3)
    out = run(tmp_path, train_cfg=loop, checkpoint=dict(by_epoch=False, interval=3))
    assert 'validated on  8 samples (Points); every 3 steps' in out
    assert 'length        6 steps of 4 people' in out
    assert re.search(r'\nstep 3/6  loss \S+  toy/AP 0.250 \(best so far\), \S+ left\n', out)
    assert re.search(r'\nstep 6/6  loss \S+  toy/AP 0.250\n', out)
    assert 'best toy/AP      0.250 after iter 3' in out


def test_validation_is_seen_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Meter, 'step', lambda self, done, text: self.say(f'{done} {text}'))
    lines = run(tmp_path, scores=(0.5,)).splitlines()
    seen = [line for line in lines if re.match(r'\d epoch', line)]
    assert [line.split('  ')[0] for line in seen[:2]] == ['1 epoch 1/1', '2 epoch 1/1']
    assert seen[2:] == ['0 epoch 1/1  validating 1/2', '0 epoch 1/1  validating 2/2']


def test_a_test_ends_with_its_metrics(tmp_path):
    run(tmp_path)
    console = terminal()
    report = RunReport(console)
    with Quiet(console) as hush:
        runner = small_runner(tmp_path / 'x')
        tested = dict(
            test_dataloader=dict(runner._val_dataloader),
            test_cfg=dict(),
            test_evaluator=[type(runner._val_evaluator[0])((0.123456, 1234.5))],
        )
        runner = small_runner(
            tmp_path, kind=hush.runner(report), load_from=str(tmp_path / 'epoch_2.pth'), **tested
        )
        runner.test_evaluator.metrics[0].runner = type('Runner', (), dict(epoch=1))
        runner.test()
    out = text(console)
    assert f'weights     {tmp_path}/epoch_2.pth' in out and 'metrics     Scores' in out
    assert re.search(r'Tested in 0:00:\d\d\n  toy/AP  0.123\n  next    mim run mmpose_sdpose', out)


class Interrupt(Hook):
    def __init__(self, step: int) -> None:
        self.step = step

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.step:
            raise KeyboardInterrupt


def interrupted(folder: Path, step: int, **options) -> RunReport:
    """What reports of a training of four epochs that Ctrl-C ends before a step."""
    report = RunReport(terminal())
    with Quiet(report.console) as hush, pytest.raises(KeyboardInterrupt):
        small_runner(folder, [Interrupt(step)], kind=hush.runner(report), **options).train()
    return report


def test_an_interrupted_training_says_how_to_go_on(tmp_path):
    report = interrupted(tmp_path, 3)
    assert report.interrupted() == (
        f'stopped at step 3 of 8; --resume goes on from {tmp_path}/epoch_1.pth'
    )
    (tmp_path / 'epoch_1.pth').unlink()
    assert report.interrupted().endswith('nothing was saved yet')
    assert RunReport(terminal()).interrupted() == 'stopped'


def test_checkpoints_of_an_earlier_training_are_not_this_ones(tmp_path):
    run(tmp_path, scores=[0.5] * 5)
    report = interrupted(tmp_path, 1)
    beside = 'beside checkpoints of an earlier training (newest: epoch_5.pth)'
    assert f'  results in    {tmp_path}, {beside}' in text(report.console).splitlines()
    assert report.interrupted() == 'stopped at step 1 of 8; nothing was saved yet'
    own = interrupted(tmp_path, 3).interrupted()
    assert own == f'stopped at step 3 of 8; --resume goes on from {tmp_path}/epoch_1.pth'


def test_a_resumed_training_goes_on_from_where_it_did(tmp_path):
    run(tmp_path / 'first', scores=(0.5,))
    start = tmp_path / 'first/epoch_1.pth'
    options = dict(resume=True, load_from=str(start))
    said = interrupted(tmp_path / 'first', 2, **options).interrupted()
    assert said == f'stopped at step 2 of 8; --resume goes on from {start}'
    said = interrupted(tmp_path / 'second', 2, **options).interrupted()
    assert said == f'stopped at step 2 of 8; --resume {start} goes on from {start}'
    run(tmp_path / 'third', scores=[0.5] * 5)
    report = interrupted(tmp_path / 'third', 2, **options)
    assert f'--resume {start} goes on' in report.interrupted()
    assert 'beside checkpoints of an earlier training' in text(report.console)
    assert 'beside' not in text(interrupted(tmp_path / 'first', 2, **options).console)


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.usefixtures('no_pause_between_passes')
def test_a_complete_training_says_so(tmp_path, by_epoch):
    loop = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=2)
    options = {} if by_epoch else dict(train_cfg=loop)
    options['checkpoint'] = dict(by_epoch=by_epoch, interval=2)
    run(tmp_path, **options)
    out = run(tmp_path, dict(type='CheckpointGuardHook'), resume=True, **options)
    lines = [line for line in out.splitlines() if not line.startswith('warning')]  # MMEngine's
    done, key = ('2 of 2 epochs', 'max_epochs') if by_epoch else ('4 of 4 steps', 'max_iters')
    name = 'epoch_2' if by_epoch else 'iter_4'
    assert lines[0] == (
        f'The training in {tmp_path} is complete: {done}; train longer with '
        f'--cfg-options train_cfg.{key}=…'
    )
    assert f'  last checkpoint  {tmp_path}/{name}.pth' in lines
    assert not [line for line in lines if line.startswith(('Training', 'Trained'))]


class Talks(Hook):
    """Says what MMEngine, PyTorch, the COCO tools and a user's own code may say."""

    def before_train(self, runner):
        runner.logger.info('a matter of course')
        runner.logger.warning('"FileClient" will be deprecated in future.')
        runner.logger.warning('two boxes are empty')
        runner.logger.warning('first\nsecond\nthird\nfourth\nfifth')
        warnings.warn('use this\ninstead: deprecated', FutureWarning, stacklevel=1)
        warnings.warn('gamma is large', UserWarning, stacklevel=1)
        print_log('loaded from a file')
        COCO()
        sys.stdout.write('my own\n')


def test_the_log_has_what_the_terminal_has_not(tmp_path, capsys):
    out, file = run(tmp_path, Talks()), log(tmp_path)
    assert capsys.readouterr().out == 'my own\n'
    assert 'warning: two boxes are empty\n' in out
    assert f'warning: gamma is large ({__file__}:' in out
    for matter in (
        'a matter of course',
        'loaded from a file',
        'Hooks will be',
        'System environment',
    ):
        assert matter in file and matter not in out
    assert 'fifth' in file and 'fifth' not in out
    log_file = next(tmp_path.glob('*/*.log'))
    assert f'warning: first\nsecond\nthird\n(2 more lines in {log_file})\n' in out
    assert 'deprecated' not in out + file.replace('-Wno-deprecated', '').replace(
        '-DC10_NODEPRECATED', ''
    )


def test_other_processes_say_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_report, 'is_main_process', lambda: False)
    assert run(tmp_path, Warns(), is_first=False) == ''
    assert capsys.readouterr().err == ''


class Warns(Hook):
    def before_train(self, runner):
        warnings.warn('from another process', stacklevel=1)


def test_what_was_changed_is_put_back():
    before = warnings.showwarning
    with Quiet(terminal()):
        assert warnings.showwarning != before
        COCO()
    assert warnings.showwarning == before
    assert not hasattr(__import__('xtcocotools.coco').coco, 'print')


def test_a_terminal_has_a_bar_that_leaves_no_trace(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(run_report.time, 'monotonic', lambda: now[0])
    console = terminal(True)
    meter = Meter(console, 10, done=2)
    for done in (3, 4):
        now[0] += 10
        meter.step(done, 'epoch 1/2')
    assert meter.left == ', 0:01:00 left'
    meter.close()
    out = text(console)
    assert '4/10' in out and '0:01:00 left' in out and 'epoch 1/2' in out
    assert out.endswith('\x1b[2K')  # the line is wiped


def test_elsewhere_a_line_comes_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(run_report.time, 'monotonic', lambda: now[0])
    console = terminal()
    meter = Meter(console, 1000, period_s=60)
    for step in range(1, 1001):
        now[0] += 1
        meter.step(step, f'step {step}')
        if step == 100:
            meter.say('validated')
    lines = text(console).splitlines()
    assert lines[:4] == [
        'step 60, 0:15:40 left',
        'validated',
        'step 160, 0:14:00 left',
        'step 220, 0:13:00 left',
    ]
    assert len(lines) == 1 + 1 + 15
