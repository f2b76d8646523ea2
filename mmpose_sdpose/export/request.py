from __future__ import annotations

from dataclasses import dataclass

from sdpose_runtime.metadata_format import PIXELS

from .network import Network

#: What is given to runtimes that read SimCC; the entry's word for it, which our runtime does not read.
SIMCC = 'simcc'


@dataclass(frozen=True)
class Request:
    """What is to be exported, and how.

    Args:
        config: Path or name of the config.
        checkpoint: File, URL or ``mmpose_sdpose://NAME.pth``.
        precision: 'fp32', 'fp16' or 'int8'.
        calibration: For 'int8': a folder of images, or a config that names training data.
        calibration_images: At most so many of them.
        batch: Images in one run; None: any number.
        opset: Version of the operators.
        decode: Whether the graph gives keypoints in pixels of the input.
        simcc: Bins to a pixel of SimCC outputs; None for none.
    """

    config: str
    checkpoint: str
    precision: str = 'fp32'
    calibration: str | None = None
    calibration_images: int = 64
    batch: int | None = 1
    opset: int = 18
    decode: bool = False
    simcc: float | None = None

    @property
    def decodes(self) -> bool:
        return self.decode or self.simcc is not None

    def output(self, network: Network) -> str:
        """What the file will give, in the words of its metadata."""
        if self.simcc is not None:
            return SIMCC
        return PIXELS if self.decode else network.output
