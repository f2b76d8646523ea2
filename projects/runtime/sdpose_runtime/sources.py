"""Images, folders, videos and cameras, as one stream of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import cv2
import numpy as np

IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg')
#: Frames a second where a video or camera does not say.
DEFAULT_FPS = 30.0


@dataclass(frozen=True)
class Frame:
    """One image to look at.

    Args:
        name: File name of the image or video.
        image: (H, W, 3), BGR, uint8; None if it could not be read.
        index: Number of the frame in its video, from 0; None for an image.
        seconds: Its time in the video.
        error: Why there is no image.
    """

    name: str
    image: np.ndarray | None
    index: int | None = None
    seconds: float = 0.0
    error: str = ''

    def __str__(self) -> str:
        return self.name if self.index is None else f'{self.name}, frame {self.index}'


class ImageFile:
    """One image: a stream of one frame."""

    is_video = is_camera = False
    count = 1

    def __init__(self, path: Path) -> None:
        self.path = path
        self.output_name = path.name

    def frames(self) -> Iterator[Frame]:
        try:
            data = np.frombuffer(self.path.read_bytes(), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
            error = '' if image is not None else 'no image that OpenCV can read'
        except (OSError, cv2.error) as problem:
            image, error = None, str(problem)
        yield Frame(self.path.name, image, error=error)


class Video:
    """A video file, or a camera by its number."""

    is_video = True

    def __init__(self, source: Path | int) -> None:
        self.is_camera = isinstance(source, int)
        self.path = None if self.is_camera else source
        self.name = f'camera{source}' if self.is_camera else source.name
        self.output_name = f'{Path(self.name).stem}.mp4'
        self._capture = cv2.VideoCapture(source if self.is_camera else str(source))
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < 1000 else DEFAULT_FPS  # 0, NaN or a time base: unknown
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if count > 0 and not self.is_camera else None

    def frames(self) -> Iterator[Frame]:
        if not self._capture.isOpened():
            kind = 'there is no such camera' if self.is_camera else 'no video that OpenCV can read'
            yield Frame(self.name, None, error=kind)
            return
        index = 0
        while self._capture.grab():
            decoded, image = self._capture.retrieve()
            error = '' if decoded else 'a frame that cannot be decoded'
            yield Frame(self.name, image if decoded else None, index, index / self.fps, error)
            index += 1
        self._capture.release()
        # Headers are often a frame or two out; more than that is a video cut short.
        if self.count and index < 0.9 * self.count:
            error = f'the video ends here, though its header says {self.count} frames'
            yield Frame(self.name, None, index, index / self.fps, error)


Source = Union[ImageFile, Video]


def open_sources(inputs: Sequence[str]) -> list[Source]:
    """What the inputs of the command line are: files, folders of images, cameras by number.

    Raises:
        FileNotFoundError: If there is no such file, or no image in a folder.
        ValueError: If a file is neither image nor video by its suffix.
    """
    return [source for name in inputs for source in _open(name)]


def _open(name: str) -> list[Source]:
    path = Path(name)
    if path.is_dir():
        images = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGES)
        if not images:
            raise FileNotFoundError(f'no images in the folder {path} ({", ".join(IMAGES)})')
        return [ImageFile(image) for image in images]
    if name.isdigit() and not path.exists():
        return [Video(int(name))]
    if not path.is_file():
        raise FileNotFoundError(f'no file or folder {path}')
    if path.suffix.lower() in IMAGES:
        return [ImageFile(path)]
    if path.suffix.lower() in VIDEOS:
        return [Video(path)]
    raise ValueError(
        f'{path} is neither image ({", ".join(IMAGES)}) nor video ({", ".join(VIDEOS)})'
    )
