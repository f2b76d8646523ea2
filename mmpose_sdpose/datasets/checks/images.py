"""Image files of a data set: whether they are there, hold something, and have the size that is said."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from PIL import Image

from .annotations import Picture
from .findings import Finding, some

#: How many files are opened, spread over all.
LOOKED_AT = 24
_ORIENTATION = 274  # EXIF tag; from 5 on, width and height change places
_TURNED_ON_ITS_SIDE = 5


def check_images(
    pictures: Sequence[Picture], folder: str, annotations: str, origin: str
) -> Iterator[Finding]:
    """What is wrong with image files; the data's origin is said for those that are missing.

    Every file is looked for, one look into each folder; some are opened.

    Args:
        pictures: Those that are used.
        folder: What their names are relative to.
        annotations: The file that lists them.
        origin: Where the data comes from, '' if nobody says.
    """
    paths = {os.path.join(folder, picture.file_name): picture for picture in pictures}
    there = _files_with_content({os.path.dirname(path) for path in paths})
    missing = sorted(path for path in paths if path not in there)
    empty = [path for path in missing if os.path.isfile(path)]
    broken = [path for path in missing if os.path.islink(path) and path not in empty]
    absent = [path for path in missing if path not in empty and path not in broken]
    if absent:
        yield Finding(
            f'{len(absent)} of {len(paths)} images named in {annotations} are not there, the first is '
            f'expected at {os.path.abspath(absent[0])}{origin}'
        )
    if empty:
        yield Finding(f'image files are empty ({len(empty)}): {some(empty)}. Copy them again')
    if broken:
        targets = [f'{path} -> {os.readlink(path)}' for path in broken]
        yield Finding(f'images are links to what is not there ({len(broken)}): {some(targets)}')
    present = [path for path in paths if path in there]
    step = max(1, len(present) // LOOKED_AT)
    yield from _check_sizes({path: paths[path] for path in present[::step]}, annotations)


def _files_with_content(folders: set[str]) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        if os.path.isdir(folder or '.'):
            with os.scandir(folder or '.') as entries:
                names = [entry.name for entry in entries if _has_content(entry)]
            found.update(os.path.join(folder, name) for name in names)
    return found


def _has_content(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file() and entry.stat().st_size > 0
    except OSError:  # a link in a circle
        return False


def _check_sizes(pictures: dict[str, Picture], annotations: str) -> Iterator[Finding]:
    unreadable, turned, other = [], [], []
    for path, picture in pictures.items():
        try:
            with Image.open(path) as image:
                size, on_side = image.size, image.getexif().get(_ORIENTATION, 1)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            unreadable.append(path)
            continue
        said = (picture.width, picture.height)
        if None in said:
            continue
        upright = size[::-1] if on_side >= _TURNED_ON_ITS_SIDE else size
        if upright != size and said == size:
            turned.append(path)
        elif said != upright:
            other.append(f'{path} is {_as_text(upright)}, not {_as_text(said)}')
    looked = f'of {len(pictures)} images that were opened'
    if unreadable:
        yield Finding(f'{looked}, {len(unreadable)} cannot be read: {some(unreadable)}')
    if turned:
        yield Finding(
            f'{looked}, {len(turned)} are turned by their EXIF orientation when MMPose loads them, but '
            f'the sizes in {annotations} are of the unturned: {some(turned)}. Keypoints would be beside '
            'the people: write the images upright and without that tag, or remove the tag',
            fatal=False,
        )
    if other:
        yield Finding(
            f'{looked}, {len(other)} are not of the size that {annotations} says: {some(other)}. '
            'Were they resized since people were annotated? Keypoints would be beside them',
            fatal=False,
        )


def _as_text(size: Sequence[float | None]) -> str:
    return f'{size[0]:g}x{size[1]:g}'
