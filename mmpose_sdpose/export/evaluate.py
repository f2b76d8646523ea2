"""The AP of a graph: MMPose's data set, test pipeline, flip test, codec and metric around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.models import TopdownPoseEstimator
from torch.utils.data import DataLoader

#: Called with the number of people done and of all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PeopleToTest:
    """People to test on, and how they are evaluated."""

    loader: DataLoader
    evaluator: dict


def read_test_data(config: Config) -> PeopleToTest:
    """The ``test_dataloader`` and ``test_evaluator`` of a config.

    Raises:
        FileNotFoundError, ValueError: If the data is not there.
    """
    init_default_scope(config.get('default_scope', 'mmpose'))
    # In this process: small models wait for no worker, and the tool keeps the terminal.
    settings = dict(config.test_dataloader, num_workers=0, persistent_workers=False)
    return PeopleToTest(Runner.build_dataloader(settings), config.test_evaluator)


def evaluate(
    model: TopdownPoseEstimator, data: PeopleToTest, progress: Progress | None = None
) -> dict[str, float]:
    """Metrics of an estimator, or of what :func:`~.graph_estimator.with_graph` made of it.

    Args:
        model: In evaluation mode.
        data: What it is tested on.
        progress: What to tell how far it is.
    """
    evaluator, people = Evaluator(data.evaluator), data.loader.dataset
    evaluator.dataset_meta = people.metainfo
    with torch.inference_mode():
        for number, batch in enumerate(data.loader, start=1):
            evaluator.process(data_samples=model.test_step(batch), data_batch=batch)
            if progress is not None:
                progress(min(number * data.loader.batch_size, len(people)), len(people))
    return evaluator.evaluate(len(people))
