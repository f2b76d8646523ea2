"""Images, folders, videos, cameras and network streams, as one stream of frames."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union
from urllib.parse import urlsplit

import cv2
import numpy as np

logger = logging.getLogger(__name__)

IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg')
#: What OpenCV opens itself, with FFmpeg.
ADDRESS = re.compile(r'(rtsps?|rtmp|udp|https?)://', re.IGNORECASE)
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
        path: The image's file.
    """

    name: str
    image: np.ndarray | None
    index: int | None = None
    seconds: float = 0.0
    error: str = ''
    path: Path | None = None

    def __str__(self) -> str:
        return self.name if self.index is None else f'{self.name}, frame {self.index}'

    @property
    def pixels(self) -> np.ndarray:
        """The image, of a frame that must have one.

        Raises:
            ValueError: If it could not be read; says why.
        """
        if self.image is None:
            raise ValueError(self.error)
        return self.image

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image, pixels.

        Raises:
            ValueError: If it could not be read.
        """
        height, width = self.pixels.shape[:2]
        return width, height


def opencv_takes(path: Path | str | int) -> bool:
    """Whether OpenCV can be asked for a video of this name: of one that is not UTF-8 it crashes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


class ImageFile:
    """One image: a stream of one frame.

    Args:
        path: The file.
        name: What results and messages call it; None: its file name.
    """

    is_video = is_live = False
    count = 1

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = path
        self.name = name or path.name
        self.output_name = path.name

    def frames(self) -> Generator[Frame, None, None]:
        image = None
        try:
            data = np.frombuffer(self.path.read_bytes(), np.uint8)
            error = 'no image that OpenCV can read' if len(data) else 'the file is empty'
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
            if data[:4].tobytes() in _TIFF:
                _refuse_float_pixels(data)
            if image is not None and self._holds_several(data):
                logger.warning('%s holds several pictures: the first is used', self.name)
        except (OSError, MemoryError, ValueError, cv2.error) as problem:
            image, error = None, str(problem).strip() or type(problem).__name__
        yield Frame(self.name, image, error='' if image is not None else error, path=self.path)

    def _holds_several(self, data: np.ndarray) -> bool:
        """Whether there are further pictures in the file, which OpenCV passes over in silence."""
        head = data[:4096].tobytes()
        if head[:4] in _TIFF:
            return opencv_takes(self.path) and cv2.imcount(str(self.path.absolute())) > 1
        return (head[12:16] == b'VP8X' and bool(head[20] & _ANIMATED)) or b'acTL' in head


def _refuse_float_pixels(data: np.ndarray) -> None:
    """Of a TIFF's floating-point numbers OpenCV cuts off what is below 0 or above 1, or reads none.

    Raises:
        ValueError: If the pixels are such.
    """
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is not None and pixels.dtype.kind == 'f':
        raise ValueError(
            f'its pixels are {pixels.dtype} numbers, of which nobody knows what is white: save it '
            'with 8 or 16 bits'
        )


#: A TIFF's first bytes, and those of a BigTIFF.
_TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
#: Flag in a WebP's header.
_ANIMATED = 2


