from __future__ import annotations

from pathlib import Path

from mmpose.models import TopdownPoseEstimator

from ..checkpoint import fetch_state_dict, list_misfits
from ..configs import build_model
from .packages import ExportNotPossible

#: Parts of a head that only training uses: a checkpoint may have them, or not.
_TRAINING_ONLY = ('head.loss_module.', 'head.score_loss.', 'head.between_cycles.')


def load_model(config: str | Path, checkpoint: str) -> TopdownPoseEstimator:
    """The model of a config (of a distillation: the student) with the weights of a checkpoint.

    What a checkpoint has beside the model (a distiller's losses, say) is left aside; another depth or
    another head is not.

    Raises:
        FileNotFoundError: If the config or the checkpoint is not there.
        ValueError: If the checkpoint cannot be read.
        ExportNotPossible: If the checkpoint is of another model, or the model is no top-down estimator.
    """
    weights = fetch_state_dict(checkpoint)
    model = build_model(config)
    if not isinstance(model, TopdownPoseEstimator):
        raise ExportNotPossible(f'{config} is a {type(model).__name__}, no TopdownPoseEstimator')
    expected = {
        key: value
        for key, value in model.state_dict().items()
        if not key.startswith(_TRAINING_ONLY)
    }
    misfits = list_misfits(weights, expected)
    misfits += [f'{key}: not in the model' for key in weights if _is_foreign(key, expected)]
    if misfits:
        raise ExportNotPossible(
            f'{checkpoint} is of another model than {config}: {len(misfits)} weights do not fit, the '
            f'first is {misfits[0]}. Use the config that the checkpoint was trained with'
        )
    model.load_state_dict(weights, strict=False)
    return model.eval()


def _is_foreign(key: str, expected: dict) -> bool:
    """Whether an entry belongs to a backbone or head that the model does not have."""
    if key in expected or key.startswith(_TRAINING_ONLY):
        return False
    return key.startswith(('backbone.', 'neck.', 'head.'))
