"""What the package is where MMEngine is not installed: :mod:`mmpose_sdpose.runtime`, and nothing else.

Nothing can be registered there, so importing the package registers nothing and raises nothing.
Whoever then imports a part that needs MMPose is told so, instead of meeting a bare
ModuleNotFoundError somewhere inside it. This module needs the standard library only.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

#: What works without MMEngine; a part's own modules work where the part does.
WORKS_ALONE = ('runtime', 'runtime_only', 'onnx_entry', 'side_colours', 'compat', 'version')
#: Parts of which some modules work without MMEngine.
WORKS_IN_PART = {'tools': ('check',), 'utils': ('files',)}


def is_installed(name: str) -> bool:
    """Whether a package can be found, without importing it."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # a finder refuses it; blocked in sys.modules
        return False


def works_alone(name: str) -> bool:
    """Whether a module of this package (``mmpose_sdpose.part.module``) works without MMEngine."""
    part, *rest = name.split('.')[1:]
    if part in WORKS_IN_PART:
        return not rest or rest[0] in WORKS_IN_PART[part]
    return part in WORKS_ALONE


class MMPosePartsGuard(MetaPathFinder):
    """Answers the import of a part that needs MMPose with what is missing and how to mend it.

    Args:
        package: Name of this package.
        advice: How the user finds out what to install.
    """

    def __init__(self, package: str, advice: str) -> None:
        self.package = package
        self.advice = advice

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Find nothing; refuse what cannot work.

        Raises:
            ImportError: If the module belongs to the package and needs MMPose.
        """
        if name.startswith(f'{self.package}.') and not works_alone(name):
            raise ImportError(
                f'{name} needs MMEngine and MMPose, and MMEngine is not installed: only '
                f'{self.package}.runtime works here. {self.advice}',
                name=name,
            )


def guard_mmpose_parts(package: str, advice: str) -> None:
    """Let imports of what needs MMPose fail with a sentence that helps."""
    sys.meta_path.insert(0, MMPosePartsGuard(package, advice))
