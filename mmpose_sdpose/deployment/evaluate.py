"""The AP of a graph: MMPose's data set, test pipeline, flip test, codec and metric around it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.models import TopdownPoseEstimator

#: Called with the number of people done and of all.
Progress = Callable[[int, int], None]


def evaluate(
    model: TopdownPoseEstimator, config: Config, progress: Progress | None = None
) -> dict[str, float]:
    """Metrics of an estimator on the test data of a config.

    Args:
        model: The estimator, or what :func:`~.graph_estimator.with_graph` made of it.
        config: Whose ``test_dataloader`` and ``test_evaluator`` are used.
        progress: What to tell how far it is.

    Raises:
        FileNotFoundError, ValueError: If the data is not there.
    """
    init_default_scope(config.get('default_scope', 'mmpose'))
    # In this process: small models wait for no worker, and the tool keeps the terminal.
    settings = dict(config.test_dataloader, num_workers=0, persistent_workers=False)
    loader = Runner.build_dataloader(settings)
    evaluator = Evaluator(config.test_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    total = len(loader.dataset)
    with torch.inference_mode():
        for number, batch in enumerate(loader, start=1):
            evaluator.process(data_samples=model.test_step(batch), data_batch=batch)
            if progress is not None:
                progress(min(number * loader.batch_size, total), total)
    return evaluator.evaluate(total)
