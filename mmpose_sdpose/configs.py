"""Where the package's configs are: beside the package in a checkout, in ``.mim`` once installed."""

from __future__ import annotations

import re
import warnings
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS
from torch import nn

_PACKAGE = Path(__file__).resolve().parent


def configs_dir() -> Path:
    """The folder ``configs`` of this package.

    Raises:
        FileNotFoundError: If the package was installed without it.
    """
    for folder in (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs'):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f'no configs in {_PACKAGE}: install the package with pip')


def model_configs() -> list[Path]:
    """Every config of a model, without the bases."""
    return sorted(
        path
        for family in configs_dir().iterdir()
        if family.is_dir() and family.name != '_base_'
        for path in family.rglob('*.py')
    )


def plain_configs() -> list[Path]:
    """Model configs without the variants that only train or test the same model in another way."""
    plain = re.compile(r'td-(hm|reg|simcc)(_[^_]+){3}')
    return [path for path in model_configs() if plain.fullmatch(path.stem)]


def configs_of(method: str, data: str) -> list[Path]:
    """The plain configs of a method (``sdpose``, …) for a data set (``coco``, …)."""
    folder = configs_dir() / 'body_2d_keypoint' / method / data
    return [path for path in plain_configs() if path.parent == folder]


def find_config(name: str | Path) -> Path:
    """A config by its path, or by its file name among the package's own (``.py`` may be left out).

    Raises:
        FileNotFoundError: If there is none; names those that come close.
    """
    if Path(name).is_file():
        return Path(name)
    wanted = str(name).removesuffix('.py')
    configs = {path.stem: path for path in model_configs()}
    if wanted in configs:
        return configs[wanted]
    near = get_close_matches(Path(wanted).name, configs, n=3, cutoff=0)
    raise FileNotFoundError(
        f'no config {name}: neither a file nor one of the {len(configs)} of this package, the nearest '
        f'are {", ".join(near)}'
    )


def read_config(name: str | Path) -> Config:
    """A config by its path, its file name among ours, or as ``mmpose::PATH`` among MMPose's.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it cannot be read.
    """
    return get_config(name) if '::' in str(name) else load_config(find_config(name))


def load_config(path: str | Path) -> Config:
    """A config file.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is code, which raises what it likes
        raise ValueError(
            f'{path} is no config that can be read: {type(error).__name__}: {error}'
        ) from error


def build_model(config: str | Path | Config) -> nn.Module:
    """The model of a config (of a distillation: the student) from random weights, not from a URL.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If it has no model, or one whose arguments do not fit.
    """
    cfg = deepcopy(config) if isinstance(config, Config) else read_config(config)
    if 'model' not in cfg:
        raise ValueError(f'{cfg.filename or "the config"} has no model')
    model = cfg.model.get('student', cfg.model)
    if isinstance(model, str):
        return build_model(model)
    model.get('backbone', {}).pop('init_cfg', None)
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    try:
        return MODELS.build(model)
    except TypeError as error:  # an argument that nobody knows, or of another type
        raise ValueError(f'the model cannot be built: {error}') from error


def input_size(config: str | Path) -> tuple[int, int]:
    """Width and height of a config's input, in pixels.

    Raises:
        KeyError: If the config names no codec with an input size.
    """
    cfg = read_config(config)
    head = (cfg.get('model') or {}).get('head') or {}
    codec = cfg.get('codec') or head.get('decoder') or {}
    codec = codec[0] if isinstance(codec, list) else codec  # of several levels
    if 'input_size' not in codec:
        raise KeyError(f'{config} has no codec with an input_size')
    return tuple(codec['input_size'])


def read_metainfo(config: Config) -> dict[str, Any]:
    """Keypoint names, skeleton and more of the data that a config tests on.

    Raises:
        ValueError: If it names no test data.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # MMPose says that it found a file where it always is
        metainfo = dataset_meta_from_config(config, 'test')
    if metainfo is None:
        raise ValueError('the config has no test_dataloader.dataset, which names the keypoints')
    return metainfo


def keypoint_names(metainfo: dict[str, Any]) -> list[str]:
    """Names of the keypoints of a data set by its parsed metainfo, in order."""
    return [metainfo['keypoint_id2name'][index] for index in range(metainfo['num_keypoints'])]


def keypoint_names_of(data: str) -> list[str]:
    """Names of the keypoints of a data set that MMPose describes, in its order.

    Args:
        data: ``coco``, ``crowdpose``, … as MMPose calls it.
    """
    keypoints = get_config(f'mmpose::_base_/datasets/{data}.py').dataset_info.keypoint_info
    return [keypoints[index]['name'] for index in sorted(keypoints, key=int)]
