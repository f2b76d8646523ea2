from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from sdpose_runtime.files import whole_file


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's CheckpointHook in an order that loses nothing, whenever a training is ended.

    MMEngine deletes an old checkpoint before it writes the new one. Here the new file is written
    first, then ``last_checkpoint`` points at it, then the old one goes; the same for the best one.
    With ``backend_args=dict(backend='atomic')`` a file has its name only once it is whole.

    Takes the arguments of MMEngine's hook.

    Examples:
        >>> from mmpose.registry import HOOKS
        >>> hook = HOOKS.build(
        ...     dict(
        ...         type='SafeCheckpointHook',
        ...         interval=10,
        ...         max_keep_ckpts=1,
        ...         backend_args=dict(backend='atomic'),
        ...     )
        ... )
        >>> hook.interval
        10
    """

    file_backend: Any

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        self.file_backend = _RemovesLater(self.file_backend)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        """Write, point, remove."""
        name = self.filename_tmpl.format(step)
        outdated = self._outdated_by(step)
        if self.max_keep_ckpts > 0:
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            with whole_file(os.path.join(runner.work_dir, 'last_checkpoint')) as file:
                file.write(self.last_ckpt.encode())
            for old in outdated:
                self.file_backend.remove(self.file_backend.join_path(self.out_dir, old))
            self._remove_outdated()

    def _outdated_by(self, step: int) -> list[str]:
        """Names of the checkpoints that are not kept beside the one of this step."""
        if self.max_keep_ckpts <= 0:
            return []
        kept = [*(old for old in self.keep_ckpt_ids if old != step), step]
        outdated = kept[: -self.max_keep_ckpts]
        self.keep_ckpt_ids.clear()
        self.keep_ckpt_ids.extend(kept[-self.max_keep_ckpts :])
        return [self.filename_tmpl.format(old) for old in outdated]

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        super()._save_best_checkpoint(runner, metrics)
        if is_main_process():
            self._remove_outdated()

    def _remove_outdated(self) -> None:
        best = getattr(self, 'best_ckpt_path_dict', {}).values()
        in_use = {self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best}
        self.file_backend.remove_now(in_use)


class _RemovesLater:
    """A file backend of MMEngine that removes files only once it is told to."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.later: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def remove(self, path: str) -> None:
        self.later.append(path)

    rmtree = remove

    def remove_now(self, but: Collection[str | None]) -> None:
        outdated, self.later = [path for path in self.later if path not in but], []
        for path in outdated:
            if self.backend.isfile(path):
                self.backend.remove(path)
            elif self.backend.isdir(path):  # as DeepSpeed saves
                self.backend.rmtree(path)
