"""What the models of the index cost, measured from their configs."""

from __future__ import annotations

import json
from pathlib import Path

from mmpose_sdpose.configs import build_model
from mmpose_sdpose.evaluation.complexity import measure_complexity

from mmengine.config import Config
from model_index import Entry

# What a head has for training alone: without it, an SDPose is the TokenPose it is at test time.
_FOR_TRAINING = (
    'num_cycles',
    'cycle_weights',
    'keypoint_token_loss',
    'visual_token_loss',
    'attention_loss',
)


class CostMeter:
    """Measures the cost of each network once, however many configs train it.

    Args:
        root: The checkout that the entries' configs are in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, tuple[float, ...]] = {}

    def measure(self, entry: Entry) -> tuple[float, ...]:
        """Cost in the units of ``MEASURED``, to three decimals.

        Raises:
            ValueError: If the config does not do what its name says.
        """
        # A variant in training is the plain config's network.
        plain = (self.root / entry.config).with_name(f'{entry.plain_name}.py')
        path = plain if plain.is_file() else self.root / entry.config
        if str(path) not in self.known:
            self.known[str(path)] = self._measure(entry, Config.fromfile(path))
        return self.known[str(path)]

    def _measure(self, entry: Entry, cfg: Config) -> tuple[float, ...]:
        _check_name(entry, cfg)
        height, width = map(int, entry.size.split('x'))
        network = f'{height}x{width} {_network(cfg)}'
        if network not in self.known:
            cost = measure_complexity(build_model(cfg), (width, height))
            counts = (
                cost.params / 1e6,
                cost.published_flops / 1e9,
                cost.flops_with_attention / 1e9,
            )
            self.known[network] = tuple(round(count, 3) for count in counts)
        return self.known[network]


def _network(cfg: Config) -> str:
    """What of a config decides the cost, as text."""
    model = cfg.model.get('student', cfg.model).to_dict()
    parts = {name: model.get(name) for name in ('backbone', 'neck', 'head')}
    parts['head'] = {key: parts['head'][key] for key in parts['head'] if key not in _FOR_TRAINING}
    return json.dumps(parts, sort_keys=True, default=str)


def _check_name(entry: Entry, cfg: Config) -> None:
    width, height = cfg.codec.input_size
    batch, epochs = cfg.train_dataloader.batch_size, cfg.train_cfg.max_epochs
    for part in (f'xb{batch}-{epochs}e_', f'-{height}x{width}'):
        if part not in entry.name:
            raise ValueError(f'{entry.name}: by its config its name should have {part!r} in it')
