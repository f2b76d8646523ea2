from __future__ import annotations

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from sdpose_runtime.files import whole_file


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local files, written whole or not at all.

    A training that runs into a full disk then leaves no half checkpoint. For checkpoints:
    ``default_hooks.checkpoint.backend_args=dict(backend='atomic')``.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from mmpose_sdpose.engine import AtomicLocalBackend
        >>> path = Path(tempfile.mkdtemp(), 'weights.bin')
        >>> AtomicLocalBackend().put(b'whole', path)
        >>> path.read_bytes()
        b'whole'
    """

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        with whole_file(filepath) as file:
            file.write(obj)


# Named by config only; local paths without a backend keep MMEngine's own.
register_backend('atomic', AtomicLocalBackend, force=True)
