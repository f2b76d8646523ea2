from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .pytorch_subject import open_config
from .subject import PEOPLE_OF_CLIP, CannotMeasure, Spec, TrainingOptions


def plan(
    sources: Sequence[str], batches: Sequence[int], common: Spec, all_cycles: bool = False
) -> list[Spec]:
    """What to measure: batch by batch, models in the order given, all cycles next to one.

    A training step with options has a plain one before it.

    Args:
        sources: Configs and ONNX files.
        batches: Batch sizes; of a clip, whose frames have a set number of people, none count.
        common: What all share; its source and batch are replaced.
        all_cycles: Add models of several cycles as the official code computes them.

    Raises:
        CannotMeasure: If ``all_cycles`` is on and no model has several, or a config cannot be read.
        FileNotFoundError: If there is no such config.
    """
    if common.scope == 'clip':
        batches = [PEOPLE_OF_CLIP]
    sources = [_with_suffix(source) for source in sources]
    cyclic = [source for source in sources if all_cycles and has_cycles(source)]
    if all_cycles and not cyclic:
        raise CannotMeasure('--all-cycles: none of these models has a second cycle')
    specs = []
    for batch in batches:
        for source in sources:
            specs.append(replace(common, source=source, batch=batch, training=TrainingOptions()))
            if common.training != TrainingOptions():
                specs.append(replace(common, source=source, batch=batch))
            if source in cyclic:
                specs.append(replace(specs[-1], all_cycles=True, fuse_conv_bn=False))
    return specs


def has_cycles(source: str) -> bool:
    """Whether a config's model passes its encoder more than once while training."""
    if source.endswith('.onnx'):
        return False
    model = open_config(source).model
    student = model.get('student', model)
    if isinstance(student, str):
        return has_cycles(student)
    return (student.get('head') or {}).get('num_cycles', 1) > 1


def _with_suffix(source: str) -> str:
    """MMEngine wants the names of MMPose's configs with ``.py``."""
    return f'{source}.py' if '::' in source and not source.endswith('.py') else source
