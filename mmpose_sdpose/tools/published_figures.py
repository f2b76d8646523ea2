"""The data sets AP were published on, what the model index says, and a copy with what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmpose_sdpose.configs import configs_dir

import yaml


@dataclass(frozen=True)
class DataSet:
    """A data set on which AP were published, laid out as MMPose says.

    Args:
        name: What the model index calls it.
        part: The part that is tested on.
        scale: How much that is, and which detected boxes go with it.
        annotations: Its file in the data set's folder.
        boxes: The file of detected boxes there.
        source: Where MMPose says how to get all of it.
        metrics: The figures that are shown, as the metric calls them.
    """

    name: str
    part: str
    scale: str
    annotations: str
    boxes: str
    source: str
    metrics: tuple[str, ...]

    def figures(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The figures to show, of all that a test returned."""
        return {name: metrics[f'{self.name.lower()}/{name}'] for name in self.metrics}


_GUIDE = 'https://mmpose.readthedocs.io/en/latest/dataset_zoo/2d_body_keypoint.html'
COCO = DataSet(
    name='COCO',
    part='val',
    scale='val2017, 5,000 images, with the detections of 56.4 AP',
    annotations='annotations/person_keypoints_val2017.json',
    boxes='person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
    source=f'{_GUIDE}#coco',
    metrics=('AP',),
)
CROWDPOSE = DataSet(
    name='CrowdPose',
    part='test',
    scale='test, 8,000 images, with detected boxes',
    annotations='annotations/mmpose_crowdpose_test.json',
    boxes='annotations/det_for_crowd_test_0.1_0.5.json',
    source=f'{_GUIDE}#crowdpose',
    metrics=('AP', 'AP(E)', 'AP(M)', 'AP(H)'),
)
DATA_SETS = (COCO, CROWDPOSE)


@dataclass(frozen=True)
class Published:
    """What the model index says of a model.

    Args:
        metafile: The file of the index.
        entry: The name whose results the figures are.
        architecture: Its name in the tables.
        data: The training data, on whose test part it is measured.
        values: The published figures by metric (``AP``, ``AP(E)``); none if nobody published any.
    """

    metafile: Path
    entry: str
    architecture: str
    data: str
    values: Mapping[str, float]


@cache
def published(config: Path) -> Published:
    """What the index says of a config's model; of a student, the figures that its distillation has."""
    metafile = configs_dir() / 'body_2d_keypoint' / config.parents[1].name / 'metafile.yml'
    models = yaml.safe_load(metafile.read_text(encoding='utf-8'))['Models']
    own = next(model for model in models if model['Name'] == config.stem)
    kin = [
        model
        for model in models
        if all(
            model['Metadata'][key] == own['Metadata'][key]
            for key in ('Architecture', 'Training Data')
        )
    ]
    figures = {model['Name']: _published_values(model) for model in [own, *kin]}
    entry = next((name for name, values in figures.items() if values), config.stem)
    architecture, data = own['Metadata']['Architecture'], own['Metadata']['Training Data']
    return Published(metafile, entry, architecture, data, figures[entry])


def _published_values(model: dict) -> dict[str, float]:
    return {
        name.removesuffix(' published'): value
        for result in model.get('Results') or []
        for name, value in (result.get('Metrics') or {}).items()
        if name.endswith(' published')
    }


def add_result(
    text: str, name: str, data: str, values: Mapping[str, float], remarks: Mapping[str, str]
) -> str:
    """A metafile with one result more; all else stays as it is.

    Args:
        text: The metafile.
        name: The model's.
        data: The data set that it was measured on.
        values: What was measured, by metric.
        remarks: What else its result says, as the command.
    """
    lines = text.splitlines()
    start = lines.index(f'  - Name: {name}')
    after = (i for i in range(start + 1, len(lines)) if not lines[i].startswith('    '))
    end = next(after, len(lines))
    result = [
        '      - Task: Body 2D Keypoint',
        f'        Dataset: {data}',
        '        Metrics:',
        *(f'          {metric} measured: {value:.3f}' for metric, value in values.items()),
        *(
            f'        {key}: {json.dumps(text, ensure_ascii=False)}'
            for key, text in remarks.items()
        ),
    ]
    if '    Results:' not in lines[start:end]:
        result.insert(0, '    Results:')
    return '\n'.join([*lines[:end], *result, *lines[end:]]) + '\n'
