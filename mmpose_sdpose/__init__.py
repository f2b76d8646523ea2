"""SDPose and TokenPose for MMPose 1.x. Importing this package registers all its parts.

Where MMEngine is not installed, and where the program being run is the runtime, nothing is registered:
``mmpose_sdpose.runtime`` needs neither MMEngine nor MMPose nor PyTorch, and does not wait for them.
"""

from .compat import (
    allow_distributed_on_cpu,
    allow_mmengine_checkpoints,
    import_mmpose,
    is_check_run,
    is_runtime_run,
)
from .runtime_only import guard_mmpose_parts, is_installed
from .version import __version__

__all__ = ['__version__']

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
                f'{_CHECK} lists what is missing and how to mend it.'
            ) from error
        from mmengine.utils import digit_version

        if not digit_version(lowest) <= digit_version(found) < digit_version(limit):
            raise ImportError(
                f'mmpose_sdpose needs {name} >= {lowest} and < {limit}, but {found} is installed. '
                f'{_CHECK} shows the versions that work together.'
            )


if not is_installed('mmengine'):
    guard_mmpose_parts(__name__, f'{_CHECK} lists what is missing and how to mend it.')
elif not is_check_run() and not is_runtime_run():
    _check_versions()
    allow_mmengine_checkpoints()
    allow_distributed_on_cpu()
    import_mmpose()
    from . import datasets, engine, models  # noqa: F401