class Video:
    """A video file, a camera by its number, or a stream by its address.

    Args:
        source: Which.

    Attributes:
        is_live: Whether nobody knows when it ends.
        count: Frames that its header promises; None if it does not say.
        fps: Frames a second.
    """

    is_video = True

    def __init__(self, source: Path | int | str) -> None:
        self.path = source if isinstance(source, Path) else None
        self.is_live = self.path is None
        self.name = _name(source)
        has_suffix = Path(self.name).suffix.lower() in VIDEOS
        self.output_name = f'{Path(self.name).stem if has_suffix else self.name}.mp4'
        self.fps = DEFAULT_FPS
        self.count: int | None = None
        # A relative name with a colon would be an address to OpenCV.
        self._source = str(source.absolute()) if isinstance(source, Path) else source
        if self.path is not None:  # whoever answers live is asked when it is its turn
            self._open().release()

    def frames(self) -> Generator[Frame, None, None]:
        capture = self._open()
        try:
            if capture.isOpened():
                yield from self._read(capture)
            else:
                yield Frame(self.name, None, error=self._why_closed())
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        takes = opencv_takes(self._source)
        capture = cv2.VideoCapture(self._source) if takes else cv2.VideoCapture()
        fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.fps = fps if 0 < fps < 1000 else DEFAULT_FPS  # 0, NaN or a time base: unknown
        known = 0 < count < 1e9 and not isinstance(self._source, int)
        self.count = int(count) if known else None
        self.is_live = self.path is None and not known
        return capture

    def _read(self, capture: cv2.VideoCapture) -> Iterator[Frame]:
        index = 0
        while capture.grab():
            decoded, image = capture.retrieve()
            error = '' if decoded else 'a frame that cannot be decoded'
            yield Frame(self.name, image if decoded else None, index, index / self.fps, error)
            index += 1
        # Headers are often a frame or two out; more than that is a video cut short.
        if self.count and index < 0.9 * self.count:
            error = f'the video ends here, though its header says {self.count} frames'
            yield Frame(self.name, None, index, index / self.fps, error)
        elif index == 0:
            yield Frame(self.name, None, error='there is no frame in it')

    def _why_closed(self) -> str:
        if isinstance(self._source, int):
            return 'there is no such camera'
        if self.path is None:
            return 'no stream that OpenCV can open there: is the address right, and does it answer?'
        if not opencv_takes(self._source):
            return 'the name is not UTF-8, which OpenCV needs of a video: rename file or folder'
        return 'no video that OpenCV can read'


Source = Union[ImageFile, Video]


def open_sources(inputs: Sequence[str]) -> list[Source]:
    """What the inputs of the command line are: files, folders of images, cameras, addresses.

    Images of one file name in several folders are told apart by their path from the folder that holds
    all of them.

    Raises:
        FileNotFoundError: If there is no such file, or no image in a folder.
        ValueError: If a file is neither image nor video by its suffix.
    """
    sources = [source for name in inputs for source in _open(name)]
    images = [source for source in sources if isinstance(source, ImageFile)]
    paths = {image.path.absolute() for image in images}
    common = Counter(path.name for path in paths)
    if any(count > 1 for count in common.values()):
        shared = os.path.commonpath([path.parent for path in paths])
        for image in images:
            image.name = image.path.absolute().relative_to(shared).as_posix()
    return sources


def _open(name: str) -> list[Source]:
    if not name:  # else the folder that happens to be the current one
        raise ValueError(
            'one of the inputs is an empty text: name an image, folder, video or camera'
        )
    if ADDRESS.match(name):
        return [Video(name)]
    path = Path(name)
    if path.is_dir():
        return _images_in(path)
    if re.fullmatch(r'[0-9]{1,4}', name) and not path.exists():
        return [Video(int(name))]
    if not path.is_file():
        raise FileNotFoundError(f'no file or folder {path}')
    if path.suffix.lower() in IMAGES:
        return [ImageFile(path)]
    if path.suffix.lower() in VIDEOS:
        return [Video(path)]
    raise ValueError(
        f'{path} is neither image ({", ".join(IMAGES)}) nor video ({", ".join(VIDEOS)}), nor a model '
        '(.onnx)'
    )


def _images_in(folder: Path) -> list[Source]:
    files = sorted(folder.iterdir())
    images = [file for file in files if file.suffix.lower() in IMAGES and not file.is_dir()]
    if not images:
        raise FileNotFoundError(f'no images in the folder {folder} ({", ".join(IMAGES)})')
    others = [file.name for file in files if file not in set(images)]
    if others:
        shown = ', '.join(others[:3]) + (f' and {len(others) - 3} more' if others[3:] else '')
        logger.warning('%s: left out what is no image by its suffix: %s', folder, shown)
    return [ImageFile(image) for image in images]


def _name(source: Path | int | str) -> str:
    """What a video is called; of an address no password, and nothing that a file name cannot have."""
    if isinstance(source, Path):
        return source.name
    if isinstance(source, int):
        return f'camera{source}'
    address = urlsplit(source)
    place = f'{address.netloc.rpartition("@")[2]}{address.path}'
    return '_'.join(re.findall(r'[\w.-]+', place, re.ASCII))[:100] or 'stream'
