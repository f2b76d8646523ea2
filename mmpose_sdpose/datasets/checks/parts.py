"""Parts of a config, wherever a config has them."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from ...configs import read_config

#: Metrics that compare with a file of COCO's format.
COCO_METRICS = ('CocoMetric', 'CocoMetricWithInterval')


def type_name(settings: dict[str, Any]) -> str:
    """Name of the class that a part of a config names: as text, with a scope, or itself."""
    kind = settings.get('type', '')
    return kind.split('.')[-1] if isinstance(kind, str) else kind.__name__


def registered_in(registry: Registry | None) -> set[str]:
    """Names that a registry and those above it know."""
    names: set[str] = set()
    while registry is not None:
        names |= set(registry.module_dict)
        registry = registry.parent
    return names


def student_of(model: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What is trained or tested, and where the config has it; of a distillation, the student."""
    student = model.get('student')
    if isinstance(student, str):
        return f'model.student ({student}) model', read_config(student).model
    return ('model', model) if student is None else ('model.student', student)


def inner_datasets(dataset: dict[str, Any]) -> list[dict[str, Any]]:
    """Data sets that another one wraps."""
    inner = dataset.get('datasets') or dataset.get('dataset') or []
    return [inner] if isinstance(inner, dict) else list(inner)


def transforms_of(dataset: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a data set's pipeline, and of those that it wraps."""
    steps = list(dataset.get('pipeline') or [])
    for inner in inner_datasets(dataset):
        steps += transforms_of(inner)
    return [step for step in steps if isinstance(step, dict)]


def metrics_of(cfg: Config, stage: str) -> list[dict[str, Any]]:
    """The metrics of ``val`` or ``test``."""
    evaluator = cfg.get(f'{stage}_evaluator') or []
    if isinstance(evaluator, dict):
        evaluator = evaluator.get('metrics', [evaluator])
    return [metric for metric in evaluator if isinstance(metric, dict)]
