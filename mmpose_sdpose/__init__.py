"""SDPose, LADPose, TokenPose and DistilPose for MMPose 1.x; importing this registers their parts."""

from .compat import (
    allow_distributed_on_cpu,
    allow_mmengine_checkpoints,
    honour_compute_acc,
    import_mmpose,
    needs_nothing,
    refuse_config_in_checkpoint,
)
from .version import __version__

__all__ = ['__version__', 'register']

_CHECK = f'`python {__file__[: -len("__init__.py")]}tools/check.py`'
_SUPPORTED = {'mmengine': ('0.10.0', '1.0.0'), 'mmpose': ('1.3.0', '2.0.0')}


def _check_versions() -> None:
    """Raise an ImportError that says what to do, instead of failing somewhere inside MMPose."""
    from importlib import import_module

    for name, (lowest, limit) in _SUPPORTED.items():
        try:
            found = import_module(name).__version__
        except ImportError as error:
            raise ImportError(
                f'mmpose_sdpose needs {name} {lowest} or later, whose import failed with: {error}. '
                f'{_CHECK} lists what is missing and how to mend it. (Exported models run without: '
                '`import sdpose_runtime`.)'
            ) from error
        from mmengine.utils import digit_version

        if not digit_version(lowest) <= digit_version(found) < digit_version(limit):
            raise ImportError(
                f'mmpose_sdpose needs {name} >= {lowest} and < {limit}, but {found} is installed. '
                f'{_CHECK} shows the versions that work together.'
            )


def register() -> None:
    """Make MMPose importable and register all parts of the package.

    Raises:
        ImportError: If MMPose or MMEngine is missing or of another version; says what to do.
    """
    _check_versions()
    allow_mmengine_checkpoints()
    allow_distributed_on_cpu()
    refuse_config_in_checkpoint()
    import_mmpose()
    honour_compute_acc()
    from . import datasets, engine, evaluation, models  # noqa: F401


if not needs_nothing():
    register()
