from __future__ import annotations

from pathlib import Path

from mmpose.models import TopdownPoseEstimator

from ..checkpoint import load_weights
from ..configs import build_model
from .packages import ExportNotPossible


def load_model(config: str | Path, checkpoint: str) -> TopdownPoseEstimator:
    """The model of a config (of a distillation: the student) with the weights of a checkpoint.

    What a checkpoint has beside the model (a distiller's losses, say) is left aside; another depth or
    another head is not.

    Raises:
        FileNotFoundError: If the config or the checkpoint is not there.
        ValueError: If the checkpoint cannot be read or is of another model.
        ExportNotPossible: If the model is no top-down estimator.
    """
    model = build_model(config)
    if not isinstance(model, TopdownPoseEstimator):
        raise ExportNotPossible(f'{config} is a {type(model).__name__}, no TopdownPoseEstimator')
    load_weights(model, checkpoint)
    return model.eval()
