"""Hands a command line over to one of MMPose's own scripts, so that all its options work."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def run_mmpose_script(name: str) -> None:
    """Run ``train.py`` or ``test.py`` of the installed MMPose with this process' arguments.

    Raises:
        FileNotFoundError: If the installed MMPose does not carry the script.
    """
    import mmpose_sdpose  # noqa: F401, I001  registers the package; makes MMPose importable
    import mmpose

    package = Path(mmpose.__file__).parent
    # A wheel keeps the scripts in .mim; a source checkout has them beside the package.
    candidates = [package / '.mim' / 'tools' / name, package.parent / 'tools' / name]
    script = next((path for path in candidates if path.is_file()), None)
    if script is None:
        raise FileNotFoundError(
            f'MMPose in {package} has no tools/{name}: install MMPose 1.3 as a wheel'
        )
    sys.argv[0] = str(script)
    runpy.run_path(str(script), run_name='__main__')
