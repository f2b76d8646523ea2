"""A study of two arms on the package's small models, for tests."""

from __future__ import annotations

from pathlib import Path

from projects.studies import study as study_module
from projects.studies.study import Arm, Scale, Study

RECIPE = str(Path(study_module.__file__).parent / 'configs/_base_/recipe_micro_synthpose-96x64.py')
SDPOSE_N = 'td-hm_sdpose-n_2xb16-16e_synthpose-128x96'
HEATMAPS_N = 'td-hm_res18-thin_2xb16-16e_synthpose-128x96'
DISTILLED_N = 'td-reg_distilpose-n_distill-sdpose-n_2xb16-16e_synthpose-128x96'

SCALE = Scale(
    'micro',
    'tiny',
    dict(sdpose=dict(config=SDPOSE_N), distilled=dict(config=DISTILLED_N)),
    recipe=RECIPE,
)


def study(*arms: Arm) -> Study:
    return Study('made_up', 'Made up', 'Is it?', arms, dict(micro=SCALE))


def arm(name: str, model: str = 'sdpose', **options) -> Arm:
    return Arm(name, name, model, {key.replace('__', '.'): value for key, value in options.items()})


FILE = f"""
title = 'Made up'
question = 'Is it?'
scales = dict(
    micro=dict(
        about='tiny',
        recipe={RECIPE!r},
        models=dict(sdpose=dict(config={SDPOSE_N!r})),
        options={{
            'train_dataloader.batch_size': 8,
            'train_cfg.max_epochs': 1,
            'train_cfg.val_interval': 1,
            'param_scheduler': [],
        }},
        seeds=2,
    ),
)
runs = dict(
    good=dict(label='1 cycle', model='sdpose', options={{'model.head.num_cycles': 1}}),
    bad=dict(label='no cycle', model='sdpose', options={{'model.head.num_cycles': 0}}),
    after_bad=dict(label='later', model='sdpose', options=dict(load_from='run:bad')),
)
"""


def write_study(folder: Path) -> Path:
    path = folder / 'made_up.py'
    path.write_text(FILE)
    return path
