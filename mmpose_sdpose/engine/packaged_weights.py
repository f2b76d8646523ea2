from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader

from ..checkpoint import PACKAGED, read_checkpoint

WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'


@CheckpointLoader.register_scheme(prefixes=PACKAGED)
def load_from_package(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Weights that come with the package: ``mmpose_sdpose://NAME.pth`` wherever a checkpoint goes.

    MMEngine prints what follows ``load_from_`` in this name: "by package backend".

    Raises:
        FileNotFoundError: As :func:`packaged_weights`.
    """
    return read_checkpoint(packaged_weights(filename))


def packaged_weights(filename: str) -> Path:
    """The file of ``mmpose_sdpose://NAME.pth``.

    Raises:
        FileNotFoundError: If the package has no weights of that name; lists those it has.
    """
    path = WEIGHTS / filename[len(PACKAGED) :]
    if not path.is_file():
        names = ', '.join(sorted(file.name for file in WEIGHTS.glob('*.pth'))) or 'none'
        raise FileNotFoundError(f'no weights {filename}: the package has {names}')
    return path
