from __future__ import annotations

import warnings

from mmengine.logging import MMLogger

from ..evaluation.complexity import Complexity
from .onnx_subject import build_onnx_subject, cost_of_file
from .pytorch_subject import build_pytorch_subject, cost_of_config
from .subject import CannotMeasure, Spec, Subject
from .training_subject import build_training_subject


def build_subject(spec: Spec) -> Subject:
    """Build what a spec describes.

    Raises:
        CannotMeasure: If it cannot be built here, or not be run so.
        FileNotFoundError: If its config or file is not there.
    """
    if spec.scope == 'training':
        if spec.is_onnx:
            raise CannotMeasure(f'{spec.source} is an ONNX file, which cannot be trained')
        return build_training_subject(spec)
    if spec.scope == 'clip':
        # Here, because it needs ONNX Runtime at once.
        from .clip_subject import build_clip_subject

        return build_clip_subject(spec)
    if spec.is_onnx:
        return build_onnx_subject(spec)
    return build_pytorch_subject(spec)


def cost_of(spec: Spec) -> tuple[Complexity | None, list[str]]:
    """Cost of one image and one pass of the network, and if it is not known, why.

    Raises:
        CannotMeasure, FileNotFoundError: As :func:`build_subject`.
    """
    if spec.is_onnx:
        return cost_of_file(spec)
    return cost_of_config(spec.source, spec.all_cycles), []


def be_quiet() -> None:
    """Keep back what MMEngine and MMPose remark while they build models.

    Where one of their configs names a package that is not there, a note of the subject says so.
    """
    MMLogger.get_current_instance().setLevel('ERROR')
    warnings.filterwarnings('ignore', module='mmpose')
