from __future__ import annotations

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmpose.evaluation import CocoMetric
from mmpose.registry import HOOKS

from ...datasets.checks import check_data, raise_errors


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Look at the data of a run once MMPose has loaded it, and pass over whom the metric cannot compare.

    ``mim train mmpose_sdpose`` and ``mim test mmpose_sdpose`` look before MMPose loads anything; this
    is for runs through MMPose's own scripts. Warnings go into the log.

    Raises:
        DataError: From the run, if it would fail, or learn or measure something else than was meant.

    Examples:
        >>> from mmpose_sdpose.configs import read_config
        >>> config = read_config('mmpose::_base_/default_runtime.py')
        >>> config.custom_hooks.append(dict(type='CheckDataHook'))  # for any config of MMPose's
    """

    def before_run(self, runner: Runner) -> None:
        if not is_main_process():
            return
        loops = dict(train=runner._train_loop, val=runner._val_loop, test=runner._test_loop)
        # Loops that do not run are still config dicts.
        stages = [stage for stage, loop in loops.items() if isinstance(loop, BaseLoop)]
        findings = check_data(runner.cfg, stages)
        for finding in findings:
            if not finding.fatal:
                runner.logger.warning(finding.text)
        raise_errors(findings)

    def before_val(self, runner: Runner) -> None:
        _pass_over(runner, runner.val_evaluator.metrics)

    def before_test(self, runner: Runner) -> None:
        _pass_over(runner, runner.test_evaluator.metrics)


def _pass_over(runner: Runner, metrics: list) -> None:
    """Take people out of MMPose's COCO metric who have no box or no keypoints: it fails on them."""
    for metric in metrics:
        coco = metric.coco if isinstance(metric, CocoMetric) else None
        if not coco:
            continue
        people = coco.dataset.get('annotations', [])
        whole = [person for person in people if 'bbox' in person and 'keypoints' in person]
        if len(whole) < len(people):
            coco.dataset['annotations'] = whole
            coco.createIndex()
            left_out = len(people) - len(whole)
            runner.logger.warning(
                f'the metric passes over {left_out} people without bbox or keypoints'
            )
